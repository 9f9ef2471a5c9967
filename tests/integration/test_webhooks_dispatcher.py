"""A dispatcher's own troubles: being stopped, losing its connections, and orders in between."""

import asyncio
from uuid import UUID

import pytest
from aiohttp import web
from sqlalchemy import text

from channel_manager.db import new_id
from channel_manager.webhooks.events import EventName, OrderEvent, publish
from channel_manager.worker import run_worker
from support.castle import ORDERS_PATH, PARTNER, order
from support.receiver import receiving
from support.service import settled
from support.webhooks import log_of, settle, subscribe, until


async def test_a_stopped_worker_gives_back_what_has_not_been_answered(
    client, database, database_url, settings
):
    never = asyncio.Event()
    async with receiving() as receiver:

        async def sleep(_):
            await never.wait()
            return web.Response(status=204)

        receiver.answer = sleep
        await subscribe(client, receiver.url)
        stop = asyncio.Event()
        worker = asyncio.create_task(run_worker(settings, database_url, stop))
        await settle(client)
        await receiver.wait_for(1)
        stop.set()
        await asyncio.wait_for(worker, 15)
        async with database.transaction() as conn:
            rows = await conn.execute(
                text("SELECT state, attempts, claimed_until <= now() FROM webhook_deliveries")
            )
            assert rows.all() == [("waiting", 0, True)]
        never.set()


async def test_a_worker_that_has_lost_every_connection_delivers_on(client, database, worker):
    async with receiving() as receiver:
        made = await subscribe(client, receiver.url)
        await settle(client)
        await receiver.wait_for(1)
        async with database.transaction() as conn:
            await conn.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )

        async def settles():
            reply = await client.post(f"{ORDERS_PATH}?sync=1", json=order())
            return reply.status_code == 201

        await until(settles)
        await receiver.wait_for(2)
        await until(lambda: listening(database))
        await until(lambda: all_delivered(client, made))


async def listening(database) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'channel-manager-news'"
    async with database.read() as conn:
        return await conn.scalar(text(f"{query} AND datname = current_database()")) == 1


async def all_delivered(client, made):
    return {entry["state"] for entry in await log_of(client, made)} == {"delivered"}


async def test_orders_settle_while_a_receiver_sleeps_with_hundreds_of_events(
    client, database, worker
):
    asleep = asyncio.Event()
    async with receiving() as sleeper:

        async def sleep(_):
            await asleep.wait()
            return web.Response(status=204)

        sleeper.answer = sleep
        await subscribe(client, sleeper.url)
        await settle(client)
        async with database.transaction() as conn:
            await conn.execute(
                text(
                    "INSERT INTO webhook_deliveries (company_id, delivery_id, event_id,"
                    " subscription_id, state, attempts, last_error)"
                    " SELECT company_id, gen_random_uuid(), event_id, subscription_id, 'waiting',"
                    " 0, '' FROM webhook_deliveries, generate_series(1, 1000)"
                )
            )
        await sleeper.wait_for(16)
        for _ in range(10):
            made = (await client.post(ORDERS_PATH, json=order())).json()
            assert (await settled(client, f"{ORDERS_PATH}/{made['orderId']}"))["status"] == "Issued"
        # No time-out has ended one of them: none was waited for.
        assert len(sleeper.received) == 16
        asleep.set()


async def test_a_rolled_back_transaction_writes_no_event_and_tells_nobody(
    client, database, company_id
):
    await subscribe(client, "http://127.0.0.1:9/hook")
    heard = []
    database.on_news = heard.append
    event = OrderEvent(
        company_id=company_id,
        partner_id=UUID(PARTNER),
        name=EventName.PROCESSED,
        order_id=new_id(),
        submission=1,
        buy_from_order_reference="CM-1",
        status="Issued",
    )

    async def fail() -> None:
        async with database.transaction() as conn:
            await publish(conn, event)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    async with database.transaction() as conn:
        assert await conn.scalar(text("SELECT count(*) FROM webhook_events")) == 0
    assert heard == []
    async with database.transaction() as conn:
        await publish(conn, event)
        assert heard == []
    assert len(heard) == 1
