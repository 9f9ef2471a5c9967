"""How long a venue file of 10,000 items takes to read, import, import again, and export.

    python bench/venue_import.py [--items 10000]

The floor beside the import is one plain COPY of the same rows of `items` in the same run, which
checks nothing and compares nothing.
"""

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import asyncpg

from channel_manager.db import Database, plain_url
from channel_manager.embedded import EmbeddedPostgres
from channel_manager.logs import configure_logs
from channel_manager.migrations import upgrade
from channel_manager.venue_export import read_venue, write_yaml
from channel_manager.venue_file import read_venue_file
from channel_manager.venue_import import import_venue

VENUE = Path(__file__).parents[1] / "examples" / "harbour.yaml"


def many_items(count: int) -> str:
    tours = "".join(
        f'  - {{number: "T{n}", description: Tour {n}, translations: {{DAN: Tur {n}}},'
        f" ticketType: BOAT, price: {{amount: {n % 500}.50, vatPercent: 19}}}}\n"
        for n in range(count)
    )
    return VENUE.read_text(encoding="utf-8").replace("priceRules:", f"{tours}priceRules:")


async def main(url: str, count: int) -> None:
    database = Database(url, pool_size=2)
    await upgrade(database)
    started = time.perf_counter()

    def lap(what: str) -> float:
        nonlocal started
        seconds = time.perf_counter() - started
        print(f"{what:>34} {seconds:>7.2f} s")
        started = time.perf_counter()
        return seconds

    venue = read_venue_file(many_items(count), "many.yaml")
    lap(f"read and check {len(venue.items):,} items")
    async with database.transaction() as conn:
        company_id = (await import_venue(conn, venue)).company_id
    first = lap("import into an empty database")
    async with database.transaction() as conn:
        again = await import_venue(conn, venue)
    assert again.differences == []
    lap("import again: compare all")
    async with database.transaction() as conn:
        text = write_yaml(await read_venue(conn, company_id))
    lap(f"export {len(text) / 1e6:.1f} MB")
    await database.close()
    floor = await copy_items(url)
    print(
        f"{'plain COPY of the same items':>34} {floor:>7.2f} s; import is {first / floor:.1f} times"
    )


async def copy_items(url: str) -> float:
    connection = await asyncpg.connect(plain_url(url))
    records = await connection.fetch("SELECT * FROM items")
    await connection.execute("DELETE FROM items")
    rows, columns = [tuple(record) for record in records], list(records[0].keys())
    started = time.perf_counter()
    await connection.copy_records_to_table("items", records=rows, columns=columns)
    seconds = time.perf_counter() - started
    await connection.close()
    return seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=10_000)
    arguments = parser.parse_args()
    configure_logs("WARNING", "console")
    with tempfile.TemporaryDirectory(prefix="channel-manager-bench-") as home:
        embedded = EmbeddedPostgres(Path(home))
        try:
            asyncio.run(main(embedded.start(), arguments.items))
        finally:
            embedded.release()
