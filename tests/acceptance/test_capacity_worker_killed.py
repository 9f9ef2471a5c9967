"""kill -9 of workers during 1,000 orders for small slots: all accounts of capacity agree."""

import asyncio
import random

import httpx
from sqlalchemy import text

from channel_manager.db import Database
from support import castle
from support.castle import ORDERS_PATH, order
from support.service import serving
from support.slots import assert_audit_clean, small_castle

ORDERS = 1_000
KILLS = 6
DAYS = 5


async def test_killing_workers_loses_and_doubles_no_place(database, database_url):
    company_id = await castle.load_venue(database, small_castle(20))
    key = await castle.make_key(database, company_id)
    env = {
        "DATABASE_URL": database_url,
        "CHANNEL_MANAGER_HEARTBEAT_SECONDS": "2",
        "CHANNEL_MANAGER_LOG_LEVEL": "ERROR",
    }
    async with (
        serving(env, "--workers", "2") as service,
        httpx.AsyncClient(
            base_url=service.base, headers={"x-np-api-key": key}, timeout=60
        ) as client,
    ):
        posting = asyncio.create_task(post_orders(client))
        for _ in range(KILLS):
            await asyncio.sleep(random.uniform(0.2, 0.7))
            workers = service.children("worker")
            if workers:
                random.choice(workers).kill()
            await assert_audit_clean(database, company_id)
        await posting
        await wait_until_settled(database)
    await assert_audit_clean(database, company_id)
    async with database.transaction() as conn:
        fullest = await conn.scalar(text("SELECT max(reserved) FROM time_slots"))
        refused = await conn.scalar(text("SELECT count(*) FROM orders WHERE status = 'Error'"))
    # Five times more was asked for than there is.
    assert fullest == 20
    assert refused > 0


def one_order(number: int) -> dict:
    lines = [
        {
            "itemNumber": "31001",
            "visitDate": castle.soon(7 + number % DAYS),
            "visitTime": f"{hour}:15:00",
            "quantity": random.randint(1, 2),
        }
        # In any order: the slots are locked in theirs.
        for hour in random.sample(range(10, 16), 2)
    ]
    paid = {} if number % 3 else {"paymentReference": ...}
    return order(items=lines, **paid)


async def post_orders(client: httpx.AsyncClient) -> None:
    gate = asyncio.Semaphore(16)

    async def post(number: int) -> None:
        async with gate:
            reply = await client.post(ORDERS_PATH, json=one_order(number))
            assert reply.status_code == 201, reply.text

    await asyncio.gather(*(post(number) for number in range(ORDERS)))


async def wait_until_settled(database: Database) -> None:
    for _ in range(900):
        async with database.transaction() as conn:
            waiting = await conn.scalar(
                text("SELECT count(*) FROM orders WHERE status NOT IN ('Issued','Draft','Error')")
            )
        if waiting == 0:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"after 90 s {waiting} are in flight")
