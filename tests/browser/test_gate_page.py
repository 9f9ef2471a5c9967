"""The gate's page in a real browser, with a scanner that types."""

from collections.abc import AsyncIterator

import httpx
import pytest
from playwright.async_api import Page, expect
from sqlalchemy import text

from support import castle
from support.castle import COMPANY, ORDERS_PATH, TENANT, line, order
from support.service import Service, serving


@pytest.fixture
async def service(database, database_url) -> AsyncIterator[Service]:
    env = {"DATABASE_URL": database_url, "CHANNEL_MANAGER_LOG_LEVEL": "WARNING"}
    async with serving(env) as running:
        yield running


@pytest.fixture
async def key(database) -> str:
    company_id = await castle.load_venue(database)
    return await castle.make_key(database, company_id)


async def set_up(page: Page, service: Service, key: str) -> None:
    await page.goto(f"{service.base}/gate")
    await page.get_by_label("Tenant").fill(TENANT)
    await page.get_by_label("Company").fill(COMPANY)
    await page.get_by_label("Key").fill(key)
    await page.get_by_role("button", name="Start").click()


@pytest.fixture
async def page(browser, service, key) -> AsyncIterator[Page]:
    context = await browser.new_context(viewport={"width": 390, "height": 844})
    page = await context.new_page()
    await set_up(page, service, key)
    yield page
    await context.close()


async def ticket(service: Service, key: str, database, name: str = "Jane Doe") -> str:
    async with httpx.AsyncClient(headers={"x-np-api-key": key}) as client:
        body = order(items=[line(quantity=1, wallet={"names": [name]})])
        reply = await client.post(f"{service.base}{ORDERS_PATH}?sync=1", json=body)
    async with database.transaction() as conn:
        await conn.execute(
            text("UPDATE assets SET valid_from = NULL, valid_until = NULL, admits_to = NULL")
        )
    number: str = reply.json()["items"][0]["wallets"][0]["assets"][0]["referenceNumber"]
    return number


async def scan(page: Page, number: str) -> None:
    await page.keyboard.type(number)
    await page.keyboard.press("Enter")


async def test_a_hand_scanner_lets_a_guest_in_once(page, service, key, database, screenshots):
    name = "<img src=x onerror=alert(1)> 王小明"
    number = await ticket(service, key, database, name)
    await scan(page, number)
    await expect(page.locator("#light")).to_have_text("Go")
    await expect(page.locator("#verdict")).to_have_class("green")
    await expect(page.locator("#tickets")).to_contain_text(name)
    await expect(page.locator("#today")).to_have_text("1")
    await page.screenshot(path=screenshots / "gate-green.png")
    await scan(page, number)
    await expect(page.locator("#verdict")).to_have_class("red")
    await expect(page.locator("#reason")).to_contain_text("Already admitted")
    await page.screenshot(path=screenshots / "gate-red.png")


async def test_scans_without_a_line_are_kept_and_sent_later(page, service, key, database):
    number = await ticket(service, key, database)
    await page.context.set_offline(True)
    await scan(page, number)
    await expect(page.locator("#light")).to_have_text("No line")
    await expect(page.locator("#offline")).to_have_text("1 scans wait for the line.")
    await page.context.set_offline(False)
    await expect(page.locator("#offline")).to_be_hidden(timeout=20_000)
    await expect(page.locator("#today")).to_have_text("1")


async def test_a_wrong_key_is_told(browser, service, key):
    page = await browser.new_page()
    await set_up(page, service, "nope")
    await expect(page.locator("#reason")).to_contain_text("valid API key")
    assert "nope" not in page.url
    await page.close()
