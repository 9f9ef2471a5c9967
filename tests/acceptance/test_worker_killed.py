"""kill -9 of the worker in the middle of its work: nothing lost, nothing doubled."""

import asyncio
import random

import httpx
import psutil
from sqlalchemy import text

from channel_manager.db import Database
from support import castle
from support.castle import ORDERS_PATH, order
from support.service import serving

ROUNDS = 10
ORDERS = 200


async def test_every_order_settles_once_although_the_worker_is_killed(database, database_url):
    company_id = await castle.load_venue(database)
    key = await castle.make_key(database, company_id)
    env = {
        "DATABASE_URL": database_url,
        "CHANNEL_MANAGER_HEARTBEAT_SECONDS": "2",
        "CHANNEL_MANAGER_LOG_LEVEL": "WARNING",
    }
    async with serving(env, "--workers", "2") as service:
        client = httpx.AsyncClient(base_url=service.base, headers={"x-np-api-key": key}, timeout=30)
        async with client:
            for done in range(1, ROUNDS + 1):
                posting = asyncio.create_task(post_orders(client))
                await asyncio.sleep(random.uniform(0.1, 0.6))
                await kill(service.children("worker"))
                await posting
                await wait_until_settled(database, done * ORDERS)
    await check_one_set_of_tickets(database)


async def post_orders(client: httpx.AsyncClient) -> None:
    gate = asyncio.Semaphore(16)

    async def post() -> None:
        async with gate:
            reply = await client.post(ORDERS_PATH, json=order())
            assert reply.status_code == 201

    await asyncio.gather(*(post() for _ in range(ORDERS)))


async def kill(workers: list[psutil.Process]) -> None:
    assert workers
    random.choice(workers).kill()


async def wait_until_settled(database: Database, count: int) -> None:
    for _ in range(600):
        async with database.transaction() as conn:
            rows = await conn.execute(
                text("SELECT status, count(*) AS number FROM orders GROUP BY status")
            )
            found = {row.status: row.number for row in rows}
        if found == {"Issued": count}:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"after 60 s: {found}")


async def check_one_set_of_tickets(database: Database) -> None:
    async with database.transaction() as conn:
        tickets = await conn.execute(
            text("SELECT order_id, count(*) FROM assets GROUP BY order_id HAVING count(*) <> 2")
        )
        assert tickets.all() == []
        assert await conn.scalar(text("SELECT count(*) FROM assets")) == ROUNDS * ORDERS * 2
        assert await conn.scalar(text("SELECT count(*) FROM wallets")) == ROUNDS * ORDERS * 2
        events = await conn.scalar(text("SELECT count(*) FROM webhook_events"))
        assert events == ROUNDS * ORDERS
