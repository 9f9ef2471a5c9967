"""The pictures of the README: the console, and the guest's page, of a venue with a day on it.

They are written to `docs/pictures` where CHANNEL_MANAGER_PICTURES=1, and else beside the other
screenshots, so that a run of the tests leaves the repository as it was.
"""

import os
from pathlib import Path

import pytest
from playwright.async_api import Browser
from sqlalchemy import text

from channel_manager.companies.service import list_companies
from channel_manager.console.roles import Role
from channel_manager.orders.sales import count_sales
from support import castle
from support.castle import ORDERS_PATH, order
from support.console import PASSWORD, add_person
from support.receiver import receiving
from support.webhooks import subscribe

KEPT = Path(__file__).parents[2] / "docs" / "pictures"
NAMES = ("Ada Lind", "Bo Holm", "Clara Dahl", "David Berg", "Eva Skov")


@pytest.fixture
def folder(screenshots) -> Path:
    return KEPT if os.environ.get("CHANNEL_MANAGER_PICTURES") == "1" else screenshots


async def sell(client, venue) -> str:
    """Two weeks of orders for the next days; returns the address of a guest's page."""
    made = []
    for n in range(60):
        line = castle.line(visitDate=castle.soon(n % 7), quantity=1 + n % 4)
        body = order(items=[line], sellToName=NAMES[n % 5], sellToEmail=f"guest{n}@example.com")
        if n % 9 == 4:
            body["paymentReference"] = ""
        made.append((await client.post(f"{ORDERS_PATH}?sync=1", json=body)).json())
    async with venue.database.transaction() as conn:
        await conn.execute(text("UPDATE time_slots SET capacity = 40 WHERE capacity > 40"))
        for n, one in enumerate(made[:48]):
            await conn.execute(
                text(
                    "UPDATE orders SET received_at = received_at - make_interval(days => :days)"
                    " WHERE order_id = CAST(:id AS uuid)"
                ),
                {"days": (n * 7) % 13, "id": one["orderId"]},
            )
    await count_sales(venue.database, 14)
    address: str = made[0]["manifestUrl"]
    return address


async def test_the_pictures_of_the_readme(venue, client, browser: Browser, folder):
    folder.mkdir(exist_ok=True)
    async with venue.database.read() as conn:
        [company] = await list_companies(conn)
    await add_person(venue.database, company.company_id, "anna", Role.ADMIN)
    async with receiving() as receiver:
        await subscribe(client, receiver.url)
        guest = await sell(client, venue)
        await receiver.wait_for(50)
    desk = await browser.new_context(viewport={"width": 1280, "height": 960}, locale="en-GB")
    page = await desk.new_page()
    await page.goto(f"{venue.service.base}/console")
    await page.get_by_label("Login").fill("anna")
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.get_by_role("heading", name="Today").wait_for()
    await page.screenshot(path=folder / "console.png", full_page=True)
    await desk.close()
    phone = await browser.new_context(
        viewport={"width": 390, "height": 844}, locale="en-GB", device_scale_factor=2
    )
    page = await phone.new_page()
    await page.goto(guest)
    await page.get_by_role("heading", level=1).wait_for()
    await page.screenshot(path=folder / "guest.png")
    await phone.close()
    for name in ("console.png", "guest.png"):
        assert (folder / name).stat().st_size > 20_000
