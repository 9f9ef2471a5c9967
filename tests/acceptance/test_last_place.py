"""50 parallel orders for the last place, issued by four worker processes, 100 times over."""

import asyncio

import httpx
from sqlalchemy import text

from channel_manager.db import Database
from support import castle
from support.castle import ORDERS_PATH, order
from support.service import serving
from support.slots import assert_audit_clean, small_castle

TIMES = 100
ORDERS = 50
HOURS = range(10, 16)


async def test_exactly_one_order_gets_the_last_place(database, database_url):
    company_id = await castle.load_venue(database, small_castle(1))
    key = await castle.make_key(database, company_id)
    env = {"DATABASE_URL": database_url, "CHANNEL_MANAGER_LOG_LEVEL": "ERROR"}
    slots = [(castle.soon(7 + n // len(HOURS)), HOURS[n % len(HOURS)]) for n in range(TIMES)]
    async with (
        serving(env, "--workers", "4") as service,
        httpx.AsyncClient(
            base_url=service.base, headers={"x-np-api-key": key}, timeout=60
        ) as client,
    ):
        assert len(service.children("worker")) == 4
        for day, hour in slots:
            await race(client, database, day, hour)
    await assert_audit_clean(database, company_id)


async def race(client: httpx.AsyncClient, database: Database, day: str, hour: int) -> None:
    line = {"itemNumber": "31001", "visitDate": day, "visitTime": f"{hour}:30:00"}
    made = await asyncio.gather(
        *(client.post(ORDERS_PATH, json=order(items=[line])) for _ in range(ORDERS))
    )
    assert {reply.status_code for reply in made} == {201}
    found = await all_settled(database, [reply.json()["orderId"] for reply in made])
    statuses = sorted(status for status, _ in found.values())
    assert statuses == ["Error"] * (ORDERS - 1) + ["Issued"]
    refusals = {message for status, message in found.values() if status == "Error"}
    assert refusals == {
        f"items[0]: CASTLE on {day} at {hour}:30 has no place left and 1 is needed;"
        " choose another time or fewer guests (capacity_exceeded)"
    }


async def all_settled(database: Database, ids: list[str]) -> dict[str, tuple[str, str]]:
    for _ in range(1_000):
        async with database.transaction() as conn:
            rows = await conn.execute(
                text("""SELECT order_id, status, status_message FROM orders
                    WHERE order_id = ANY(CAST(:ids AS uuid[]))
                    AND status IN ('Issued', 'Error', 'Draft')"""),
                {"ids": ids},
            )
            found = {str(row.order_id): (row.status, row.status_message) for row in rows}
        if len(found) == len(ids):
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"{len(found)} of {len(ids)} settled")
