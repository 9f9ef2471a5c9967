"""From 201 to Issued on an idle machine, beside a bare PostgreSQL transaction in the same run.

One order at a time: POST, then getOrder every 2 ms until it is Issued. The floor is the least that
any service on this database could take: one row written and committed on an open connection.
"""

import asyncio
import time
from typing import Any

import asyncpg
import httpx

from scratch import ORDERS, Service, order, percentile, save, scratch_service

ORDERS_MEASURED = 200
WARM_UP = 30
POLL_SECONDS = 0.002


async def measure(service: Service) -> dict[str, Any]:
    """All figures of one run, in milliseconds."""
    posted, issued, floor = [], [], []
    connection = await asyncpg.connect(service.database_url)
    await connection.execute("CREATE TABLE bench_floor (id bigserial PRIMARY KEY, n int)")
    headers = {"x-np-api-key": service.key}
    async with httpx.AsyncClient(base_url=service.base, headers=headers) as client:
        for number in range(WARM_UP + ORDERS_MEASURED):
            to_post, to_issued = await one_order(client)
            started = time.perf_counter()
            await connection.execute("INSERT INTO bench_floor (n) VALUES ($1)", number)
            bare = time.perf_counter() - started
            if number >= WARM_UP:
                posted.append(to_post * 1000)
                issued.append(to_issued * 1000)
                floor.append(bare * 1000)
    await connection.close()
    return {
        name: {f"p{p}": round(percentile(values, p), 2) for p in (50, 95, 99)}
        for name, values in (
            ("createOrder to 201", posted),
            ("201 to Issued", issued),
            ("bare transaction", floor),
        )
    }


async def one_order(client: httpx.AsyncClient) -> tuple[float, float]:
    """Seconds from POST to 201, and from 201 to Issued."""
    started = time.perf_counter()
    created = await client.post(ORDERS, json=order())
    accepted = time.perf_counter()
    assert created.status_code == 201, created.text
    path = f"{ORDERS}/{created.json()['orderId']}"
    # Polls, as partners do.
    while (await client.get(path)).json()["status"] != "Issued":  # noqa: ASYNC110  # noqa: ASYNC110 - polls as partners do
        await asyncio.sleep(POLL_SECONDS)
    return accepted - started, time.perf_counter() - accepted


def main() -> None:
    """Measure and print."""
    with scratch_service() as service:
        figures = asyncio.run(measure(service))
    print(f"{ORDERS_MEASURED} orders of two wallets, one at a time; milliseconds")
    print(f"{'':22}{'p50':>9}{'p95':>9}{'p99':>9}{'p50 / bare':>13}")
    bare = figures["bare transaction"]["p50"]
    for name, row in figures.items():
        ratio = row["p50"] / bare
        print(f"{name:22}{row['p50']:9.2f}{row['p95']:9.2f}{row['p99']:9.2f}{ratio:13.1f}")
    save("issue_latency", figures)


if __name__ == "__main__":
    main()
