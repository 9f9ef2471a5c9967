"""What keeping a partner's call costs: createOrder with its exchange kept and without, in turns.

    python bench/exchange_cost.py [--orders 400]

The whole application in one process, on the embedded PostgreSQL with fsync, called as a server
calls it (ASGI), so that no client's time is in the figures. Both are of the same run.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI
from sqlalchemy import text

from channel_manager.app import make_app
from channel_manager.db import Database
from channel_manager.embedded import EmbeddedPostgres
from channel_manager.logs import configure_logs
from channel_manager.migrations import upgrade
from channel_manager.settings import Settings
from scratch import ORDERS, order, save

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support import castle  # type: ignore[import-not-found]  # the tests' venue

WARM_UP = 40
WAYS = {"kept": 30, "not kept": 0}
_DISK = """
    SELECT pg_total_relation_size('exchanges') / greatest(count(*), 1) AS bytes FROM exchanges
"""


async def create(app: FastAPI, key: str) -> None:
    """One createOrder, through every layer of the application."""
    body = orjson.dumps(order())
    statuses = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        statuses.append(message.get("status", 0))

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": ORDERS,
        "raw_path": ORDERS.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"venue.example"),
            (b"x-np-api-key", key.encode()),
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    await app(scope, receive, send)  # type: ignore[arg-type]
    assert statuses[0] == 201, statuses


async def measure(url: str, orders: int) -> dict[str, Any]:
    """Milliseconds of time and of this process's CPU for one order, medians; bytes on the disk."""
    database = Database(url, pool_size=2)
    await upgrade(database)
    company_id = await castle.load_venue(database)
    key = await castle.make_key(database, company_id)
    app = make_app(Settings(rate_limit=1_000_000_000), url)
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in WAYS}
    async with app.router.lifespan_context(app):
        for number in range(orders + WARM_UP):
            for name, values in taken.items():
                app.state.exchange_days = WAYS[name]
                wall, cpu = time.perf_counter(), time.process_time()
                await create(app, key)
                if number >= WARM_UP:  # the first prepare their statements
                    values.append((time.perf_counter() - wall, time.process_time() - cpu))
    async with database.read() as conn:
        kept_bytes: int = (await conn.execute(text(_DISK))).scalar_one()
    await database.close()
    figures: dict[str, Any] = {
        name: {
            "ms": round(statistics.median(wall for wall, _ in values) * 1000, 3),
            "ms of CPU": round(statistics.median(cpu for _, cpu in values) * 1000, 3),
        }
        for name, values in taken.items()
    }
    return figures | {"bytes on the disk, indexes too": kept_bytes}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=400)
    given = parser.parse_args()
    configure_logs("WARNING", "json")
    with tempfile.TemporaryDirectory(prefix="channel-manager-bench-") as home:
        embedded = EmbeddedPostgres(Path(home))
        try:
            figures = asyncio.run(measure(embedded.start(), given.orders))
        finally:
            embedded.release()
    print(f"createOrder in the whole application, medians\n{'':10}{'ms':>9}{'ms of CPU':>12}")
    for name in WAYS:
        print(f"{name:10}{figures[name]['ms']:9.3f}{figures[name]['ms of CPU']:12.3f}")
    for unit in ("ms", "ms of CPU"):
        ratio = figures["kept"][unit] / figures["not kept"][unit]
        print(f"with its exchange kept: {ratio:.2f} times the {unit} without")
    print(f"an exchange takes {figures['bytes on the disk, indexes too']:,} bytes on the disk")
    save("exchange_cost", figures)


if __name__ == "__main__":
    main()
