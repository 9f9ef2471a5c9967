"""Twenty scans of one ticket at once, from four processes."""

import asyncio

import httpx
from sqlalchemy import text

from support import castle
from support.castle import COMPANY_PATH, ORDERS_PATH, line, order
from support.service import serving

GATE = f"{COMPANY_PATH}/speedgate/tryAndAttemptAdmit"


async def test_twenty_scans_at_once_from_four_processes_admit_once(database, database_url):
    company_id = await castle.load_venue(database)
    key = await castle.make_key(database, company_id)
    env = {"DATABASE_URL": database_url, "CHANNEL_MANAGER_LOG_LEVEL": "WARNING"}
    async with serving(env, "--apis", "4") as service:
        limits = httpx.Limits(max_connections=20, max_keepalive_connections=0)
        async with httpx.AsyncClient(
            base_url=service.base, headers={"x-np-api-key": key}, timeout=30, limits=limits
        ) as client:
            for _ in range(10):
                number = await good_ticket(client, database)
                replies = await asyncio.gather(
                    *(client.post(GATE, json={"referenceNumber": number}) for _ in range(20))
                )
                codes = [reply.json()["code"] for reply in replies]
                assert sorted(codes) == ["already_admitted"] * 19 + ["ok"]
    async with database.transaction() as conn:
        assert await conn.scalar(text("SELECT count(*) FROM gate_entries")) == 10


async def good_ticket(client: httpx.AsyncClient, database) -> str:
    reply = await client.post(f"{ORDERS_PATH}?sync=1", json=order(items=[line(quantity=1)]))
    async with database.transaction() as conn:
        await conn.execute(
            text("UPDATE assets SET valid_from = NULL, valid_until = NULL, admits_to = NULL")
        )
    return reply.json()["items"][0]["wallets"][0]["assets"][0]["referenceNumber"]
