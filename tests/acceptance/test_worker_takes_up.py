"""A worker that was killed goes on where it was, as soon as it is there again."""

import httpx
from sqlalchemy import text

from support import castle
from support.castle import ORDERS_PATH, order
from support.service import serving, settled
from support.webhooks import until


async def test_what_a_killed_worker_held_waits_for_no_heartbeat(database, database_url):
    company_id = await castle.load_venue(database)
    key = await castle.make_key(database, company_id)

    async def claimed():
        async with database.read() as conn:
            return await conn.scalar(text("SELECT count(*) FROM pgqueuer WHERE status = 'picked'"))

    # Longer than this test waits, so that nothing but the new process itself takes the order up.
    env = {"DATABASE_URL": database_url, "CHANNEL_MANAGER_HEARTBEAT_SECONDS": "600"}
    async with (
        serving(env) as service,
        httpx.AsyncClient(base_url=service.base, headers={"x-np-api-key": key}) as client,
    ):
        async with database.transaction() as conn:
            # So that the worker can't end what it has begun.
            await conn.execute(text("LOCK TABLE wallets IN EXCLUSIVE MODE"))
            made = (await client.post(ORDERS_PATH, json=order())).json()
            await until(claimed, seconds=30)
            (worker,) = service.children("worker")
            worker.kill()
        issued = await settled(client, f"{ORDERS_PATH}/{made['orderId']}", seconds=60)
    assert issued["status"] == "Issued"
    async with database.read() as conn:
        assert await conn.scalar(text("SELECT count(*) FROM assets")) == 2
