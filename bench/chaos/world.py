"""A running service, partners who don't give up, and what must hold once all is quiet."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import psutil

from chaos.databases import Embedded, Pair
from load.receiver import Receiver
from scratch import COMPANY, ORDERS, ROOT, order

Json = dict[str, Any]
COMMAND = [sys.executable, "-m", "channel_manager"]
RATE = 25
PATIENCE = 90.0
_numbers = count(1)


@dataclass
class World:
    """What is running, and what partners were promised."""

    database: Embedded | Pair
    port: int
    key: str
    receiver: Receiver
    process: subprocess.Popen[bytes] | None = None
    accepted: dict[str, bool] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        """Where the service is reached."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def env(self) -> dict[str, str]:
        """What every process of the service is told."""
        return os.environ | self.database.environment | {
            "CHANNEL_MANAGER_LOG_LEVEL": "ERROR",
            "CHANNEL_MANAGER_DEVELOPMENT": "true",
            "CHANNEL_MANAGER_RATE_LIMIT": "1000000000",
        }  # fmt: skip

    def children(self, name: str) -> list[psutil.Process]:
        """Its processes of one kind: api or worker."""
        assert self.process is not None
        found = psutil.Process(self.process.pid).children()
        return [child for child in found if name in child.cmdline()]

    def command(self, *arguments: str) -> str:
        """Run a command of the service; what it prints."""
        done = subprocess.run(
            [*COMMAND, *arguments], env=self.env, check=True, capture_output=True, text=True
        )
        return done.stdout

    def start(self) -> None:
        """Start `serve`, as a machine's service manager does."""
        options = ["serve", "--port", str(self.port), "--apis", "2", "--workers", "2"]
        # What the service says of the fault, where CHAOS_LOG names a file for it.
        with Path(os.environ.get("CHAOS_LOG", os.devnull)).open("ab") as said:
            self.process = subprocess.Popen([*COMMAND, *options], env=self.env, stderr=said)

    async def ready(self) -> None:
        """Return when it answers."""
        async with httpx.AsyncClient(base_url=self.base) as client:
            for _ in range(600):
                with contextlib.suppress(httpx.HTTPError):
                    if (await client.get("/readyz")).status_code == 200:
                        return
                await asyncio.sleep(0.1)
        raise TimeoutError("the service is not ready")

    def stop(self) -> int:
        """Let it finish; its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


@asynccontextmanager
async def world_on(database: Embedded | Pair) -> AsyncIterator[World]:
    """A service on this database, with the castle, a key and a receiver."""
    receiver = Receiver()
    await receiver.start()
    world = World(database, _free_port(), "", receiver)
    # In threads, since the pair's one address is served by this very loop.
    await asyncio.to_thread(world.command, "migrate")
    await asyncio.to_thread(world.command, "import", str(ROOT / "examples" / "castle.yaml"))
    world.key = (await asyncio.to_thread(world.command, "key", "create")).splitlines()[-1]
    world.start()
    try:
        await world.ready()
        await _subscribe(world)
        yield world
    finally:
        await asyncio.to_thread(world.stop)
        receiver.close()
        await database.close()


async def keep_ordering(world: World, seconds: float) -> None:
    """So many orders a second, each sent until it is answered; half of them are paid later."""
    limits = httpx.Limits(max_connections=200)
    headers = {"x-np-api-key": world.key}
    async with httpx.AsyncClient(
        base_url=world.base, headers=headers, limits=limits, timeout=10
    ) as client:
        orders = []
        for number in range(int(RATE * seconds)):
            orders.append(asyncio.create_task(_one(world, client, number)))
            await asyncio.sleep(1 / RATE)
        await asyncio.gather(*orders)


async def _one(world: World, client: httpx.AsyncClient, number: int) -> None:
    later, sync = number % 2 == 0, number % 7 == 0
    body = order() | ({"paymentReference": ""} if later else {})
    body["sellToOrderReference"] = f"CHAOS-{os.getpid()}-{next(_numbers)}"
    path = f"{ORDERS}?sync=1" if sync else ORDERS
    headers = {"Idempotency-Key": body["sellToOrderReference"]}
    made = await _until_answered(world, client, path, body, 201, headers)
    if made is None:
        return
    world.accepted[made["orderId"]] = later
    if later:
        await world.receiver.event("ota_cm_order_processed", made["orderId"])
        path = f"{ORDERS}/{made['orderId']}/confirm"
        await _until_answered(world, client, path, {"paymentReference": "PAY"}, 200, {})


async def _until_answered(
    world: World,
    client: httpx.AsyncClient,
    path: str,
    body: Json,
    wanted: int,
    headers: dict[str, str],
) -> Json | None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            reply = await client.post(path, json=body, headers=headers)
        except httpx.HTTPError:
            await asyncio.sleep(0.1)
            continue
        if reply.status_code == wanted:
            found: Json = reply.json()
            return found
        if reply.status_code not in (429, 502, 503):
            world.problems.append(f"{reply.status_code} {reply.text[:200]}")
            return None
        await asyncio.sleep(0.1)
    world.problems.append(f"no answer in {PATIENCE:g} s")
    return None


async def _subscribe(world: World) -> None:
    url = f"http://127.0.0.1:{world.receiver.port}/"
    headers = {"x-np-api-key": world.key}
    async with httpx.AsyncClient(base_url=world.base, headers=headers) as client:
        for event in ("ota_cm_order_processed", "ota_cm_order_confirmed"):
            body = {"notificationUrl": url, "eventName": event}
            made = await client.post(f"{COMPANY}/webhook", json=body)
            assert made.status_code in (200, 201), made.text


_STATE = """
    SELECT order_id::text AS id, status, payment_reference,
        (SELECT count(*) FROM wallets w WHERE w.company_id = o.company_id
            AND w.order_id = o.order_id AND w.voided_at IS NULL) AS wallets,
        (SELECT count(*) FROM assets a WHERE a.company_id = o.company_id AND a.order_id = o.order_id
            AND a.voided_at IS NULL AND a.valid_at IS NOT NULL) AS valid,
        (SELECT array_agg(event_name ORDER BY sequence) FROM webhook_events e
            WHERE e.company_id = o.company_id AND e.order_id = o.order_id) AS events,
        (SELECT extract(epoch FROM min(happened_at) - o.received_at)::float
            FROM webhook_events e WHERE e.company_id = o.company_id
            AND e.order_id = o.order_id) AS seconds
    FROM orders o WHERE order_id = ANY($1::uuid[])
"""
_OPEN = """
    SELECT (SELECT count(*) FROM orders WHERE status IN ('Submitted', 'Scheduled', 'Processing'))
        + (SELECT count(*) FROM webhook_deliveries WHERE state = 'waiting')
"""
_TAKEN = """
    SELECT count(*) FROM time_slots s WHERE reserved <> (
        SELECT coalesce(sum(quantity), 0) FROM reservations r
        WHERE r.company_id = s.company_id AND r.slot_id = s.slot_id AND r.released_at IS NULL)
"""


async def verdict(world: World) -> dict[str, Any]:
    """Wait until all is quiet, and hold what there is against what was promised."""
    started = time.monotonic()
    rows, wrong_slots = await _when_quiet(world)
    found = {row["id"]: row for row in rows}
    lost = [one for one in world.accepted if one not in found]
    doubled, unsettled, events = [], [], 0
    missing: list[str] = []
    for one, later in world.accepted.items():
        row = found.get(one)
        if row is None:
            continue
        wanted = ["ota_cm_order_processed", *(["ota_cm_order_confirmed"] if later else [])]
        events += len(row["events"] or ())
        if row["status"] != "Issued" or row["valid"] != 2:
            unsettled.append(f"{one} {row['status']} {row['valid']}")
        if row["wallets"] != 2 or Counter(row["events"]) != Counter(wanted):
            doubled.append(f"{one} {row['wallets']} {row['events']}")
        missing += [one for name in wanted if not world.receiver.has_had(name, one)]
    world.problems += [*lost, *unsettled, *doubled, *missing][:10]
    slowest = max((row["seconds"] or 0.0 for row in rows), default=0.0)
    return {
        "accepted": len(world.accepted),
        "lost": len(lost),
        "unsettled": len(unsettled),
        "doubled": len(doubled),
        "events": events,
        "events missing": len(missing),
        "slots wrong": wrong_slots,
        "slowest": round(slowest, 2),
        "quiet after": round(time.monotonic() - started, 2),
        "problems": list(world.problems),
    }


async def _when_quiet(world: World) -> tuple[list[Any], int]:
    deadline = time.monotonic() + PATIENCE
    while True:
        with contextlib.suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError):
            connection = await asyncpg.connect(world.database.url, timeout=5)
            try:
                if time.monotonic() > deadline or not await connection.fetchval(_OPEN):
                    ids = list(world.accepted)
                    return (
                        await connection.fetch(_STATE, ids),
                        await connection.fetchval(_TAKEN),
                    )
            finally:
                await connection.close()
        await asyncio.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
