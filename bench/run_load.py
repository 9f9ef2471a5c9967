"""The service under load: throughput, latency, errors, CPU and memory, and the database's floor.

    python bench/run_load.py [--scenario lives] [--seconds 30] [--apis 1] [--workers 1]
        [--side-by-side 64] [--rate N] [--orders 0] [--companies 1]

`--orders` and `--companies` say what the database holds before: the same run at 1,000 and at
1,000,000 orders tells what growth costs.

Everything is real: the embedded PostgreSQL with fsync, API and worker processes, a receiver. All
of it, the generator too, shares this machine, so the generator's share of CPU is printed.
docs/explanation/load.md says how to read the tables.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from typing import Any

import asyncpg
import orjson
import uvloop

from filled import fill_tickets
from load import floor, lives
from load.lives import Deed, Partner, Tally
from load.pace import closed, open_loop
from load.receiver import Receiver
from load.usage import Usage, usage
from load.wire import Client
from scratch import COMPANY, Service, percentile, save, scratch_service

# What is measured, and what it must find: settled orders, paid (or Drafts), per second at most.
SCENARIOS: dict[str, tuple[Deed, int, bool]] = {
    "lives": (lives.whole_life, 0, True),
    "create": (lives.create, 0, True),
    "create-sync": (lives.create_sync, 0, True),
    "issued": (lives.issued, 0, True),
    "get": (lives.get, 200, True),
    "list": (lives.list_orders, 200, True),
    "availability": (lives.availability, 0, True),
    "confirm": (lives.confirm, 800, False),
    "scan": (lives.scan, 600, True),
}
WARM_UP_SECONDS = 3.0
_COMPANIES = """
    INSERT INTO companies (company_id, tenant_id, environment, name, time_zone, currency, language,
        catalog_version, design)
    SELECT gen_random_uuid(), gen_random_uuid(), 'production', 'Company ' || n, 'Europe/Copenhagen',
        'DKK', 'DAN', 1, '{}'
    FROM generate_series(1, $1::int) AS n
"""


async def measure(service: Service, options: argparse.Namespace) -> dict[str, Any]:
    """One scenario's figures."""
    deed, needs, paid = SCENARIOS[options.scenario]
    receiver = Receiver()
    await receiver.start()
    partner = Partner(Client(service.base, service.key), receiver)
    await _subscribe(partner)
    await lives.prepare(partner, 20, paid=True)
    await closed(partner, lives.whole_life, side_by_side=8, seconds=WARM_UP_SECONDS)
    # A database that is minutes old has statistics; a new one gets them here.
    await _analyze(service)
    partner.orders, partner.tickets = [], []
    await lives.prepare(partner, int(needs * options.seconds) or 1, paid=paid)
    partner.tally = Tally()
    before, started = usage(service.pid, service.database_pid), time.perf_counter()
    if options.rate:
        throughput = await open_loop(partner, deed, rate=options.rate, seconds=options.seconds)
    else:
        throughput = await closed(
            partner, deed, side_by_side=options.side_by_side, seconds=options.seconds
        )
    seconds = time.perf_counter() - started
    after = usage(service.pid, service.database_pid)
    receiver.close()
    partner.client.close()
    return {
        "scenario": options.scenario,
        "a second": round(throughput, 1),
        "asked for": options.rate,
        "steps": {name: _percentiles(values) for name, values in partner.tally.steps.items()},
        "errors": dict(partner.tally.errors),
        "processes": _processes(before, after, seconds, throughput),
    }


async def _fill(service: Service, options: argparse.Namespace) -> None:
    connection = await asyncpg.connect(service.database_url)
    if options.companies > 1:
        await connection.execute(_COMPANIES, options.companies - 1)
    if options.orders:
        await fill_tickets(connection, 2 * options.orders)
    await connection.close()


async def _analyze(service: Service) -> None:
    connection = await asyncpg.connect(service.database_url)
    await connection.execute("ANALYZE")
    await connection.close()


async def _subscribe(partner: Partner) -> None:
    url = f"http://127.0.0.1:{partner.receiver.port}/"
    for event in (lives.PROCESSED, lives.CONFIRMED):
        body = orjson.dumps({"notificationUrl": url, "eventName": event})
        made = await partner.client.request(b"POST", f"{COMPANY}/webhook", body)
        assert made.status in (200, 201), made.body


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    return {
        f"p{p}": round(percentile(seconds, p) * 1000, 2) if len(seconds) > 1 else 0.0
        for p in (50, 95, 99)
    } | {"count": len(seconds)}


def _processes(
    before: dict[str, Usage], after: dict[str, Usage], seconds: float, throughput: float
) -> dict[str, dict[str, float]]:
    shares = {}
    for kind, now in after.items():
        used = now.cpu - before[kind].cpu if kind in before else now.cpu
        shares[kind] = {
            "cores": round(used / seconds, 2),
            "ms each": round(used / seconds / throughput * 1000, 3) if throughput else 0.0,
            "MiB": round(now.memory),
        }
    return shares


def show(figures: dict[str, Any]) -> None:
    """Print one scenario's table."""
    print(f"\n{figures['scenario']}: {figures['a second']:,} a second", end="")
    print(f" of {figures['asked for']:,} asked for" if figures["asked for"] else "")
    print(f"  {'milliseconds':22}{'p50':>9}{'p95':>9}{'p99':>9}{'count':>9}")
    for name, row in figures["steps"].items():
        print(f"  {name:22}{row['p50']:9.2f}{row['p95']:9.2f}{row['p99']:9.2f}{row['count']:9,}")
    print(f"  {'processes':22}{'cores':>9}{'ms each':>9}{'MiB':>9}")
    for kind, row in figures["processes"].items():
        print(f"  {kind:22}{row['cores']:9.2f}{row['ms each']:9.3f}{row['MiB']:9,}")
    for error, times in figures["errors"].items():
        print(f"  ERROR {times} times: {error}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=[*SCENARIOS, "all"], default="lives")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--side-by-side", type=int, default=64)
    parser.add_argument("--rate", type=float, default=0, help="so many a second: an open loop")
    parser.add_argument("--orders", type=int, default=0, help="in the database before")
    parser.add_argument("--companies", type=int, default=1, help="in the database")
    parser.add_argument("--apis", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    wanted = list(SCENARIOS) if options.scenario == "all" else [options.scenario]
    processes = ["--apis", str(options.apis), "--workers", str(options.workers)]
    with scratch_service(*processes) as service:
        asyncio.run(_fill(service, options))
        results = []
        for scenario in wanted:
            options.scenario = scenario
            results.append(uvloop.run(measure(service, options)))
            show(results[-1])
        beneath = floor.measure(service)
    lives_a_second = next((r["a second"] for r in results if r["scenario"] == "lives"), None)
    floor.show(beneath, lives_a_second)
    filled = {"orders": options.orders, "companies": options.companies}
    save("load", {"filled": filled, "scenarios": results, "floor": beneath})


if __name__ == "__main__":
    main()
