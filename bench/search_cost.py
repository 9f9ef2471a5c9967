"""What finding orders costs those that are made: an order's life with the search's indexes, and
without.

    python bench/search_cost.py [--orders 1000]

Two databases of one embedded PostgreSQL with fsync; in one of them the indexes are dropped. Orders
are created and issued in turns by the service's own functions, so that both are of the same run.
The database's CPU is its connection's own process's; WAL is what replicas and backups carry.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import asyncpg
import psutil
from sqlalchemy import text

from channel_manager.cli.companies import operator_access
from channel_manager.clock import system_clock
from channel_manager.companies.service import list_companies
from channel_manager.db import Database
from channel_manager.embedded import EmbeddedPostgres
from channel_manager.migrations import upgrade
from channel_manager.orders import intake
from channel_manager.orders.schemas import OrderIn
from channel_manager.orders.settle import settle
from channel_manager.orders.submissions import submission_of
from scratch import order, percentile, save

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support import castle  # type: ignore[import-not-found]  # the tests' venue

INDEXES = (
    *("ix_orders_guest", "ix_order_lines_guest", "ix_wallets_guest", "ix_orders_payment"),
    *("ix_orders_job", "ix_orders_unusual", "ix_order_lines_visit"),
)
WARM_UP = 40
ROUNDS = 10


class Venue:
    """One of the two databases, and what its orders have cost so far."""

    def __init__(self, url: str) -> None:
        self.database = Database(url, pool_size=1)
        self.took: list[float] = []
        self.cpu = 0.0
        self.wal = 0

    async def prepare(self, *, indexed: bool) -> None:
        """The castle, with the indexes or without."""
        await upgrade(self.database)
        await castle.load_venue(self.database)
        async with self.database.transaction() as conn:
            if not indexed:
                await conn.execute(text(f"DROP INDEX {', '.join(INDEXES)}"))
            self.access = operator_access((await list_companies(conn))[0])

    async def make(self, orders: int) -> None:
        """So many orders, one after the other, each as if it came from another guest."""
        cpu, wal = await self._used()
        for _ in range(orders):
            sent = order() | _guest(len(self.took))
            started = time.perf_counter()
            async with self.database.transaction() as conn:
                body = OrderIn.model_validate(sent)
                made = await intake.create_order(conn, self.access, body, system_clock(), sync=True)
            await settle(self.database, submission_of(made))
            self.took.append((time.perf_counter() - started) * 1000)
        now_cpu, now_wal = await self._used()
        self.cpu += now_cpu - cpu
        self.wal += now_wal - wal

    async def _used(self) -> tuple[float, int]:
        async with self.database.read() as conn:
            row = (
                await conn.execute(
                    text(
                        "SELECT pg_backend_pid(),"
                        " pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
                    )
                )
            ).one()
        times = psutil.Process(row[0]).cpu_times()
        return times.user + times.system, row[1]

    def figures(self) -> dict[str, float]:
        """Of one order."""
        return {f"ms p{p}": round(percentile(self.took, p), 2) for p in (50, 95, 99)} | {
            "ms of the database's CPU": round(self.cpu / len(self.took) * 1000, 3),
            "bytes of WAL": round(self.wal / len(self.took)),
        }


def _guest(number: int) -> dict[str, str]:
    # A new first name now and then, and addresses that are all different.
    name = f"First{number % 997} Last{number * 7919 % 20011}"
    return {"sellToName": name, "sellToEmail": f"guest{number}@example.com"}


async def measure(url: str, orders: int) -> dict[str, Any]:
    """Both databases' figures, by whether they have the indexes."""
    connection = await asyncpg.connect(url)
    venues = {}
    for name in ("with", "without"):
        await connection.execute(f"CREATE DATABASE {name}_search")
        venues[name] = Venue(url.replace("/postgres?", f"/{name}_search?"))
    await connection.close()
    for name, venue in venues.items():
        await venue.prepare(indexed=name == "with")
        await venue.make(WARM_UP)
        venue.took, venue.cpu, venue.wal = [], 0.0, 0
    for _ in range(ROUNDS):
        for venue in venues.values():
            await venue.make(orders // ROUNDS)
    for venue in venues.values():
        await venue.database.close()
    return {name: venue.figures() for name, venue in venues.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=1_000)
    orders = parser.parse_args().orders
    with tempfile.TemporaryDirectory(prefix="channel-manager-bench-") as home:
        embedded = EmbeddedPostgres(Path(home))
        try:
            figures = asyncio.run(measure(embedded.start(), orders))
        finally:
            embedded.release()
    print(f"{orders} orders of two tickets created and issued, for each")
    print(f"{'':26}{'with':>10}{'without':>10}{'ratio':>8}")
    for unit, value in figures["with"].items():
        other = figures["without"][unit]
        print(f"{unit:26}{value:10,}{other:10,}{value / other:8.2f}")
    save("search_cost", figures)


if __name__ == "__main__":
    main()
