"""How long a table of a million rows takes as CSV and as XLSX, and in how much memory.

    python bench/spreadsheets.py [--rows 1000000]

Beside them stands the longest that the event loop had to wait meanwhile.
"""

import argparse
import asyncio
import resource
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal

from channel_manager.spreadsheets import Row, Sheet, stream_csv, stream_xlsx

COLUMNS = ("Reference", "Guest", "Guests", "Amount", "Currency", "Came", "Visit", "State")
CAME, VISIT = datetime(2026, 1, 1, tzinfo=UTC), date(2026, 6, 1)
ROWS_AT_ONCE = 1_000


async def rows(count: int) -> AsyncIterator[Row]:
    for n in range(count):
        if n % ROWS_AT_ONCE == 0:
            # As the database's next portion does.
            await asyncio.sleep(0.001)
        yield [f"REF-{n}", f"Guest {n}", n, Decimal("100.50"), "DKK", CAME, VISIT, "Issued"]


async def longest_wait(found: list[float]) -> None:
    while True:
        before = time.perf_counter()
        await asyncio.sleep(0.005)
        found[0] = max(found[0], time.perf_counter() - before - 0.005)


async def main(count: int) -> None:
    for stream in (stream_csv, stream_xlsx):
        waited = [0.0]
        watching = asyncio.create_task(longest_wait(waited))
        started, size = time.perf_counter(), 0
        async for chunk in stream(Sheet(COLUMNS, rows(count))):
            size += len(chunk)
        watching.cancel()
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"{stream.__name__}: {count:,} rows, {size / 1e6:.0f} MB in"
            f" {time.perf_counter() - started:.1f} s; {most:.0f} MiB of memory;"
            f" the loop waited {waited[0] * 1000:.0f} ms at most"
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    asyncio.run(main(parser.parse_args().rows))
