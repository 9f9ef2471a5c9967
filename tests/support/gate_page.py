"""The gate's page set up in a browser, and tickets to hold before it."""

import httpx
from playwright.async_api import Page
from sqlalchemy import text

from channel_manager.db import Database
from support.castle import COMPANY, COMPANY_PATH, ORDERS_PATH, TENANT, line, order


async def set_up(page: Page, base: str, key: str, language: str = "en") -> None:
    """The page as a person sets it up; in the browser's own language where that is ""."""
    await page.goto(f"{base}/gate?lang={language}")
    await page.locator("#tenant").fill(TENANT)
    await page.locator("#company").fill(COMPANY)
    await page.locator("#key").fill(key)
    await page.locator("#setup button").click()


async def ticket(client: httpx.AsyncClient, database: Database, name: str = "Jane Doe") -> str:
    """A ticket that is good now, by its number."""
    body = order(items=[line(quantity=1, wallet={"names": [name]})])
    reply = await client.post(f"{ORDERS_PATH}?sync=1", json=body)
    async with database.transaction() as conn:
        await conn.execute(
            text("UPDATE assets SET valid_from = NULL, valid_until = NULL, admits_to = NULL")
        )
    number: str = reply.json()["items"][0]["wallets"][0]["assets"][0]["referenceNumber"]
    return number


async def admitted_today(client: httpx.AsyncClient) -> int:
    """What the gate counts so far, at all admissions."""
    admitted: int = (await client.get(f"{COMPANY_PATH}/speedgate/today")).json()["admitted"]
    return admitted
