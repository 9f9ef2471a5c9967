"""Orders that failed, and jobs that were lost."""

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from channel_manager.cli.companies import operator_access, pick_company
from channel_manager.errors import InvalidStatus
from channel_manager.orders.jobs import find_forgotten
from channel_manager.orders.service import reprocess_order
from channel_manager.orders.settle import settle
from channel_manager.orders.submissions import Submission
from support.castle import ORDERS_PATH, order
from support.service import settled


async def reprocess(database, order_id: str) -> None:
    async with database.transaction() as conn:
        access = operator_access(await pick_company(conn, None))
        await reprocess_order(conn, access, order_id)


async def test_an_order_that_failed_is_issued_once_the_cause_is_gone(client, database, worker):
    body = order()
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE ticket_types SET number_pattern = 'X-[N]'"))
        await conn.execute(text("UPDATE companies SET catalog_version = catalog_version + 1"))
    body["items"][0]["quantity"] = 50
    made = (await client.post(ORDERS_PATH, json=body)).json()
    path = f"{ORDERS_PATH}/{made['orderId']}"
    failed = await settled(client, path)
    assert failed["status"] == "Error"
    assert "no free X-[N] numbers" in failed["statusMessage"]
    assert [item["wallets"] for item in failed["items"]] == [[]]
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE ticket_types SET number_pattern = 'X-[X*12]'"))
        await conn.execute(text("UPDATE companies SET catalog_version = catalog_version + 1"))
    await reprocess(database, made["orderId"])
    issued = await settled(client, path)
    assert (issued["status"], issued["statusMessage"]) == ("Issued", "")
    assert len(issued["items"][0]["wallets"]) == 50
    assert issued["jobId"] != failed["jobId"]


async def test_an_issued_order_is_not_reprocessed(client, database):
    made = (await client.post(f"{ORDERS_PATH}?sync=1", json=order())).json()
    with pytest.raises(InvalidStatus, match="Issued"):
        await reprocess(database, made["orderId"])


async def test_an_order_whose_job_was_lost_is_found(client, database, worker):
    made = (await client.post(ORDERS_PATH, json=order())).json()
    path = f"{ORDERS_PATH}/{made['orderId']}"
    await settled(client, path)
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE orders SET status = 'Processing', submission = 2"))
        await conn.execute(text("UPDATE order_lines SET submission = 2"))
    assert await find_forgotten(database, seconds=0) == 1
    assert (await settled(client, path))["status"] == "Issued"


async def test_a_job_that_runs_many_times_issues_once(client, database, company_id):
    made = (await client.post(ORDERS_PATH, json=order())).json()
    submission = Submission(company_id, UUID(made["orderId"]), 1)
    await asyncio.gather(*(settle(database, submission) for _ in range(8)))
    async with database.transaction() as conn:
        assert await conn.scalar(text("SELECT count(*) FROM assets")) == 2
        assert await conn.scalar(text("SELECT count(*) FROM webhook_events")) == 1
