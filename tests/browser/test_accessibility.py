"""The guest's page and the gate's in every state: no rule of accessibility is broken."""

import pytest
from sqlalchemy import text

from support.axe import assert_accessible
from support.castle import ORDERS_PATH, line, order

PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}
LOOKS = [(PHONE, "light"), (PHONE, "dark"), (DESKTOP, "dark"), (DESKTOP, "light")]
STATES = {
    "valid": "valid_from = now() - interval '1 hour', valid_until = now() + interval '1 hour'",
    "not valid yet": "valid_from = now() + interval '1 day'",
    "expired": "valid_from = now() - interval '2 days', valid_until = now() - interval '1 day'",
    "used": "admitted = admits, last_admitted_at = now()",
}


async def check(browser, url: str, what: str) -> None:
    context = await browser.new_context()
    page = await context.new_page()
    await page.goto(url)
    for size, scheme in LOOKS:
        await page.set_viewport_size(size)
        await page.emulate_media(color_scheme=scheme)
        await assert_accessible(page, f"{what}, {size['width']}, {scheme}")
    await context.close()


async def issue(client, language: str = "ENU") -> dict:
    # Three, so that the list of guests is there.
    names = ["Jane Doe", "王小明", "محمد علي"]
    items = [line(quantity=3, wallet={"names": names})]
    reply = await client.post(
        f"{ORDERS_PATH}?sync=1", json=order(sellToLanguage=language, items=items)
    )
    issued: dict = reply.json()
    return issued


@pytest.mark.parametrize("state", STATES)
async def test_an_orders_page_and_a_wallets(browser, client, venue, state):
    issued = await issue(client)
    async with venue.database.transaction() as conn:
        await conn.execute(
            text(f"UPDATE assets SET {STATES[state]} WHERE order_id = :id"),
            {"id": issued["orderId"]},
        )
    await check(browser, issued["manifestUrl"], f"order, {state}")
    await check(browser, issued["items"][0]["wallets"][0]["manifestUrl"], f"wallet, {state}")


async def test_a_cancelled_orders_page_and_a_wallets(browser, client):
    issued = await issue(client)
    await client.delete(f"{ORDERS_PATH}/{issued['orderId']}")
    await check(browser, issued["manifestUrl"], "order, cancelled")
    await check(browser, issued["items"][0]["wallets"][0]["manifestUrl"], "wallet, cancelled")


@pytest.mark.parametrize("language", ["ARA", "DAN"])
async def test_other_languages(browser, client, language):
    issued = await issue(client, language)
    await check(browser, issued["manifestUrl"], language)
