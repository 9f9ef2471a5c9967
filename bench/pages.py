"""The guest's page, its PDF and its calendar file, from a real service.

    python bench/pages.py [--repeats 50]

An order's page, one wallet's page, the PDF of 1, 10 and 100 tickets, and the calendar file; beside
the same order as JSON, which reads the same rows and draws nothing. Each request is for another
order: the typesetter remembers what it has set, and would be measured as faster than guests see it.
"""

import argparse
import asyncio
import os
import time
from typing import Any

import aiohttp

from scratch import ORDERS, Service, order, percentile, save, scratch_service

WARM_UP = 3
SIZES = (1, 10, 100)


async def issue(session: aiohttp.ClientSession, tickets: int) -> dict[str, Any]:
    """An issued order of so many tickets."""
    async with session.post(f"{ORDERS}?sync=1", json=order(tickets)) as reply:
        made: dict[str, Any] = await reply.json()
    assert made["status"] == "Issued", made
    return made


async def timed(session: aiohttp.ClientSession, addresses: list[str]) -> dict[str, float]:
    """Percentiles of a request to each, in milliseconds, and the last reply's size."""
    took = []
    for number, address in enumerate(addresses):
        started = time.perf_counter()
        async with session.get(address) as reply:
            content = await reply.read()
            assert reply.status == 200
        if number >= WARM_UP:
            took.append((time.perf_counter() - started) * 1000)
    percentiles = {f"p{p}": round(percentile(took, p), 2) for p in (50, 95, 99)}
    return percentiles | {"bytes": len(content)}


def forms(made: dict[str, Any]) -> dict[str, str]:
    """The addresses of an order, by what is measured of each."""
    tickets = len(made["items"][0]["wallets"])
    page = made["manifestUrl"]
    shown = f"{tickets} ticket{'s' * (tickets > 1)}"
    found = {
        f"JSON, {shown}": page.replace("manifest?", "manifest/json?"),
        f"order page, {shown}": page,
        f"PDF, {shown}": page.replace("manifest?", "manifest/pdf?"),
        f"calendar, {shown}": page.replace("manifest?", "manifest/calendar?"),
    }
    if tickets > 1:
        wallet = made["items"][0]["wallets"][0]["manifestUrl"]
        found[f"wallet page, 1 of {tickets}"] = wallet
    return found


async def measure(service: Service, repeats: int) -> dict[str, Any]:
    """All figures of one run, with the ratio to the JSON of the same order."""
    headers = {"x-np-api-key": service.key}
    figures: dict[str, Any] = {}
    async with aiohttp.ClientSession(service.base, headers=headers) as session:
        for size in SIZES:
            bare = 0.0
            made = [forms(await issue(session, size)) for _ in range(WARM_UP + repeats)]
            for name in made[0]:
                figures[name] = row = await timed(session, [form[name] for form in made])
                bare = bare or row["p50"]
                row["p50 / JSON"] = round(row["p50"] / bare, 1)
    return figures


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--repeats", type=int, default=50)
    given = options.parse_args()
    os.environ["CHANNEL_MANAGER_RATE_LIMIT"] = "1000000"
    with scratch_service() as service:
        figures = asyncio.run(measure(service, given.repeats))
    print(
        f"{given.repeats} requests each, every one for another order, one at a time; milliseconds"
    )
    print(f"{'':26}{'p50':>9}{'p95':>9}{'p99':>9}{'bytes':>10}{'p50 / JSON':>12}")
    for name, row in figures.items():
        times = f"{row['p50']:9.2f}{row['p95']:9.2f}{row['p99']:9.2f}"
        print(f"{name:26}{times}{row['bytes']:10,}{row['p50 / JSON']:12.1f}")
    save("pages", figures)


if __name__ == "__main__":
    main()
