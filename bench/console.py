"""The console's pages and searches with many orders in the database, over HTTP.

    python bench/console.py [--orders 1000000] [--repeats 40]

A venue of three years (`filled_venue`), and somebody who is signed in. Each page is asked for one
at a time; searches with another term each time where the page allows it. Beside them, in the same
run, what a page costs that asks the database for nothing but who is looking (`Password`).
"""

import argparse
import asyncio
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import aiohttp
import asyncpg

from channel_manager.cli.companies import operator_access
from channel_manager.companies.service import list_companies
from channel_manager.console import people
from channel_manager.console.passwords import hashed
from channel_manager.console.roles import Role
from channel_manager.db import Database
from channel_manager.orders.sales import count_sales
from filled_venue import fill_venue
from scratch import PARTNER, Service, percentile, save, scratch_service

PASSWORD = "a long walk on the wall"  # noqa: S105 - of a scratch service
WARM_UP = 8
TARGET_MS = 200
BARE = "Password"


def day(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def pages(orders: int, order_id: UUID, newest_id: UUID) -> dict[str, Callable[[int], str]]:
    """The address of each page, for the n-th time that it is asked for."""

    def some(n: int) -> int:
        return 1 + (n * 104_729) % orders

    def found(term: Callable[[int], str]) -> Callable[[int], str]:
        return lambda n: f"/orders?q={quote(term(n))}"

    def filtered(**query: object) -> Callable[[int], str]:
        return lambda _: f"/orders?{urlencode(query, doseq=True)}"

    return {
        BARE: lambda _: "/account",
        "Today": lambda _: "",
        "orders, newest": lambda _: "/orders",
        "orders, by our reference": found(lambda n: f"CM-FILLED-{some(n)}"),
        "orders, by the partner's": found(lambda n: f"filled-{some(n)}"),
        "orders, by ticket number": found(lambda n: f"FILLED-{some(n) * 2 + 1:09}"),
        "orders, by wallet number": found(lambda n: str(10**17 + some(n) * 2 + 1)),
        "orders, by jobId": found(lambda n: f"TM-IMPORT-{some(n):06}"),
        "orders, by payment": found(lambda n: f"PAY-{some(n)}"),
        "orders, by e-mail": found(lambda n: f"guest{some(n)}@example.com"),
        "orders, by a name, one": found(lambda _: "unikum"),
        "orders, by a name, few": found(lambda n: f"last{some(n) * 7919 % 20011}"),
        "orders, by a name, 1 in 1,000": found(lambda _: "sorensen"),
        "orders, by a name, 1 in 20": found(lambda _: "jensen"),
        "orders, by the beginning": found(lambda n: f"first{n % 10}"),
        "orders, by nothing there": found(lambda n: f"nobody{n}"),
        "orders, by a refused one's": found(lambda _: f"refused-{orders - orders % 100}"),
        "orders, failed": filtered(status="Error"),
        "orders, in flight": filtered(status=["Submitted", "Scheduled", "Processing"]),
        "orders, small partner": filtered(partner=_partner(7)),
        "orders, large partner": filtered(partner=PARTNER),
        "orders, small partner, failed": filtered(partner=_partner(7), status="Error"),
        "orders, a day's visits": filtered(visit_from=day(-400), visit_to=day(-400)),
        "orders, years of visits": filtered(visit_from=day(-1000), visit_to=day(-10)),
        "orders, no such item": filtered(item="NONE"),
        "orders, came on a day": filtered(came_from=day(-500), came_to=day(-500)),
        "orders, a name and a state": filtered(q="jensen", status="Draft"),
        "one order": lambda _: f"/orders/{order_id}",
        "one order, with its calls": lambda _: f"/orders/{newest_id}",
        "runs": lambda _: "/orders/runs",
        "time slots": lambda n: f"/slots?day={day(n % 60)}",
        "partners": lambda _: "/partners",
        "one partner": lambda _: f"/partners/{PARTNER}",
        "keys": lambda _: "/partners/keys",
        "webhooks": lambda _: "/webhooks",
        "one webhook": lambda _: f"/webhooks/{_hook()}",
        "one webhook, failed": lambda _: f"/webhooks/{_hook()}?state=failed",
        "catalogue": lambda _: "/catalogue",
        "audit trail": lambda _: "/audit",
        "people": lambda _: "/people",
    }


def _partner(number: int) -> str:
    return _named(f"partner{number}")


def _hook() -> str:
    return _named("hook")


def _named(name: str) -> str:
    return str(UUID(md5(name.encode()).hexdigest()))  # noqa: S324 - as the filling does


async def let_in(database: Database) -> None:
    """An admin of the venue."""
    async with database.transaction() as conn:
        [company] = await list_companies(conn)
        password = people.NewPassword(await hashed(PASSWORD), must_change=False)
        await people.add_person(
            conn, operator_access(company), "anna", Role.ADMIN, password=password
        )


async def timed(
    session: aiohttp.ClientSession, address: Callable[[int], str], repeats: int
) -> dict[str, float]:
    took = []
    for n in range(WARM_UP + repeats):
        started = time.perf_counter()
        async with session.get(f"/console{address(n)}", allow_redirects=False) as reply:
            content = await reply.read()
            assert reply.status == 200, (address(n), reply.status, content[:500])
        if n >= WARM_UP:
            took.append((time.perf_counter() - started) * 1000)
    return {f"p{p}": round(percentile(took, p), 2) for p in (50, 95, 99)}


async def measure(service: Service, orders: int, repeats: int) -> dict[str, Any]:
    """All figures of one run."""
    connection = await asyncpg.connect(service.database_url)
    started = time.perf_counter()
    old, newest = await fill_venue(connection, orders)
    await connection.close()
    print(f"{orders:,} orders in the database after {time.perf_counter() - started:.0f} s")
    database = Database(service.database_url, pool_size=2)
    await let_in(database)
    await count_sales(database, 35)
    await database.close()
    figures: dict[str, Any] = {}
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(service.base, cookie_jar=jar) as session:
        form = {"login": "anna", "password": PASSWORD}
        async with session.post("/console/sign-in", data=form, allow_redirects=False) as reply:
            assert reply.status == 303, await reply.text()
        for name, address in pages(orders, old, newest).items():
            figures[name] = row = await timed(session, address, repeats)
            row["p50 / bare"] = round(row["p50"] / figures[BARE]["p50"], 1)
    return figures


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--orders", type=int, default=20_000)
    options.add_argument("--repeats", type=int, default=40)
    given = options.parse_args()
    os.environ["CHANNEL_MANAGER_RATE_LIMIT"] = "1000000"
    with scratch_service() as service:
        figures = asyncio.run(measure(service, given.orders, given.repeats))
    print(f"{given.repeats} requests each, one at a time; milliseconds")
    print(f"{'':32}{'p50':>9}{'p95':>9}{'p99':>9}{'p50 / bare':>12}")
    for name, row in figures.items():
        late = "" if row["p95"] < TARGET_MS else f"  over {TARGET_MS}"
        times = f"{row['p50']:9.2f}{row['p95']:9.2f}{row['p99']:9.2f}{row['p50 / bare']:12.1f}"
        print(f"{name:32}{times}{late}")
    save("console", figures | {"orders": given.orders})


if __name__ == "__main__":
    main()
