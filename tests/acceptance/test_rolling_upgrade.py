"""The schema of a newer version arrives beneath running processes (decision 0022)."""

import asyncio

import httpx
from sqlalchemy import text

from channel_manager.db import Database
from support import castle
from support.castle import ORDERS_PATH, order
from support.postgres import fresh_database
from support.service import command, serving

# What a next version may do while this one runs.
EXPAND = (
    "ALTER TABLE orders ADD COLUMN next_colour text NOT NULL DEFAULT 'red'",
    "ALTER TABLE assets ADD COLUMN next_seat text",
    "CREATE TABLE next_things (company_id uuid NOT NULL PRIMARY KEY)",
    "CREATE INDEX next_orders_colour ON orders (company_id, next_colour)",
    "UPDATE alembic_version SET version_num = '9999_next'",
)


async def test_orders_go_on_while_the_schema_moves_and_processes_change(postgres, template):
    async with fresh_database(postgres, template) as url:
        database = Database(url, pool_size=2)
        key = await castle.make_key(database, await castle.load_venue(database))
        env = {"DATABASE_URL": url, "CHANNEL_MANAGER_LOG_LEVEL": "WARNING"}
        stop = asyncio.Event()
        accepted: list[str] = []
        async with serving(env) as old:
            ordering = asyncio.create_task(keep_ordering(old.base, key, accepted, stop))
            await twenty_more(accepted, ordering)
            async with database.transaction() as conn:
                for statement in EXPAND:
                    await conn.execute(text(statement))
            await twenty_more(accepted, ordering)
            async with httpx.AsyncClient(base_url=old.base) as client:
                assert (await client.get("/readyz")).status_code == 200
            stop.set()
            await ordering
        # A roll-back: this version starts again on the newer schema, and migrates nothing.
        code, _, err = await command("migrate", env=env)
        assert code == 0, err
        async with serving(env) as again:
            stop.clear()
            ordering = asyncio.create_task(keep_ordering(again.base, key, accepted, stop))
            await asyncio.sleep(1)
            stop.set()
            await ordering
            await all_settled(database, len(accepted))
        await database.close()
        assert len(set(accepted)) == len(accepted)


async def twenty_more(accepted, ordering):
    wanted = len(accepted) + 20
    while len(accepted) < wanted and not ordering.done():  # noqa: ASYNC110 - another task's doing
        await asyncio.sleep(0.05)


async def keep_ordering(base, key, accepted, stop):
    async with httpx.AsyncClient(base_url=base, headers={"x-np-api-key": key}) as client:
        while not stop.is_set():
            reply = await client.post(ORDERS_PATH, json=order())
            assert reply.status_code == 201, reply.text
            accepted.append(reply.json()["orderId"])


async def all_settled(database, count):
    for _ in range(300):
        async with database.transaction() as conn:
            row = (
                await conn.execute(
                    text(
                        "SELECT count(*) FILTER (WHERE status = 'Issued') AS issued,"
                        " (SELECT version_num FROM alembic_version) AS version,"
                        " (SELECT count(*) FROM wallets) AS wallets FROM orders"
                    )
                )
            ).one()
        if row.issued == count:
            break
        await asyncio.sleep(0.1)
    assert (row.issued, row.wallets, row.version) == (count, count * 2, "9999_next")
