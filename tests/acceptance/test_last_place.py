"""50 parallel orders for the last place, issued by four worker processes, 100 times over."""

import asyncio

from sqlalchemy import text

from channel_manager.cli.companies import operator_access, pick_company
from channel_manager.clock import system_clock
from channel_manager.db import Database, new_id
from channel_manager.jobs import enqueue, issue_job
from channel_manager.orders.intake import create_order
from channel_manager.orders.schemas import OrderIn
from support import castle
from support.castle import order
from support.service import serving
from support.slots import assert_audit_clean, small_castle

TIMES = 100
ORDERS = 50
HOURS = range(10, 16)
COPY = text("""
    WITH copies AS (SELECT unnest(CAST(:copies AS uuid[])) AS copy),
    orders_copied AS (
        INSERT INTO orders SELECT (jsonb_populate_record(o, jsonb_build_object(
            'order_id', copy, 'reference_key', copy, 'buy_from_order_reference', copy))).*
        FROM orders o, copies WHERE o.order_id = :order
    )
    INSERT INTO order_lines SELECT (jsonb_populate_record(l, jsonb_build_object(
        'order_id', copy))).*
    FROM order_lines l, copies WHERE l.order_id = :order
""")


async def test_exactly_one_order_gets_the_last_place(database, database_url):
    company_id = await castle.load_venue(database, small_castle(1))
    env = {"DATABASE_URL": database_url, "CHANNEL_MANAGER_LOG_LEVEL": "ERROR"}
    slots = [(castle.soon(7 + n // len(HOURS)), HOURS[n % len(HOURS)]) for n in range(TIMES)]
    async with serving(env, "--workers", "4") as service:
        assert len(service.children("worker")) == 4
        for day, hour in slots:
            await race(database, day, hour)
    await assert_audit_clean(database, company_id)


async def race(database: Database, day: str, hour: int) -> None:
    found = await all_settled(database, await submit_at_once(database, day, hour))
    statuses = sorted(status for status, _ in found.values())
    assert statuses == ["Error"] * (ORDERS - 1) + ["Issued"]
    refusals = {message for status, message in found.values() if status == "Error"}
    assert refusals == {
        (
            f"items[0]: CASTLE on {day} at {hour}:30 has no place left and 1 is needed;"
            " choose another time or fewer guests (capacity_exceeded)"
        )
    }


async def submit_at_once(database: Database, day: str, hour: int) -> list[str]:
    """Accept one order and copies of it in one transaction, so that they race."""
    line = {"itemNumber": "31001", "visitDate": day, "visitTime": f"{hour}:30:00"}
    async with database.transaction() as conn:
        access = operator_access(await pick_company(conn, None))
        body = OrderIn.model_validate(order(items=[line]))
        made = await create_order(conn, access, body, system_clock(), sync=False)
        copies = [new_id() for _ in range(ORDERS - 1)]
        await conn.execute(COPY, {"order": made.order_id, "copies": copies})
        await enqueue(conn, [issue_job(made.company_id, copy, 1) for copy in copies])
    return [str(order_id) for order_id in (made.order_id, *copies)]


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
