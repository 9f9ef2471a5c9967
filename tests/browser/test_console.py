"""The venue's console in a real browser: each page and action, on a phone and at a desk."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, expect
from sqlalchemy import text

from channel_manager.companies.service import list_companies
from channel_manager.console.roles import Role
from channel_manager.orders.sales import count_sales
from support import castle
from support.axe import assert_accessible
from support.castle import ORDERS_PATH, order
from support.console import PASSWORD, add_person
from support.receiver import receiving
from support.webhooks import settle, subscribe

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


async def test_orders_are_found_filtered_and_renewed(anna, client, screenshots):
    made = await settle(client, sellToName=EVIL, sellToOrderReference="EVIL-1")
    await settle(client, sellToName="Ada Lovelace", paymentReference="")
    await anna.reload()
    await anna.locator("h1").click()
    await anna.keyboard.press("/")
    await anna.keyboard.type("EVIL-1")
    await anna.keyboard.press("Enter")
    await expect(anna.get_by_role("link", name="EVIL-1")).to_be_visible()
    await expect(anna.locator("main tbody tr")).to_have_count(1)
    assert made["orderId"] in await anna.content()
    await anna.get_by_role("link", name="Clear").or_(anna.get_by_text("Filters")).first.click()
    await anna.goto(anna.url.partition("?")[0])
    await anna.get_by_text("Filters").click()
    await anna.get_by_label("Draft").check()
    await anna.get_by_role("button", name="Find").last.click()
    await expect(anna.get_by_role("link", name="EVIL-1")).to_have_count(0)
    await shots(anna, screenshots, "orders-filtered")
    await anna.goto(anna.url.partition("?")[0])
    await shots(anna, screenshots, "orders")
    # An order that comes now shows by itself.
    await settle(client, sellToOrderReference="LATER-1")
    await expect(anna.get_by_role("link", name="LATER-1")).to_be_visible(timeout=15_000)


async def test_an_order_is_confirmed_and_cancelled(anna, client, venue, screenshots):
    draft = await settle(client, sellToName=EVIL, paymentReference="")
    await anna.goto(f"{venue.service.base}/console/orders/{draft['orderId']}")
    await shots(anna, screenshots, "order-draft")
    await anna.get_by_label("Payment reference").fill("CASH")
    await anna.get_by_role("button", name="Confirm").click()
    await expect(anna.get_by_role("status")).to_have_text("The order is confirmed.")
    await anna.get_by_text("As the partner sees it").click()
    await shots(anna, screenshots, "order-issued")
    # The address that the guest's page has is the service's public one.
    link = anna.get_by_role("link", name="Open the guest's page")
    assert draft["orderId"] not in await link.get_attribute("href")
    assert "/wallets/manifest?mid=" in await link.get_attribute("href")
    await anna.get_by_role("button", name="Cancel the order").click()
    await expect(anna.get_by_role("status")).to_have_text("The order is cancelled.")
    await shots(anna, screenshots, "order-cancelled")


async def test_what_failed_is_reprocessed_alone_and_together(anna, client, venue, screenshots):
    made = [await settle(client) for _ in range(4)]
    async with venue.database.transaction() as conn:
        for one in made:
            await conn.execute(
                text(
                    "UPDATE orders SET status = 'Error', status_message = :why"
                    " WHERE order_id = CAST(:id AS uuid)"
                ),
                {"id": one["orderId"], "why": f"The place is gone. {EVIL}"},
            )
    base = venue.service.base
    await anna.goto(f"{base}/console/orders/{made[0]['orderId']}")
    await shots(anna, screenshots, "order-failed")
    await anna.get_by_role("button", name="Reprocess", exact=True).click()
    await expect(anna.get_by_role("status")).to_have_text("The order is submitted again.")
    await anna.goto(f"{base}/console/orders?status=Error")
    await anna.get_by_label(f"Tick {made[1]['sellToOrderReference']}").check()
    await anna.get_by_role("button", name="Reprocess those ticked").click()
    await expect(anna.get_by_text("It is over.")).to_be_visible(timeout=20_000)
    await anna.goto(f"{base}/console/orders?status=Error")
    await anna.get_by_role("button", name="Reprocess all of them").click()
    await expect(anna.get_by_text("It is over.")).to_be_visible(timeout=20_000)
    await shots(anna, screenshots, "run")
    await anna.get_by_role("link", name="All runs").click()
    await shots(anna, screenshots, "runs")
    for one in made:
        now = (await client.get(f"{ORDERS_PATH}/{one['orderId']}")).json()
        assert now["status"] == "Issued"


async def test_time_slots_are_closed_with_what_it_does_shown_first(
    anna, client, venue, screenshots
):
    base = venue.service.base
    await settle(client, items=[castle.line(visitDate=castle.soon(2))])
    await anna.goto(f"{base}/console/slots")
    await anna.locator("th label.ticks").nth(2).click()
    await shots(anna, screenshots, "slots")
    ticked = await anna.locator("tbody input[name=slot]:checked").count()
    assert ticked >= 1
    await anna.get_by_role("button", name="See what it does").click()
    await expect(anna.get_by_role("heading", level=1)).to_have_text("Close these time slots?")
    await shots(anna, screenshots, "slots-check")
    await anna.get_by_role("button", name="Close them").click()
    await expect(anna.get_by_role("status")).to_have_text("The time slots are changed.")
    await expect(anna.locator("td.shut")).to_have_count(ticked)
    await anna.locator("td.shut a").first.click()
    await shots(anna, screenshots, "slot")


async def test_a_key_is_made_shown_once_and_revoked(anna, venue, screenshots):
    base = venue.service.base
    await anna.goto(f"{base}/console/partners")
    await shots(anna, screenshots, "partners")
    await anna.locator("main tbody a").first.click()
    await shots(anna, screenshots, "partner")
    await anna.get_by_role("link", name="Make a key").click()
    await anna.get_by_label("What it is for").fill("shop")
    await shots(anna, screenshots, "keys")
    await anna.get_by_role("button", name="Make it").click()
    await expect(anna.locator("[data-copy]")).to_be_visible()
    await shots(anna, screenshots, "key-once")
    await anna.get_by_role("link", name="I have copied it").click()
    row = anna.locator("tr", has_text="shop")
    await row.get_by_role("button", name="Revoke").click()
    await expect(anna.get_by_role("status")).to_have_text("The key is revoked.")
    await expect(anna.locator("tr", has_text="shop").get_by_text("revoked")).to_be_visible()


async def test_webhooks_are_watched_and_sent_again(anna, client, venue, screenshots):
    async with receiving() as receiver:
        made = await subscribe(client, receiver.url)
        await settle(client)
        await receiver.wait_for(1)
        await anna.goto(f"{venue.service.base}/console/webhooks")
        await shots(anna, screenshots, "webhooks")
        await anna.goto(f"{venue.service.base}/console/webhooks/{made['id']}")
        # A delivery that comes while somebody looks shows by itself.
        await expect(anna.locator("#log .state-delivered").first).to_be_visible(timeout=15_000)
        await shots(anna, screenshots, "webhook")
        await anna.get_by_role("button", name="Send again").last.click()
        await receiver.wait_for(2)
        await anna.get_by_role("button", name="Pause").click()
        await expect(anna.get_by_role("button", name="Resume")).to_be_visible()


async def test_people_are_let_in_with_a_password_shown_once(anna, venue, screenshots):
    await anna.goto(f"{venue.service.base}/console/people")
    await anna.get_by_label("Login", exact=True).fill("bo")
    await anna.get_by_role("button", name="Let in").click()
    await expect(anna.locator("[data-copy]")).to_be_visible()
    await shots(anna, screenshots, "person-once")
    await anna.goto(f"{venue.service.base}/console/people")
    await shots(anna, screenshots, "people")


async def test_in_danish_and_in_the_dark(anna, venue, screenshots):
    await anna.goto(f"{venue.service.base}/console/account")
    await anna.get_by_label("Language").select_option("da")
    await anna.get_by_role("button", name="Choose").click()
    await expect(anna.locator("html")).to_have_attribute("lang", "da")
    await anna.emulate_media(color_scheme="dark")
    for name in ("", "/orders", "/slots", "/partners", "/webhooks"):
        await anna.goto(f"{venue.service.base}/console{name}")
        await shots(anna, screenshots, f"danish-dark{name.replace('/', '-')}")
    await anna.goto(f"{venue.service.base}/console/account")
    await anna.locator("select[name=language]").select_option("en")
    await anna.locator("form:has(select[name=language]) button").click()
    await expect(anna.locator("html")).to_have_attribute("lang", "en")


async def test_today(anna, client, venue, screenshots):
    for n in range(6):
        await client.post(
            f"{ORDERS_PATH}?sync=1", json=order(items=[castle.line(visitDate=castle.soon(n % 4))])
        )
    await client.post(ORDERS_PATH, json=order(sellToName=EVIL, paymentReference=""))
    await count_sales(venue.database, 2)
    await anna.reload()
    await shots(anna, screenshots, "today")
