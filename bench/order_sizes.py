"""What a wallet costs in orders of 1 to 1,000 wallets, and an order of 500 lines.

    python bench/order_sizes.py [--rounds 5]

Each order is issued as a worker issues it: one transaction, on a real PostgreSQL of its own. The
floor beside it is what the database alone takes for the same rows: those that the order wrote are
read back and inserted once more by one plain COPY into each table, with the same indexes, in one
transaction, in the same run. Memory is the peak of Python's own allocations while one order of that
size is issued, in a round of its own, since watching it slows Python down.
"""

import argparse
import asyncio
import tempfile
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import asyncpg
from sqlalchemy import text

from channel_manager.access.service import Access
from channel_manager.cli.companies import operator_access
from channel_manager.companies.service import find_company
from channel_manager.db import Database, plain_url
from channel_manager.embedded import EmbeddedPostgres
from channel_manager.logs import configure_logs
from channel_manager.migrations import upgrade
from channel_manager.orders.intake import create_order
from channel_manager.orders.schemas import OrderIn
from channel_manager.orders.settle import settle
from channel_manager.orders.submissions import Submission, submission_of
from channel_manager.venue_file import read_venue_file
from channel_manager.venue_import import import_venue

VENUE = Path(__file__).parents[1] / "examples" / "harbour.yaml"
PARTNER = "5b0f6c1e-7a2d-4e8b-9c3f-1d2e3f4a5b6c"
# A package of two tickets and a coupon.
ITEM = "5001"
SIZES = {"1 wallet": (1, 1), "10 wallets": (1, 10), "100 wallets": (1, 100)} | {
    "1,000 wallets": (1, 1_000),
    "500 lines of 1": (500, 1),
}
WALLETS_PER_ROUND = 1_000
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bench:
    """One database with the harbour in it."""

    database: Database
    access: Access


@dataclass(frozen=True, slots=True)
class Measured:
    """One size of order: seconds per wallet in its best round, and the peak of memory in MiB."""

    name: str
    wallets: int
    issue: float
    floor: float
    peak: float


async def prepare(database: Database) -> Bench:
    await upgrade(database)
    venue = read_venue_file(VENUE.read_text(encoding="utf-8"), VENUE.name)
    async with database.transaction() as conn:
        company_id = (await import_venue(conn, venue)).company_id
        company = await find_company(conn, company_id)
    assert company is not None
    return Bench(database, operator_access(company))


def body(lines: int, quantity: int) -> OrderIn:
    visit = (datetime.now(UTC) + timedelta(days=7)).date().isoformat()
    line = {
        "itemNumber": ITEM,
        "visitDate": visit,
        "visitTime": "10:30:00",
        "quantity": quantity,
    }
    return OrderIn.model_validate(
        {
            "partnerId": PARTNER,
            "sellToOrderReference": str(uuid4()),
            "items": [line] * lines,
            "sellToLanguage": "ENU",
            "paymentReference": "PAY-1",
        }
    )


async def accept(bench: Bench, lines: int, quantity: int) -> Submission:
    async with bench.database.transaction() as conn:
        now = datetime.now(UTC)
        order = await create_order(conn, bench.access, body(lines, quantity), now, sync=True)
    return submission_of(order)


async def timed(work: Callable[[], Awaitable[Any]]) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started


async def issue_all(bench: Bench, submissions: list[Submission]) -> None:
    for submission in submissions:
        await settle(bench.database, submission)


async def floor(bench: Bench, submissions: list[Submission]) -> float:
    """Seconds that PostgreSQL alone takes for the rows that these orders wrote."""
    connection = await asyncpg.connect(plain_url(bench.database.url))
    try:
        rows = [await rows_of(connection, submission.order_id) for submission in submissions]
        return await timed(lambda: copy_all(connection, rows))
    finally:
        await connection.close()


Rows = dict[str, tuple[list[str], list[tuple[Any, ...]]]]


async def rows_of(connection: asyncpg.Connection, order_id: UUID) -> Rows:
    found: Rows = {}
    for table in ("wallets", "assets"):
        records = await connection.fetch(f"SELECT * FROM {table} WHERE order_id = $1", order_id)
        await connection.execute(f"DELETE FROM {table} WHERE order_id = $1", order_id)
        found[table] = (list(records[0].keys()), [tuple(record) for record in records])
    return found


async def copy_all(connection: asyncpg.Connection, orders: list[Rows]) -> None:
    for tables in orders:
        async with connection.transaction():
            for table, (columns, records) in tables.items():
                await connection.copy_records_to_table(table, records=records, columns=columns)


async def peak_of(bench: Bench, lines: int, quantity: int) -> float:
    submission = await accept(bench, lines, quantity)
    tracemalloc.start()
    try:
        await settle(bench.database, submission)
        return tracemalloc.get_traced_memory()[1] / MEBIBYTE
    finally:
        tracemalloc.stop()


async def measure(bench: Bench, name: str, rounds: int) -> Measured:
    lines, quantity = SIZES[name]
    wallets = lines * quantity
    orders = max(1, WALLETS_PER_ROUND // wallets)
    issues, floors = [], []
    for _ in range(rounds):
        submissions = [await accept(bench, lines, quantity) for _ in range(orders)]
        issues.append(await timed(partial(issue_all, bench, submissions)) / (orders * wallets))
        floors.append(await floor(bench, submissions) / (orders * wallets))
    await check(bench, submissions, wallets)
    peak = await peak_of(bench, lines, quantity)
    return Measured(name, wallets, min(issues), min(floors), peak)


async def check(bench: Bench, submissions: list[Submission], wallets: int) -> None:
    async with bench.database.transaction() as conn:
        found = await conn.execute(
            text(
                "SELECT (SELECT count(*) FROM wallets WHERE order_id = :id),"
                " (SELECT count(*) FROM assets WHERE order_id = :id),"
                " (SELECT status FROM orders WHERE order_id = :id)"
            ),
            {"id": submissions[-1].order_id},
        )
        assert tuple(found.one()) == (wallets, 3 * wallets, "Issued")


def report(measured: list[Measured]) -> None:
    print(f"{'order':>15} {'wallets/s':>10} {'µs/wallet':>10} {'COPY alone':>11} {'ratio':>6} MiB")
    for m in measured:
        print(
            f"{m.name:>15} {1 / m.issue:>10,.0f} {m.issue * 1e6:>10,.0f}"
            f" {m.floor * 1e6:>11,.0f} {m.issue / m.floor:>6.1f} {m.peak:.1f}"
        )
    single = next(m for m in measured if m.wallets == 1)
    print("\nA wallet's cost, against an order of one wallet (below 1: cheaper):")
    for m in measured:
        print(f"{m.name:>15} {m.issue / single.issue:>6.2f}")
    print("\nµs for each further wallet of a line, once an order's own cost is paid:")
    for small, large in pairwise(sorted(lines_of_one(measured), key=lambda m: m.wallets)):
        more = (large.issue * large.wallets - small.issue * small.wallets) / (
            large.wallets - small.wallets
        )
        print(f"{small.wallets:>9,} to {large.wallets:>5,} {more * 1e6:>6,.0f}")


def lines_of_one(measured: list[Measured]) -> list[Measured]:
    return [m for m in measured if SIZES[m.name][0] == 1]


async def main(url: str, rounds: int) -> None:
    database = Database(url, pool_size=2)
    try:
        bench = await prepare(database)
        await measure(bench, "10 wallets", 1)
        report([await measure(bench, name, rounds) for name in SIZES])
    finally:
        await database.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    configure_logs("WARNING", "console")
    with tempfile.TemporaryDirectory(prefix="channel-manager-bench-") as home:
        embedded = EmbeddedPostgres(Path(home))
        try:
            asyncio.run(main(embedded.start(), arguments.rounds))
        finally:
            embedded.release()
