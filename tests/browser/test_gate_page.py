"""The gate's page in a real browser, with a scanner that types."""

from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Page, expect
from sqlalchemy import text

from support.castle import COMPANY, ORDERS_PATH, TENANT, line, order


async def set_up(page: Page, base: str, key: str) -> None:
    await page.goto(f"{base}/gate")
    await page.get_by_label("Tenant").fill(TENANT)
    await page.get_by_label("Company").fill(COMPANY)
    await page.get_by_label("Key").fill(key)
    await page.get_by_role("button", name="Start").click()


@pytest.fixture
async def page(browser, venue) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport={"width": 390, "height": 844})
    page = await context.new_page()
    await set_up(page, venue.service.base, venue.key)
    yield page
    await context.close()


async def ticket(client: httpx.AsyncClient, database, name: str = "Jane Doe") -> str:
    body = order(items=[line(quantity=1, wallet={"names": [name]})])
    reply = await client.post(f"{ORDERS_PATH}?sync=1", json=body)
    async with database.transaction() as conn:
        await conn.execute(
            text("UPDATE assets SET valid_from = NULL, valid_until = NULL, admits_to = NULL")
        )
    number: str = reply.json()["items"][0]["wallets"][0]["assets"][0]["referenceNumber"]
    return number


async def admitted_today(page: Page) -> int:
    return int(await page.inner_text("#today"))


async def scan(page: Page, number: str) -> None:
    await page.keyboard.type(number)
    await page.keyboard.press("Enter")


async def test_a_hand_scanner_lets_a_guest_in_once(page, client, venue, screenshots):
    name = "<img src=x onerror=alert(1)> 王小明"
    number = await ticket(client, venue.database, name)
    before = await admitted_today(page)
    await scan(page, number)
    await expect(page.locator("#light")).to_have_text("Go")
    await expect(page.locator("#verdict")).to_have_class("green")
    await expect(page.locator("#tickets")).to_contain_text(name)
    await expect(page.locator("#today")).to_have_text(str(before + 1))
    await page.screenshot(path=screenshots / "gate-green.png")
    await scan(page, number)
    await expect(page.locator("#verdict")).to_have_class("red")
    await expect(page.locator("#reason")).to_contain_text("Already admitted")
    await page.screenshot(path=screenshots / "gate-red.png")


async def test_scans_without_a_line_are_kept_and_sent_later(page, client, venue):
    number = await ticket(client, venue.database)
    before = await admitted_today(page)
    await page.context.set_offline(True)
    await scan(page, number)
    await expect(page.locator("#light")).to_have_text("No line")
    await expect(page.locator("#offline")).to_have_text("1 scans wait for the line.")
    await page.context.set_offline(False)
    await expect(page.locator("#offline")).to_be_hidden(timeout=20_000)
    await expect(page.locator("#today")).to_have_text(str(before + 1))


async def test_a_wrong_key_is_told(browser, venue):
    page = await browser.new_page()
    await set_up(page, venue.service.base, "nope")
    await expect(page.locator("#reason")).to_contain_text("valid API key")
    assert "nope" not in page.url
    await page.close()
