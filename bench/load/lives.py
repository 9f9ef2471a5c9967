"""What partners do, one after the other: single calls, and whole lives of orders."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from load.receiver import Receiver
from load.wire import Client, Reply
from scratch import COMPANY, ORDERS, PARTNER

PROCESSED = "ota_cm_order_processed"
CONFIRMED = "ota_cm_order_confirmed"
SCAN = f"{COMPANY}/speedgate/tryAndAttemptAdmit"
TIME_SLOTS = f"{COMPANY}/ticket/timeslots/search"
PATIENCE_SECONDS = 60.0
_numbers = count(1)
_run = f"{time.time_ns():x}"


class Failed(Exception):
    """A reply that isn't the expected one."""


@dataclass
class Tally:
    """How long each step took, in seconds, and what went wrong."""

    steps: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def note(self, step: str, started: float) -> float:
        """Note that a step that began then has ended; returns now."""
        now = time.perf_counter()
        self.steps[step].append(now - started)
        return now


@dataclass
class Partner:
    """A partner under load: its connections, its receiver, and what it has seen."""

    client: Client
    receiver: Receiver
    tally: Tally = field(default_factory=Tally)
    # Orders and tickets that single-call scenarios take up.
    orders: list[str] = field(default_factory=list)
    tickets: list[str] = field(default_factory=list)


Deed = Callable[[Partner], Awaitable[None]]


async def whole_life(partner: Partner) -> None:
    """Create, settle, webhook, get, confirm, webhook, and a scan for each of the two wallets."""
    tally, client = partner.tally, partner.client
    started = time.perf_counter()
    order_id = _id(await client.request(b"POST", ORDERS, _body(paid=False)), 201)
    tally.note("create", started)
    await partner.receiver.event(PROCESSED, order_id)
    now = tally.note("create to webhook", started)
    order = _json(await client.request(b"GET", f"{ORDERS}/{order_id}"), 200)
    now = tally.note("get", now)
    _expect(order["status"] == "Draft", order["status"])
    confirm = await client.request(b"POST", f"{ORDERS}/{order_id}/confirm", _CONFIRM)
    _expect(_json(confirm, 200)["status"] == "Issued", "not issued by its confirmation")
    tally.note("confirm", now)
    await partner.receiver.event(CONFIRMED, order_id)
    tally.note("confirm to webhook", now)
    for number in _ticket_numbers(order):
        await _scan(partner, number)
    tally.note("life", started)


async def create(partner: Partner) -> None:
    """One paid order, to its 201."""
    await _create(partner, ORDERS, "create")


async def create_sync(partner: Partner) -> None:
    """One paid order, issued within the request."""
    await _create(partner, f"{ORDERS}?sync=1", "create sync")


async def issued(partner: Partner) -> None:
    """One paid order, from its POST until it is Issued, as the webhook tells."""
    started = time.perf_counter()
    order_id = _id(await partner.client.request(b"POST", ORDERS, _body(paid=True)), 201)
    partner.tally.note("create", started)
    await partner.receiver.event(PROCESSED, order_id)
    partner.tally.note("create to webhook", started)


async def get(partner: Partner) -> None:
    """One order by its id."""
    order_id = partner.orders[next(_numbers) % len(partner.orders)]
    started = time.perf_counter()
    _json(await partner.client.request(b"GET", f"{ORDERS}/{order_id}"), 200)
    partner.tally.note("get", started)


async def list_orders(partner: Partner) -> None:
    """A page of 50 of the partner's orders."""
    started = time.perf_counter()
    path = f"{ORDERS}/orders/{PARTNER}?pageSize=50"
    _json(await partner.client.request(b"GET", path), 200)
    partner.tally.note("list", started)


async def availability(partner: Partner) -> None:
    """A fortnight of one item's time slots."""
    started = time.perf_counter()
    last = date.fromisoformat(_today()) + timedelta(days=13)
    path = f"{TIME_SLOTS}?itemNumber=31001&fromDate={_today()}&toDate={last}"
    _json(await partner.client.request(b"GET", path), 200)
    partner.tally.note("availability", started)


async def confirm(partner: Partner) -> None:
    """Payment of one Draft."""
    order_id = partner.orders.pop()
    started = time.perf_counter()
    path = f"{ORDERS}/{order_id}/confirm"
    _json(await partner.client.request(b"POST", path, _CONFIRM), 200)
    partner.tally.note("confirm", started)


async def scan(partner: Partner) -> None:
    """One ticket at the gate."""
    await _scan(partner, partner.tickets.pop())


async def prepare(partner: Partner, orders: int, *, paid: bool) -> None:
    """Settled orders for the scenarios that take up what is there, 50 at a time."""
    gate = asyncio.Semaphore(50)

    async def one() -> None:
        async with gate:
            path = f"{ORDERS}?sync=1"
            order = _json(await partner.client.request(b"POST", path, _body(paid=paid)), 201)
            partner.orders.append(order["orderId"])
            partner.tickets += _ticket_numbers(order)

    await asyncio.gather(*(one() for _ in range(orders)))


async def _create(partner: Partner, path: str, step: str) -> None:
    started = time.perf_counter()
    _id(await partner.client.request(b"POST", path, _body(paid=True)), 201)
    partner.tally.note(step, started)


async def _scan(partner: Partner, number: str) -> None:
    started = time.perf_counter()
    body = orjson.dumps({"referenceNumber": number, "admissionCode": "CASTLE"})
    verdict = _json(await partner.client.request(b"POST", SCAN, body), 200)
    _expect(verdict["admitted"] == 1, verdict["code"])
    partner.tally.note("scan", started)


def _ticket_numbers(order: dict[str, Any]) -> list[str]:
    return [
        ticket["referenceNumber"]
        for item in order["items"]
        for wallet in item["wallets"]
        for ticket in wallet["assets"]
        if ticket["type"] == "ticket"
    ]


_CONFIRM = b'{"paymentReference": "PAY-987654"}'


def _body(*, paid: bool) -> bytes:
    return orjson.dumps(
        {
            "partnerId": PARTNER,
            "sellToOrderReference": f"LOAD-{_run}-{next(_numbers)}",
            "items": [
                {
                    "itemNumber": "31001",
                    "visitDate": _today(),
                    "visitTime": "10:30:00",
                    "quantity": 2,
                }
            ],
            "sellToEmail": "guest@example.com",
            "sellToName": "Jane Doe",
            "sellToLanguage": "ENU",
            "paymentReference": "PAY-987654" if paid else "",
        }
    )


def _today() -> str:
    # Scans want a ticket of today, by the venue's clock.
    return datetime.now(ZoneInfo("Europe/Copenhagen")).date().isoformat()


def _id(reply: Reply, status: int) -> str:
    return str(_json(reply, status)["orderId"])


def _json(reply: Reply, status: int) -> Any:  # noqa: ANN401 - any JSON value
    _expect(reply.status == status, f"{reply.status} {reply.body[:200]!r}")
    return orjson.loads(reply.body)


def _expect(true: object, what: str) -> None:
    if not true:
        raise Failed(what)
