"""From an order's settling to its receiver: median, rate, and what a sleeping one costs others.

    python bench/webhooks.py [--orders 300] [--every-ms 15] [--waiting 1000] [--burst 3000]

Everything is real: an embedded PostgreSQL, the API in this process, `--workers` worker processes,
and two receivers in a process of their own. An order's settling is its event's `happened_at`, and
both clocks are this machine's.

1. Quiet: orders arrive one by one, and one receiver takes their events.
2. Asleep: the same, while another receiver that answers after 60 s has 1,000 events waiting.
   The issue's bound is a p95 of 1.5 times the quiet one.
3. Burst: that many events wait for one receiver; how many a second get there.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from aiohttp import web
from sqlalchemy import text

from channel_manager.app import make_app
from channel_manager.db import Database
from channel_manager.embedded import EmbeddedPostgres
from channel_manager.logs import configure_logs
from channel_manager.migrations import upgrade
from channel_manager.settings import Settings

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support import castle  # type: ignore[import-not-found]  # the tests' venue

SLEEP_SECONDS = 60
ROUNDS = 3
WEBHOOK = f"{castle.COMPANY_PATH}/webhook"


@dataclass
class Bench:
    database: Database
    client: httpx.AsyncClient
    port: int
    receipts: Connection
    options: argparse.Namespace

    async def subscribe(self, path: str) -> str:
        body = {
            "notificationUrl": f"http://127.0.0.1:{self.port}/{path}",
            "eventName": "ota_cm_order_processed",
        }
        made = (await self.client.post(WEBHOOK, json=body)).json()
        return str(made["id"])

    async def latencies(self) -> list[float]:
        """Milliseconds from settle to receipt, one for each of `--orders`."""
        wanted = set()
        for _ in range(self.options.orders):
            reply = await self.client.post(castle.ORDERS_PATH, json=castle.order())
            assert reply.status_code == 201
            wanted.add(reply.json()["orderId"])
            await asyncio.sleep(self.options.every_ms / 1000)
        received = await self.received(wanted)
        settled = await self.settled(wanted)
        return [(received[order] - settled[order]) * 1000 for order in wanted]

    async def received(self, wanted: set[str]) -> dict[str, float]:
        for _ in range(600):
            self.receipts.send("/awake")
            found: dict[str, float] = self.receipts.recv()
            if wanted <= found.keys():
                return found
            await asyncio.sleep(0.1)
        raise TimeoutError(f"{len(wanted - found.keys())} events have not arrived")

    async def settled(self, wanted: set[str]) -> dict[str, float]:
        async with self.database.transaction() as conn:
            rows = await conn.execute(
                text(
                    "SELECT order_id, extract(epoch FROM happened_at) AS at FROM webhook_events"
                    " WHERE order_id = ANY(:orders)"
                ),
                {"orders": [UUID(order) for order in wanted]},
            )
            return {str(row.order_id): float(row.at) for row in rows}


async def run(options: argparse.Namespace, port: int, receipts: Connection) -> None:
    async with installed(options) as (database, client):
        bench = Bench(database, client, port, receipts, options)
        awake = await bench.subscribe("awake")
        await bench.latencies()  # everything is warm before the clock counts
        quiet: list[float] = []
        beside: list[float] = []
        for _ in range(ROUNDS):  # in turns, so that what else the machine does falls on both
            quiet += await bench.latencies()
            asleep = await put_to_sleep(bench)
            beside += await bench.latencies()
            await client.delete(f"{WEBHOOK}/{asleep}")
        report("quiet", quiet)
        report(f"beside a receiver asleep with {options.waiting} events", beside)
        print(f"p95 beside the sleeper: {p95(beside) / p95(quiet):.2f} times the quiet one")
        await burst(bench, awake)


async def put_to_sleep(bench: Bench) -> str:
    asleep = await bench.subscribe("asleep")
    await write_deliveries(bench.database, asleep, bench.options.waiting)
    await bench.client.post(f"{WEBHOOK}/{asleep}/ping")
    await asyncio.sleep(2)
    return asleep


async def write_deliveries(database: Database, subscription: str, count: int) -> None:
    async with database.transaction() as conn:
        await conn.execute(
            text("""
                INSERT INTO webhook_deliveries (company_id, delivery_id, event_id,
                    subscription_id, state, attempts, last_error)
                SELECT company_id, gen_random_uuid(), event_id, :subscription, 'waiting', 0, ''
                FROM webhook_events CROSS JOIN generate_series(1, :count)
                WHERE order_id IS NOT NULL LIMIT :count
            """),
            {"subscription": UUID(subscription), "count": count},
        )


async def burst(bench: Bench, awake: str) -> None:
    count = bench.options.burst
    await write_deliveries(bench.database, awake, count)
    started = time.perf_counter()
    await bench.client.post(f"{WEBHOOK}/{awake}/resume")
    await bench.client.post(f"{WEBHOOK}/{awake}/ping")
    while await waiting(bench.database):  # noqa: ASYNC110 - it happens in other processes
        await asyncio.sleep(0.02)
    seconds = time.perf_counter() - started
    print(f"burst: {count} deliveries in {seconds:.2f} s: {count / seconds:,.0f}/s, recorded")


async def waiting(database: Database) -> int:
    async with database.read() as conn:
        found: int = await conn.scalar(
            text("SELECT count(*) FROM webhook_deliveries WHERE state = 'waiting'")
        )
        return found


def p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def report(name: str, values: list[float]) -> None:
    print(
        f"{name}: settle to receipt median {statistics.median(values):.1f} ms,"
        f" p95 {p95(values):.1f} ms, worst {max(values):.1f} ms ({len(values)} orders)",
        flush=True,
    )


@asynccontextmanager
async def installed(
    options: argparse.Namespace,
) -> AsyncIterator[tuple[Database, httpx.AsyncClient]]:
    with tempfile.TemporaryDirectory(prefix="channel-manager-bench-") as home:
        embedded = EmbeddedPostgres(Path(home))
        url = embedded.start()
        database = Database(url, pool_size=5)
        await upgrade(database)
        company = await castle.load_venue(database)
        key = await castle.make_key(database, company)
        workers = [await start_worker(url) for _ in range(options.workers)]
        app = make_app(Settings(development=True), url)
        transport = httpx.ASGITransport(app)
        try:
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(
                    transport=transport, base_url="http://bench", headers={"x-np-api-key": key}
                ) as client,
            ):
                yield database, client
        finally:
            for worker in workers:
                worker.kill()
                await worker.wait()
            await database.close()
            embedded.release()


async def start_worker(url: str) -> asyncio.subprocess.Process:
    more = {
        "DATABASE_URL": url,
        "CHANNEL_MANAGER_DEVELOPMENT": "true",
        "CHANNEL_MANAGER_LOG_LEVEL": "ERROR",
    }
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "channel_manager", "worker", env=os.environ | more
    )


def receive(here: Connection) -> None:
    """Note when each order's event first arrived; tell when asked."""
    arrived: dict[str, dict[str, float]] = {"/awake": {}, "/asleep": {}}

    async def handle(request: web.Request) -> web.Response:
        now = time.time()
        payload: dict[str, Any] = json.loads(await request.read())["value"][0]["payload"]
        arrived[request.path].setdefault(payload.get("orderId", ""), now)
        if request.path == "/asleep":
            await asyncio.sleep(SLEEP_SECONDS)
        return web.Response(status=204)

    async def forever() -> None:
        application = web.Application()
        application.router.add_post("/{path}", handle)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        here.send(runner.addresses[0][1])
        loop = asyncio.get_running_loop()
        loop.add_reader(here.fileno(), lambda: here.send(arrived[here.recv()]))
        await asyncio.Event().wait()

    asyncio.run(forever())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--every-ms", type=float, default=15)
    parser.add_argument("--waiting", type=int, default=1000)
    parser.add_argument("--burst", type=int, default=3000)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    configure_logs("ERROR", "console")
    here, there = multiprocessing.Pipe()
    receiver = multiprocessing.Process(target=receive, args=(there,), daemon=True)
    receiver.start()
    try:
        asyncio.run(run(options, here.recv(), here))
    finally:
        receiver.terminate()


if __name__ == "__main__":
    main()
