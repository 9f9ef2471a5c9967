"""kill -9 of the worker in the middle of a run that reprocesses many orders: each once, and all."""

import asyncio

import httpx
from sqlalchemy import text

from channel_manager.console.roles import Role
from support import castle
from support.castle import ORDERS_PATH, order
from support.console import PASSWORD, Visitor, add_person
from support.service import serving
from support.webhooks import until

ORDERS = 250
_FAIL = text("UPDATE orders SET status = 'Error', status_message = 'The place was gone.'")
_FIRST = text("SELECT count(*) FROM orders WHERE status = 'Issued'")
_DONE = text("SELECT count(*) FROM bulk_orders WHERE state <> 'waiting'")
_ISSUED = text("SELECT count(*) FROM orders WHERE status = 'Issued' AND submission = 2")
_TRAIL = text("SELECT count(*), count(DISTINCT subject) FROM audit_events WHERE action = :action")


async def equals(database, query, wanted: int) -> bool:
    return bool((await scalar(database, query))[0] == wanted)


async def at_least(database, query, wanted: int) -> bool:
    return bool((await scalar(database, query))[0] >= wanted)


async def another(service, dead) -> bool:
    return service.children("worker") not in ([], [dead])


async def scalar(database, query, **values):
    async with database.read() as conn:
        return (await conn.execute(query, values)).one()


async def test_each_order_of_a_run_is_submitted_once_and_settles(database, database_url):
    company_id = await castle.load_venue(database)
    key = await castle.make_key(database, company_id)
    await add_person(database, company_id, "otto", Role.OPERATOR)
    env = {
        "DATABASE_URL": database_url,
        "CHANNEL_MANAGER_HEARTBEAT_SECONDS": "2",
        "CHANNEL_MANAGER_LOG_LEVEL": "ERROR",
        "CHANNEL_MANAGER_KEY_CONCURRENCY": "1000",
    }
    async with (
        serving(env, "--workers", "1") as service,
        httpx.AsyncClient(base_url=service.base, timeout=60) as http,
    ):
        headers = {"x-np-api-key": key}

        async def create(_: int) -> None:
            reply = await http.post(ORDERS_PATH, json=order(), headers=headers)
            assert reply.status_code == 201

        for start in range(0, ORDERS, 50):
            await asyncio.gather(*(create(n) for n in range(start, start + 50)))
        await until(lambda: equals(database, _FIRST, ORDERS), 60)
        async with database.transaction() as conn:
            await conn.execute(_FAIL)
        form = {"login": "otto", "password": PASSWORD}
        assert (await http.post("/console/sign-in", data=form)).status_code == 303
        reply = await Visitor(http).send("/orders/reprocess-all?status=Error")
        assert reply.status_code == 303
        killed = []
        for reached in (1, ORDERS // 2):
            await until(lambda: at_least(database, _DONE, reached))  # noqa: B023 - awaited here
            [worker] = service.children("worker")
            worker.kill()
            killed.append(worker.pid)
            await until(lambda: another(service, worker))  # noqa: B023
        await until(lambda: equals(database, _ISSUED, ORDERS), 90)
        assert len(set(killed)) == len(killed)
        page = await Visitor(http).page(reply.headers["location"].removeprefix("/console"))
        assert "It is over." in page
    assert tuple(await scalar(database, _TRAIL, action="order.reprocess")) == (ORDERS, ORDERS)
