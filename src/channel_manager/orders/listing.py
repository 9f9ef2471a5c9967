"""Lists of a partner's orders (contract: List)."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import orjson
from sqlalchemy import func, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.service import Access
from channel_manager.errors import InvalidInput, NotFound, Problem
from channel_manager.orders.models import Order
from channel_manager.orders.queries import in_scope
from channel_manager.orders.representation import Fields
from channel_manager.orders.schemas import ListQuery
from channel_manager.orders.states import Status
from channel_manager.partners.models import Partner
from channel_manager.schemas import parse_uuid

MAX_PAGE = 1_000
DEFAULT_PAGE = 100
SIGNATURE_BYTES = 16
BEGINNING = (datetime(2000, 1, 1, tzinfo=UTC), UUID(int=0))
# How long a page waits for orders that are being committed before it comes empty, with a key to
# ask for it again.
WAITS = (0.05, 0.1, 0.2, 0.4, 0.0)
# An order is received when it is written and seen when that is committed, which may be in another
# order. One that is still to be committed was received after its transaction began. The tenth of a
# second is for those that have just been received and are not marked as writing yet.
_SAFE_UNTIL = text("""
    SELECT least(clock_timestamp() - interval '100 milliseconds', (
        SELECT min(xact_start) FROM pg_stat_activity
        WHERE datname = current_database() AND backend_xid IS NOT NULL
            AND pid <> pg_backend_pid()))
""")
FIRST_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)
LAST_INSTANT = datetime(9000, 1, 1, tzinfo=UTC)
FILTERS = ("status", "sellToOrderReference", "receivedAtFrom", "receivedAtTo")


@dataclass(frozen=True, slots=True)
class ListRequest:
    """What a list asks for: filters, and where it goes on."""

    partner_id: UUID
    statuses: tuple[Status, ...]
    reference_key: str | None
    received_from: datetime | None
    received_to: datetime | None
    # None: the plain array of the reference.
    page_size: int | None
    after: tuple[datetime, UUID] | None
    # The query as it came, to sign keys over and to repeat in the next page's address.
    query: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Orders, and the key of the page after them ("" on the last)."""

    orders: list[Fields]
    next_key: str


def read_list_request(partner_id: str, given: ListQuery, secret: bytes) -> ListRequest:
    """Check the query of a list. Errors: `NotFound`, `InvalidInput` with every problem."""
    try:
        wanted = parse_uuid(partner_id)
    except ValueError:
        raise no_such_partner() from None
    query: dict[str, str] = given.model_dump(exclude_none=True)
    problems: list[Problem] = []
    request = ListRequest(
        partner_id=wanted,
        statuses=_statuses(query.get("status", ""), problems),
        reference_key=_reference(query.get("sellToOrderReference")),
        received_from=_instant("receivedAtFrom", query, problems),
        received_to=_instant("receivedAtTo", query, problems),
        page_size=_page_size(query, problems),
        after=_read_key(wanted, query, secret, problems),
        query=query,
    )
    if problems:
        raise InvalidInput.of(problems)
    return request


async def list_orders(
    conn: AsyncConnection, access: Access, request: ListRequest, secret: bytes
) -> OrderPage:
    """One page of a partner's orders, oldest first. Errors: `NotFound`."""
    await _check_partner(conn, access, request.partner_id)
    for wait in WAITS:
        page = await _read_page(conn, access, request, secret)
        if page.orders or not page.next_key:
            break
        await asyncio.sleep(wait)
    return page


async def _read_page(
    conn: AsyncConnection, access: Access, request: ListRequest, secret: bytes
) -> OrderPage:
    size = request.page_size or MAX_PAGE
    # Asked before the rows are read: what commits in between is then still to come.
    safe_until = (await conn.execute(_SAFE_UNTIL)).scalar_one()
    rows = (await conn.execute(_query(access, request).limit(size + 1))).mappings().all()
    orders: list[Fields] = [dict(row) for row in rows[:size]]
    if len(rows) <= size:
        return OrderPage(orders, "")
    # Nothing is passed by for good that an order still to be committed could sort before.
    orders = [order for order in orders if order["received_at"] < safe_until]
    after = (orders[-1]["received_at"], orders[-1]["order_id"]) if orders else request.after
    return OrderPage(orders, _make_key(request, secret, after or BEGINNING))


def next_query(request: ListRequest, next_key: str) -> str:
    """The query string of the next page: the same filters, and its key."""
    kept = {name: value for name, value in request.query.items() if name in (*FILTERS, "pageSize")}
    return urlencode({**kept, "pageKey": next_key})


def no_such_partner() -> NotFound:
    """The same error for a partner that never was and one that isn't the caller's."""
    return NotFound("There is no such partner.")


async def _check_partner(conn: AsyncConnection, access: Access, partner_id: UUID) -> None:
    if access.partner_id not in (None, partner_id):
        raise no_such_partner()
    found = await conn.scalar(
        select(Partner.partner_id).where(
            Partner.company_id == access.company.company_id, Partner.partner_id == partner_id
        )
    )
    if found is None:
        raise no_such_partner()


def _query(access: Access, request: ListRequest) -> Any:  # noqa: ANN401 - a Select of many columns
    query = in_scope(select(Order.__table__), access).where(Order.partner_id == request.partner_id)
    if request.statuses:
        query = query.where(Order.status.in_(request.statuses))
    if request.reference_key is not None:
        query = query.where(Order.reference_key == request.reference_key)
    if request.received_from is not None:
        query = query.where(Order.received_at >= request.received_from)
    if request.received_to is not None:
        # An order is shown to the second, so the whole of the last second belongs to the window.
        query = query.where(Order.received_at < request.received_to + timedelta(seconds=1))
    if request.after is not None:
        query = query.where(tuple_(Order.received_at, Order.order_id) > func.row(*request.after))
    return query.order_by(Order.received_at, Order.order_id)


def _statuses(given: str, problems: list[Problem]) -> tuple[Status, ...]:
    found = []
    for name in filter(None, (part.strip() for part in given.split(","))):
        try:
            found.append(Status(name))
        except ValueError:
            problems.append(Problem("status", f"{name} is not a status; use {', '.join(Status)}"))
    return tuple(found)


def _reference(given: str | None) -> str | None:
    return given.strip().casefold() if given is not None else None


def _instant(name: str, query: Mapping[str, str], problems: list[Problem]) -> datetime | None:
    given = query.get(name)
    if given is None:
        return None
    try:
        # A "+" that was not percent-encoded arrives as a blank.
        instant = datetime.fromisoformat(given.replace(" ", "+"))
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        problems.append(Problem(name, "must be ISO 8601 with an offset, like 2026-05-01T00:00:00Z"))
        return None
    # Clients say "always" and "for ever" by the ends of their own calendars.
    return min(max(instant, FIRST_INSTANT), LAST_INSTANT)


def _page_size(query: Mapping[str, str], problems: list[Problem]) -> int | None:
    given = query.get("pageSize")
    if given is None:
        return DEFAULT_PAGE if "pageKey" in query else None
    if not (given.isascii() and given.isdigit() and 1 <= int(given[:9]) <= MAX_PAGE):
        problems.append(Problem("pageSize", f"must be a whole number from 1 to {MAX_PAGE}"))
        return None
    return int(given)


def _make_key(request: ListRequest, secret: bytes, after: tuple[datetime, UUID]) -> str:
    place = orjson.dumps([after[0].isoformat(), str(after[1])])
    signature = _sign(request.partner_id, request.query, secret, place)
    return base64.urlsafe_b64encode(signature + place).decode().rstrip("=")


def _read_key(
    partner_id: UUID, query: Mapping[str, str], secret: bytes, problems: list[Problem]
) -> tuple[datetime, UUID] | None:
    given = query.get("pageKey")
    if not given:
        return None
    try:
        raw = base64.urlsafe_b64decode(given.encode("ascii") + b"=" * (-len(given) % 4))
        signature, place = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
        if hmac.compare_digest(signature, _sign(partner_id, query, secret, place)):
            received_at, order_id = orjson.loads(place)
            return datetime.fromisoformat(received_at), UUID(order_id)
    except ValueError:
        pass
    problems.append(
        Problem(
            "pageKey",
            "is not a key of this list; use nextPageKey with the same filters, or start anew",
        )
    )
    return None


def _sign(partner_id: UUID, query: Mapping[str, str], secret: bytes, place: bytes) -> bytes:
    # Over the filters too: a key is good only for the list that it came from.
    bound = orjson.dumps([str(partner_id), [query.get(name) for name in FILTERS]])
    digest = hmac.digest(secret, bound + b"\n" + place, hashlib.sha256)
    return digest[:SIGNATURE_BYTES]
