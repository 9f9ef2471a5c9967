"""What is told after a commit: once for many, and never in the transaction (decision 0021)."""

import asyncio

import asyncpg
from sqlalchemy import text

from channel_manager.db import announce, plain_url
from support.castle import ORDERS_PATH, order


async def heard_on(database_url, channel, heard):
    listener = await asyncpg.connect(plain_url(database_url))
    await listener.add_listener(channel, lambda *told: heard.append(told[3]))
    return listener


async def test_workers_hear_of_new_jobs_after_the_commit(client, database_url):
    heard = []
    listener = await heard_on(database_url, "ch_pgqueuer", heard)
    await asyncio.gather(*(client.post(ORDERS_PATH, json=order()) for _ in range(20)))
    for _ in range(100):
        if heard:
            break
        await asyncio.sleep(0.02)
    await asyncio.sleep(0.2)
    await listener.close()
    assert 1 <= len(heard) <= 20
    assert '"type":"table_changed_event"' in heard[0]


async def test_no_transaction_of_an_order_holds_a_notify(database):
    async with database.read() as conn:
        enabled = await conn.scalar(
            text("SELECT tgenabled FROM pg_trigger WHERE tgname = 'tg_pgqueuer_changed'")
        )
    assert enabled in ("D", b"D")


async def test_the_same_news_of_many_commits_is_told_once_while_it_waits(database, database_url):
    heard = []
    listener = await heard_on(database_url, "channel_manager_news", heard)

    async def commit():
        async with database.transaction() as conn:
            announce(conn, "the same")

    await asyncio.gather(*(commit() for _ in range(30)))
    await database.close()
    await asyncio.sleep(0.2)
    await listener.close()
    assert 1 <= len(heard) <= 30
    assert set(heard) == {"the same"}
