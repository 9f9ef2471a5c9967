"""Faults under load, and whether anything was lost or doubled.

    python bench/run_chaos.py [--runs 20] [--only kill-worker]... [--seconds 4]

Each run orders for some seconds, by partners who send again what wasn't answered; the fault comes
in the middle. Then all must become quiet by itself: every order that was accepted is issued, with
one set of tickets; its events are there once and have arrived; slots hold what is reserved. Ends
with 1 where that doesn't hold. docs/explanation/faults.md says how to read the table.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from chaos.databases import Embedded, Pair
from chaos.faults import FAULTS, Fault
from chaos.world import World, keep_ordering, verdict, world_on
from scratch import save

MUST_BE_NOTHING = ("lost", "unsettled", "doubled", "events missing", "slots wrong")
SMALL_DISK = "400m"


async def play(fault: Fault, runs: int, seconds: float) -> list[dict[str, Any]]:
    """So many runs of one fault, on one service that must outlive them all."""
    verdicts = []
    async with _database(fault.on) as database, world_on(database) as world:
        for _ in range(runs):
            world.accepted.clear()
            world.problems.clear()
            ordering = asyncio.create_task(keep_ordering(world, seconds))
            await asyncio.sleep(seconds / 3)
            await fault.do(world)
            await ordering
            verdicts.append(await verdict(world))
            await _all_up(world)
    return verdicts


async def _all_up(world: World) -> None:
    # The next run begins with all processes; the supervisor starts them after a moment.
    for _ in range(300):
        if len(world.children("api")) == 2 and len(world.children("worker")) == 2:
            return
        await asyncio.sleep(0.1)
    world.problems.append("not all processes came back")


@asynccontextmanager
async def _database(kind: str) -> AsyncIterator[Embedded | Pair]:
    async with AsyncExitStack() as stack:
        home = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="channel-manager-chaos-"))
        )
        if kind == "pair":
            pair = await asyncio.to_thread(Pair, home)
            await pair.listen()
            yield pair
            return
        if kind == "small disk":
            _mount(home)
            stack.callback(subprocess.run, ["umount", "-l", str(home)], check=False)
        yield Embedded(home / "home")


def _mount(home: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}", "tmpfs", str(home)]
    subprocess.run(mount, check=True)


def summed_up(verdicts: list[dict[str, Any]]) -> dict[str, Any]:
    """One row of the table."""
    slowest = [one["slowest"] for one in verdicts]
    return {
        "runs": len(verdicts),
        **{
            name: sum(one[name] for one in verdicts)
            for name in ("accepted", "events", *MUST_BE_NOTHING)
        },
        "slowest, median s": round(statistics.median(slowest), 2),
        "slowest, most s": max(slowest),
        "problems": [problem for one in verdicts for problem in one["problems"]],
    }


def main() -> None:
    """Play, print, and end with 1 where anything was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--only", action="append", choices=list(FAULTS))
    options = parser.parse_args()
    print(f"{'':42}{'runs':>5}{'orders':>8}{'lost':>6}{'twice':>6}{'events':>8}", end="")
    print(f"{'missing':>8}{'slots':>6}{'slowest, median and most':>26}")
    rows, well = {}, True
    for name in options.only or FAULTS:
        fault = FAULTS[name]
        if lacking := fault.needs():
            print(f"{fault.what:42} not played: {lacking}")
            continue
        row = summed_up(asyncio.run(play(fault, options.runs, options.seconds)))
        rows[name] = row
        print(f"{fault.what:42}{row['runs']:5}{row['accepted']:8,}", end="")
        print(f"{row['lost'] + row['unsettled']:6}{row['doubled']:6}{row['events']:8,}", end="")
        print(f"{row['events missing']:8}{row['slots wrong']:6}", end="")
        print(f"{row['slowest, median s']:17.2f} s{row['slowest, most s']:6.2f} s", flush=True)
        for problem in row["problems"]:
            print(f"    {problem}")
        well = well and not row["problems"] and not any(row[one] for one in MUST_BE_NOTHING)
    save("chaos", rows)
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
