"""The gate's answer with a million tickets in the database, beside the same rows asked for bare.

    python bench/gate.py [--tickets 1000000] [--scans 1000]

Over HTTP from a real service: `try`, `admit` with its token, and `tryAndAttemptAdmit`, each scan of
another ticket; one scanner alone, then eight at once. The bare rows are one statement for `try`
(the ticket with its wallet and order, by its number), and for an admission one transaction of what
must be read, locked and written.
"""

import argparse
import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import aiohttp
import asyncpg

from filled import Filled, fill_tickets
from scratch import COMPANY, Service, percentile, save, scratch_service

GATE = f"{COMPANY}/speedgate"
WARM_UP = 100
TARGET_MS = 15
READ = """
    SELECT a.*, w.name, o.partner_id FROM assets a
    JOIN wallets w ON w.company_id = a.company_id AND w.wallet_id = a.wallet_id
    JOIN orders o ON o.company_id = a.company_id AND o.order_id = a.order_id
    WHERE a.company_id = $1 AND a.reference_number = $2
"""
ENTER = """
    INSERT INTO gate_entries (company_id, entry_id, ticket_id, admission_code, scanner_id, quantity,
        admitted_at, conflict)
    VALUES ($1, gen_random_uuid(), $2, 'CASTLE', 'bare', 1, now(), '')
"""
COUNT = """
    UPDATE assets SET admitted = admitted + 1, admitted_that_day = 1, last_admitted_at = now(),
        last_admission = 'CASTLE'
    WHERE company_id = $1 AND row_id = $2
"""
Scan = Callable[[str], Awaitable[object]]


class Scanner:
    """One key's calls of the gate."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session

    async def call(self, operation: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self.session.post(f"{GATE}/{operation}", json=body) as reply:
            answer: dict[str, Any] = await reply.json()
        assert answer["code"] == "ok", answer
        return answer

    async def scan(self, operation: str, number: str) -> dict[str, Any]:
        return await self.call(operation, {"referenceNumber": number, "admissionCode": "CASTLE"})


async def timed(numbers: list[str], scan: Scan, at_once: int = 1) -> dict[str, float]:
    """Percentiles of one scan each, in milliseconds, with so many under way at a time."""
    took: list[float] = []
    waiting = iter(numbers)

    async def scanner() -> None:
        for number in waiting:
            started = time.perf_counter()
            await scan(number)
            took.append((time.perf_counter() - started) * 1000)

    await asyncio.gather(*(scanner() for _ in range(at_once)))
    measured = took[WARM_UP:]
    return {f"p{p}": round(percentile(measured, p), 2) for p in (50, 95, 99)}


async def admit_after_try(scanner: Scanner, numbers: list[str]) -> dict[str, float]:
    """`admit` alone, of tokens that `try` gave before."""
    tokens = [(await scanner.scan("try", number))["tickets"][0]["token"] for number in numbers]

    async def admit(token: str) -> None:
        await scanner.call("admit", {"tokens": [{"token": token}]})

    return await timed(tokens, admit)


async def bare_read(connection: asyncpg.Connection, filled: Filled, number: str) -> asyncpg.Record:
    return await connection.fetchrow(READ, filled.company_id, number)


async def bare_admit(connection: asyncpg.Connection, filled: Filled, number: str) -> None:
    async with connection.transaction():
        row = await connection.fetchrow(READ + "FOR UPDATE OF a", filled.company_id, number)
        await connection.execute(ENTER, filled.company_id, row["row_id"])
        await connection.execute(COUNT, filled.company_id, row["row_id"])


async def measure(service: Service, tickets: int, scans: int) -> dict[str, Any]:
    """All figures of one run."""
    connection = await asyncpg.connect(service.database_url)
    started = time.perf_counter()
    filled = await fill_tickets(connection, tickets)
    print(f"{tickets:,} tickets made in {time.perf_counter() - started:.0f} s")
    chance = random.Random(1)  # noqa: S311 - the same tickets in each run
    drawn = chance.sample(range(1, tickets + 1), (WARM_UP + scans) * 6)
    parts = iter(range(6))

    def some() -> list[str]:
        at = next(parts) * (WARM_UP + scans)
        return [filled.number(n) for n in drawn[at : at + WARM_UP + scans]]

    headers = {"x-np-api-key": service.key}
    async with aiohttp.ClientSession(service.base, headers=headers) as session:
        scanner = Scanner(session)
        both = "tryAndAttemptAdmit"
        figures = {
            "try": await timed(some(), partial(scanner.scan, "try")),
            "bare read": await timed(some(), partial(bare_read, connection, filled)),
            "admit": await admit_after_try(scanner, some()),
            both: await timed(some(), partial(scanner.scan, both)),
            "bare admission": await timed(some(), partial(bare_admit, connection, filled)),
            f"{both}, 8 at once": await timed(some(), partial(scanner.scan, both), 8),
        }
    await connection.close()
    return figures


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tickets", type=int, default=1_000_000)
    options.add_argument("--scans", type=int, default=1_000)
    given = options.parse_args()
    os.environ["CHANNEL_MANAGER_RATE_LIMIT"] = "1000000"
    with scratch_service() as service:
        figures = asyncio.run(measure(service, given.tickets, given.scans))
    print(f"{given.scans} scans of {given.tickets:,} tickets; milliseconds")
    print(f"{'':32}{'p50':>9}{'p95':>9}{'p99':>9}{'p50 / bare':>13}")
    for name, row in figures.items():
        bare = figures["bare read" if name in ("try", "bare read") else "bare admission"]["p50"]
        shown = f"{row['p50']:9.2f}{row['p95']:9.2f}{row['p99']:9.2f}{row['p50'] / bare:13.1f}"
        print(f"{name:32}{shown}")
    worst = max(figures[name]["p99"] for name in ("try", "admit", "tryAndAttemptAdmit"))
    print(f"target: p99 under {TARGET_MS} ms; measured {worst:.1f} ms")
    save("gate", {"tickets": given.tickets, "ms": figures})


if __name__ == "__main__":
    main()
