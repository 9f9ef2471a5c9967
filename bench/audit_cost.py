"""What the audit trail costs an order: createOrder with its entry and without, in turns.

    python bench/audit_cost.py [--orders 400]

In one process, on the embedded PostgreSQL with fsync: the service's own function in a transaction
of its own, so that HTTP doesn't hide the difference. Both are of the same run.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

from channel_manager.cli.companies import operator_access
from channel_manager.clock import system_clock
from channel_manager.companies.service import list_companies
from channel_manager.db import Database
from channel_manager.embedded import EmbeddedPostgres
from channel_manager.migrations import upgrade
from channel_manager.orders import intake
from channel_manager.orders.schemas import OrderIn
from channel_manager.orders.trail import record_new
from scratch import order, save

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from support import castle  # type: ignore[import-not-found]  # the tests' venue


async def _nothing(*_: object) -> None:
    return None


async def measure(url: str, orders: int) -> dict[str, dict[str, float]]:
    """Milliseconds of time and of this process's CPU for one order, medians."""
    database = Database(url, pool_size=2)
    await upgrade(database)
    await castle.load_venue(database)
    async with database.read() as conn:
        access = operator_access((await list_companies(conn))[0])
    taken: dict[str, list[tuple[float, float]]] = {"with": [], "without": []}
    for number in range(orders + 40):
        for name, values in taken.items():
            with patch.object(intake, "record_new", record_new if name == "with" else _nothing):
                wall, cpu = time.perf_counter(), time.process_time()
                async with database.transaction() as conn:
                    body = OrderIn.model_validate(order())
                    await intake.create_order(conn, access, body, system_clock(), sync=False)
                if number >= 40:  # the first prepare their statements
                    values.append((time.perf_counter() - wall, time.process_time() - cpu))
    await database.close()
    return {
        name: {
            "ms": round(statistics.median(wall for wall, _ in values) * 1000, 3),
            "ms of CPU": round(statistics.median(cpu for _, cpu in values) * 1000, 3),
        }
        for name, values in taken.items()
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=400)
    with tempfile.TemporaryDirectory(prefix="channel-manager-bench-") as home:
        embedded = EmbeddedPostgres(Path(home))
        try:
            figures = asyncio.run(measure(embedded.start(), parser.parse_args().orders))
        finally:
            embedded.release()
    print(f"createOrder in its transaction, medians\n{'':10}{'ms':>9}{'ms of CPU':>12}")
    for name, row in figures.items():
        print(f"{name:10}{row['ms']:9.3f}{row['ms of CPU']:12.3f}")
    for unit in ("ms", "ms of CPU"):
        ratio = figures["with"][unit] / figures["without"][unit]
        print(f"with the trail: {ratio:.2f} times the {unit} without")
    save("audit_cost", figures)


if __name__ == "__main__":
    main()
