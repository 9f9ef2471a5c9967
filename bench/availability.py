"""Availability of one item for 90 days of hourly slots, with 1,000,000 slots in the database.

    python bench/availability.py [--slots 1000000] [--searches 300]

Each search goes over HTTP into the application in this process: key, query, prices, JSON. Beside it
the same SELECT alone, its rows fetched by the bare driver; and a poll that is answered with a 304.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from channel_manager.access.permissions import ALL_PERMISSIONS
from channel_manager.access.service import create_key
from channel_manager.app import make_app
from channel_manager.db import Database, plain_url
from channel_manager.embedded import EmbeddedPostgres
from channel_manager.logs import configure_logs
from channel_manager.migrations import upgrade
from channel_manager.settings import Settings
from channel_manager.venue_file import read_venue_file
from channel_manager.venue_import import import_venue
from scratch import COMPANY, ROOT, percentile, save

DAYS = 90
WARM_UP = 20
HOURS_PER_ADMISSION = 366 * 24
BARE = """
    SELECT admission_code, whole_day, local_date, start_time, starts_at, ends_at,
        capacity - reserved AS room
    FROM time_slots
    WHERE company_id = $1 AND admission_code = ANY($2) AND local_date BETWEEN $3 AND $4
        AND is_open AND (sales_from IS NULL OR sales_from <= now())
        AND coalesce(sales_until, ends_at) > now()
    ORDER BY starts_at
"""
FILL = """
    INSERT INTO time_slots (company_id, slot_id, admission_code, whole_day, local_date, start_time,
        starts_at, ends_at, capacity, reserved, is_open, adjusted)
    SELECT $1, gen_random_uuid(), 'BENCH-' || place, false, (at AT TIME ZONE 'UTC')::date,
        (at AT TIME ZONE 'UTC')::time, at, at + interval '1 hour', 100, (random() * 100)::int, true,
        false
    FROM generate_series(1, $2::int) AS place,
        generate_series(date_trunc('day', now()), date_trunc('day', now()) + interval '8783 h',
            interval '1 hour') AS at
"""


async def fill(database: Database, connection: Any, slots: int) -> tuple[Any, str]:  # noqa: ANN401
    """The castle, with its item at one of many admissions of hourly slots; company and key."""
    await upgrade(database)
    text = (ROOT / "examples" / "castle.yaml").read_text(encoding="utf-8")
    async with database.transaction() as conn:
        done = await import_venue(conn, read_venue_file(text, "castle.yaml"))
        key = await create_key(conn, done.company_id, partner_id=None, permissions=ALL_PERMISSIONS)
    places = -(-slots // HOURS_PER_ADMISSION)
    await connection.execute(FILL, done.company_id, places, timeout=600)
    await connection.execute(
        """UPDATE items SET admissions = '[{"admission": "BENCH-7", "slots": "scheduled"}]'"""
    )
    await connection.execute("UPDATE companies SET time_zone = 'UTC'")
    await connection.execute("VACUUM ANALYZE time_slots")
    return done.company_id, key


async def timed(searches: int, call: Callable[[], Awaitable[object]]) -> dict[str, float]:
    """Percentiles of a call, in milliseconds."""
    took = []
    for number in range(WARM_UP + searches):
        started = time.perf_counter()
        await call()
        if number >= WARM_UP:
            took.append((time.perf_counter() - started) * 1000)
    return {f"p{p}": round(percentile(took, p), 2) for p in (50, 95, 99)}


async def measure(url: str, slots: int, searches: int) -> dict[str, Any]:
    """All figures of one run."""
    connection = await asyncpg.connect(plain_url(url))
    database = Database(url, pool_size=2)
    company_id, key = await fill(database, connection, slots)
    count = await connection.fetchval("SELECT count(*) FROM time_slots")
    # From tomorrow, so that the number of slots doesn't depend on the hour of the run.
    first = datetime.now(UTC).date() + timedelta(days=1)
    last = first + timedelta(days=DAYS - 1)
    app = make_app(Settings(pool_size=4), url)
    address = f"{COMPANY}/ticket/timeslots/search"
    query = {"itemNumber": "31001", "fromDate": first.isoformat(), "toDate": last.isoformat()}
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app),
            base_url="http://venue.example",
            headers={"x-np-api-key": key},
        ) as client,
    ):
        reply = await client.get(address, params=query)
        found = len(reply.json()["timeSlots"])
        assert found == DAYS * 24, found
        known = {"If-None-Match": reply.headers["etag"]}
        figures = {
            "search": await timed(searches, lambda: client.get(address, params=query)),
            "search, 304": await timed(
                searches, lambda: client.get(address, params=query, headers=known)
            ),
            "bare query": await timed(
                searches,
                lambda: connection.fetch(BARE, company_id, ["BENCH-7"], first, last),
            ),
        }
    await connection.close()
    await database.close()
    return {"slots": count, "found": found, "bytes": len(reply.content), "ms": figures}


def main() -> None:
    """Measure and print."""
    configure_logs("WARNING", "json")
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--slots", type=int, default=1_000_000)
    options.add_argument("--searches", type=int, default=300)
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="channel-manager-bench-") as home:
        embedded = EmbeddedPostgres(Path(home))
        try:
            done = asyncio.run(measure(embedded.start(), given.slots, given.searches))
        finally:
            embedded.release()
    print(
        f"{done['found']} of {done['slots']:,} slots found, {done['bytes']:,} bytes; milliseconds"
    )
    print(f"{'':14}{'p50':>9}{'p95':>9}{'p99':>9}{'p50 / bare':>13}")
    bare = done["ms"]["bare query"]["p50"]
    for name, row in done["ms"].items():
        ratio = row["p50"] / bare
        print(f"{name:14}{row['p50']:9.2f}{row['p95']:9.2f}{row['p99']:9.2f}{ratio:13.1f}")
    save("availability", done)


if __name__ == "__main__":
    main()
