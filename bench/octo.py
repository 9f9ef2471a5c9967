"""OCTO: reserve and confirm at 50 bookings a second, availability as often, and both at once.

    python bench/octo.py [--rate 50] [--seconds 30]

Over HTTP against a real service, in an open loop: bookings begin when they are due, whether those
before are done or not, so that what waits is counted. Beside them, in the same run: the channel
manager's own `createOrder?sync=1` of the same contents at the same rate, and a bare transaction of
the least that a reservation must write and commit.
"""

import argparse
import asyncio
import os
import random
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import asyncpg

from scratch import COMMAND, ROOT, Service, percentile, save, scratch_service

COMPANY = "Contoso Harbour Tours"
ORDERS = "/0c70a1b2-c3d4-4e5f-8a6b-7c8d9e0f1a2b/production/Contoso%20Harbour%20Tours/channelManager"
RESELLER = "7d2b8e3a-9c4f-4a5d-9e5b-3f4a5b6c7d8e"
TARGETS = {"reserve": (99, 150), "confirm": (99, 150), "availability": (95, 50)}
WARM_UP_SECONDS = 3
BARE = """
    WITH took AS (
        UPDATE time_slots SET reserved = reserved + 1
        WHERE slot_id = (SELECT slot_id FROM time_slots WHERE admission_code = 'MUSEUM'
            AND whole_day AND local_date = $1) AND reserved < capacity
        RETURNING company_id, slot_id)
    INSERT INTO reservations (company_id, order_id, submission, slot_id, quantity)
    SELECT company_id, gen_random_uuid(), 1, slot_id, 1 FROM took
"""
Deed = Callable[[], Coroutine[Any, Any, None]]


class Reseller:
    """Books by OCTO, and by the channel manager's own API, and notes how long each step took."""

    def __init__(self, session: aiohttp.ClientSession, times: list[dict[str, Any]]) -> None:
        self.session = session
        self.times = times
        self.took: dict[str, list[float]] = defaultdict(list)
        # What else goes on meanwhile, for the name under which times are noted.
        self.beside = ""
        self.chance = random.Random(1)  # noqa: S311 - the same bookings in each run

    async def call(self, name: str, method: str, path: str, body: Any) -> Any:  # noqa: ANN401
        started = time.perf_counter()
        async with self.session.request(method, path, json=body) as reply:
            answer = await reply.json()
            assert reply.status in (200, 201), answer
        self.took[name + self.beside].append((time.perf_counter() - started) * 1000)
        return answer

    async def book(self) -> None:
        """Reserve for two, and confirm."""
        visit = self.chance.choice(self.times)
        held = await self.call(
            "reserve",
            "POST",
            "/octo/bookings",
            {
                "uuid": str(uuid4()),
                "productId": "TOUR",
                "optionId": "DEFAULT",
                "availabilityId": visit["id"],
                "unitItems": [{"unitId": "TOUR"}, {"unitId": "TOUR-CHILD"}],
            },
        )
        contact = {"contact": {"fullName": "Jane Doe", "emailAddress": "guest@example.com"}}
        path = f"/octo/bookings/{held['uuid']}/confirm"
        booked = await self.call("confirm", "POST", path, contact)
        assert booked["status"] == "CONFIRMED"

    async def look(self) -> None:
        """A month of an option's times."""
        first = date.today() + timedelta(days=self.chance.randint(1, 60))  # noqa: DTZ011 - any zone
        asked = {
            "productId": "TOUR",
            "optionId": "DEFAULT",
            "localDateStart": first.isoformat(),
            "localDateEnd": (first + timedelta(days=30)).isoformat(),
        }
        await self.call("availability", "POST", "/octo/availability", asked)

    async def order(self) -> None:
        """The same booking by the channel manager's own API."""
        start = self.chance.choice(self.times)["localDateTimeStart"]
        line = {"visitDate": start[:10], "visitTime": start[11:19], "quantity": 1}
        items = [line | {"itemNumber": number} for number in ("TOUR", "TOUR-CHILD")]
        body = {"partnerId": RESELLER, "sellToOrderReference": str(uuid4()), "items": items}
        await self.call("own create, sync", "POST", f"{ORDERS}?sync=1", body)


async def open_loop(rate: float, seconds: float, deed: Deed) -> None:
    """So many a second, come what may."""
    running: list[asyncio.Task[None]] = []
    started = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = started + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        running.append(asyncio.create_task(deed()))
    await asyncio.gather(*running)


async def measure(service: Service, key: str, rate: float, seconds: float) -> dict[str, Any]:
    """All figures of one run."""
    headers = {"authorization": f"Bearer {key}"}
    connector = aiohttp.TCPConnector(limit=200)
    pool = await asyncpg.create_pool(service.database_url, min_size=4, max_size=4)
    async with aiohttp.ClientSession(service.base, headers=headers, connector=connector) as session:
        reseller = Reseller(session, [])
        first = date.today() + timedelta(days=2)  # noqa: DTZ011 - days ahead, any zone
        asked = {
            "productId": "TOUR",
            "optionId": "DEFAULT",
            "localDateStart": first.isoformat(),
            "localDateEnd": (first + timedelta(days=110)).isoformat(),
        }
        found = await reseller.call("", "POST", "/octo/availability", asked)
        reseller.times = [one for one in found if one["available"]]

        async def bare() -> None:
            day = first + timedelta(days=reseller.chance.randint(1, 100))
            started = time.perf_counter()
            await pool.execute(BARE, day)
            reseller.took["bare transaction"].append((time.perf_counter() - started) * 1000)

        await open_loop(rate, WARM_UP_SECONDS, reseller.book)
        await open_loop(rate, WARM_UP_SECONDS, reseller.order)
        reseller.took.clear()
        await open_loop(rate, seconds, bare)
        await open_loop(rate, seconds, reseller.order)
        await open_loop(rate, seconds, reseller.book)
        await open_loop(rate, seconds, reseller.look)
        reseller.beside = ", both at once"
        await asyncio.gather(
            open_loop(rate, seconds, reseller.book), open_loop(rate / 2, seconds, reseller.look)
        )
    await pool.close()
    return {
        name: {f"p{p}": round(percentile(took, p), 2) for p in (50, 95, 99)}
        for name, took in reseller.took.items()
    }


def prepare(service: Service) -> str:
    """The harbour, and a reseller's key to it."""
    env = os.environ | {"CHANNEL_MANAGER_DATABASE_URL": service.database_url}
    venue = str(ROOT / "examples" / "octo-harbour.yaml")
    subprocess.run([*COMMAND, "import", venue], env=env, check=True, stdout=subprocess.DEVNULL)
    made = subprocess.run(
        [*COMMAND, "key", "create", "--company", COMPANY, "--partner", RESELLER],
        env=env,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return made.stdout.splitlines()[-1]


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rate", type=float, default=50)
    options.add_argument("--seconds", type=float, default=30)
    given = options.parse_args()
    with scratch_service() as service:
        key = prepare(service)
        figures = asyncio.run(measure(service, key, given.rate, given.seconds))
    print(f"{given.rate:g} bookings a second for {given.seconds:g} s; milliseconds")
    print(f"{'':28}{'p50':>9}{'p95':>9}{'p99':>9}{'p50 / bare':>13}{'p50 / own':>12}")
    bare, own = figures["bare transaction"]["p50"], figures["own create, sync"]["p50"]
    for name, row in figures.items():
        shown = "".join(f"{value:9.2f}" for value in row.values())
        print(f"{name:28}{shown}{row['p50'] / bare:13.1f}{row['p50'] / own:12.1f}")
    for name, (percent, most) in TARGETS.items():
        measured = figures[name][f"p{percent}"]
        print(f"target: {name} p{percent} under {most} ms; measured {measured:.1f} ms")
    save("octo", {"rate": given.rate, "seconds": given.seconds, "ms": figures})


if __name__ == "__main__":
    main()
