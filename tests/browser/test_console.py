"""The venue's console in a real browser: each page and action, on a phone and at a desk."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page

from channel_manager.companies.service import list_companies
from channel_manager.console.roles import Role
from channel_manager.orders.sales import count_sales
from support import castle
from support.axe import assert_accessible
from support.castle import ORDERS_PATH, order
from support.console import PASSWORD, add_person

DESK = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
async def people(venue) -> None:
    async with venue.database.read() as conn:
        [company] = await list_companies(conn)
    for login, role in (("anna", Role.ADMIN), ("otto", Role.OPERATOR), ("vera", Role.VIEWER)):
        await add_person(venue.database, company.company_id, login, role)


async def sign_in(page: Page, base: str, login: str) -> None:
    await page.goto(f"{base}/console")
    await page.get_by_label("Login").fill(login)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", level=1).wait_for()


@pytest.fixture
async def anna(venue, people, browser: Browser) -> AsyncIterator[Page]:
    """An admin at a desk, whose page must never run what a guest has written."""
    context = await browser.new_context(viewport=DESK, locale="en-GB")
    page = await context.new_page()
    trouble: list[str] = []
    page.on("dialog", lambda dialog: trouble.append(dialog.message) or dialog.accept())
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)
    await sign_in(page, venue.service.base, "anna")
    yield page
    assert [said for said in trouble if said == "1" or "Content Security" in said] == []
    await context.close()


async def shots(page: Page, screenshots, name: str) -> None:
    """A picture in both widths, each usable by everybody and no wider than its screen."""
    for width, size in (("desk", DESK), ("phone", PHONE)):
        await page.set_viewport_size(size)
        await assert_accessible(page, f"{name}, {width}")
        wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name} is {wide} pixels too wide on a {width}"
        await page.screenshot(path=screenshots / f"console-{name}-{width}.png", full_page=True)
    await page.set_viewport_size(DESK)


async def test_today(anna, client, venue, screenshots):
    for n in range(6):
        await client.post(
            f"{ORDERS_PATH}?sync=1", json=order(items=[castle.line(visitDate=castle.soon(n % 4))])
        )
    await client.post(ORDERS_PATH, json=order(sellToName=EVIL, paymentReference=""))
    await count_sales(venue.database, 2)
    await anna.reload()
    await shots(anna, screenshots, "today")
