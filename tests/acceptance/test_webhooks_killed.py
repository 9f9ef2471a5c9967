"""kill -9 of workers between an order's settling and its event's delivery: no event is missing."""

import asyncio
import random
from collections import Counter

from channel_manager.settings import Settings
from support.castle import ORDERS_PATH, order
from support.receiver import receiving
from support.webhooks import log_of, settle, subscribe, until
from support.workers import start_worker, working

KILLS = 100
QUICK = Settings(
    development=True, public_url="http://venue.example", heartbeat_seconds=1, log_level="ERROR"
)


async def test_a_kill_between_settle_and_delivery_100_times_loses_no_event(client, database_url):
    async with receiving() as receiver:
        made = await subscribe(client, receiver.url)
        orders = set()
        for _ in range(KILLS):
            process = start_worker(database_url, QUICK, doomed=True)
            orders.add((await client.post(ORDERS_PATH, json=order())).json()["orderId"])
            await asyncio.to_thread(process.join, 20)
            assert process.exitcode == -9
        assert receiver.received == []
        with working(database_url, QUICK):
            await until(lambda: asyncio.sleep(0, told(receiver) == orders), seconds=60)
            await until(lambda: all_delivered(client, made), seconds=30)


async def test_workers_killed_at_any_moment_lose_no_event(client, database_url):
    async with receiving() as receiver:
        made = await subscribe(client, receiver.url)
        orders = set()
        with working(database_url, QUICK, 2) as processes:
            for number in range(30):
                for _ in range(4):
                    orders.add((await client.post(ORDERS_PATH, json=order())).json()["orderId"])
                await asyncio.sleep(random.uniform(0, 0.15))
                processes[number % 2].kill()
                processes.append(processes[number % 2])
                processes[number % 2] = start_worker(database_url, QUICK)
            await until(lambda: asyncio.sleep(0, told(receiver) == orders), seconds=60)
            await until(lambda: all_delivered(client, made), seconds=30)


async def test_a_dead_workers_delivery_is_made_by_another_after_the_heartbeat(client, database_url):
    async with receiving() as receiver:
        await subscribe(client, receiver.url)
        process = start_worker(database_url, QUICK, doomed=True)
        await settle(client)
        await asyncio.to_thread(process.join, 20)
        with working(database_url, QUICK):
            await receiver.wait_for(1, seconds=10)


async def test_many_workers_share_deliveries_and_make_each_once(client, database_url):
    async with receiving() as receiver:
        made = await subscribe(client, receiver.url)
        for _ in range(60):
            await settle(client)
        with working(database_url, QUICK, 3):
            await until(lambda: all_delivered(client, made), seconds=30)
    counts = Counter(got.headers["webhook-id"] for got in receiver.received)
    assert set(counts.values()) == {1}
    assert len(counts) == 60


def told(receiver):
    return {got.event["payload"]["orderId"] for got in receiver.received}


async def all_delivered(client, made):
    log = await log_of(client, made, pageSize=500)
    return {entry["state"] for entry in log} == {"delivered"}
