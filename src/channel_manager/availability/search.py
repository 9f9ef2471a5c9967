"""When an item can be had, for how many, at what price (domain: Availability)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.access.service import Access
from channel_manager.availability.needs import Bookable, bookable, needs
from channel_manager.availability.prices import ItemPrices
from channel_manager.catalog.service import Catalogue, ItemInfo, catalogue
from channel_manager.db import AnyRow
from channel_manager.errors import InvalidInput, Problem
from channel_manager.strict_json import dumps

MAX_DAYS = 366
MAX_QUANTITY = 1_000

_OPEN_SLOTS = text("""
    SELECT admission_code, whole_day, local_date, start_time, starts_at, ends_at,
        capacity - reserved AS room
    FROM time_slots
    WHERE company_id = :company AND admission_code = ANY(:admissions)
        AND local_date BETWEEN :first AND :last
        AND is_open AND (sales_from IS NULL OR sales_from <= now())
        AND coalesce(sales_until, ends_at) > now()
    ORDER BY starts_at
""")


@dataclass(frozen=True, slots=True)
class Period:
    """Venue-local days, both included."""

    first: date
    last: date


async def search_time_slots(
    conn: AsyncConnection, access: Access, item_number: str, period: Period, now: datetime
) -> dict[str, Any]:
    """All open time slots of an item in a period. Errors: `InvalidInput` for an unknown item."""
    items = await catalogue(conn, access.company)
    item = _find_item(items, item_number)
    found = await _bookable(conn, access, items, item, period)
    return {
        **_head(access, items, item),
        "fromDate": period.first.isoformat(),
        "toDate": period.last.isoformat(),
        "timeSlots": list(_shown(found, access, items, item, now)),
    }


async def search_capacity(
    conn: AsyncConnection, access: Access, item_number: str, day: date, quantity: int, now: datetime
) -> dict[str, Any]:
    """A day's open time slots of an item that have room for so many of it."""
    items = await catalogue(conn, access.company)
    item = _find_item(items, item_number)
    found = await _bookable(conn, access, items, item, Period(day, day))
    roomy = [each for each in found if each.remaining >= quantity]
    head = _head(access, items, item)
    return {
        **head,
        "referenceDate": day.isoformat(),
        "quantity": quantity,
        "isAvailable": bool(roomy) or not head["hasTimeSlots"],
        "timeSlots": list(_shown(roomy, access, items, item, now)),
    }


def read_period(from_date: str | None, to_date: str | None, today: date) -> Period:
    """The days of a search; today alone unless said. Errors: `InvalidInput` with every problem."""
    problems: list[Problem] = []
    first = read_date("fromDate", from_date, today, problems)
    last = read_date("toDate", to_date, first, problems)
    if not problems and last < first:
        problems.append(Problem("toDate", f"{last} is before fromDate {first}; swap them"))
    if not problems and last - first >= timedelta(days=MAX_DAYS):
        problems.append(
            Problem("toDate", f"{last} is too far on; ask for at most {MAX_DAYS} days at a time")
        )
    if problems:
        raise InvalidInput.of(problems)
    return Period(first, last)


def read_date(name: str, given: str | None, default: date, problems: list[Problem]) -> date:
    """A date of the query; adds to `problems` where it isn't one."""
    if given is None:
        return default
    try:
        return local_time.parse_date(given)
    except ValueError as error:
        problems.append(Problem(name, str(error)))
        return default


def read_quantity(given: str | None, problems: list[Problem]) -> int:
    """The quantity of the query, 1 unless said; adds to `problems` where it isn't one."""
    if given is None:
        return 1
    if given.isascii() and given.isdigit() and len(given) <= 4 and 1 <= int(given) <= MAX_QUANTITY:  # noqa: PLR2004 - the digits of 1000
        return int(given)
    problems.append(Problem("quantity", f"must be a whole number, 1 to {MAX_QUANTITY}"))
    return 1


def _find_item(items: Catalogue, number: str) -> ItemInfo:
    # What is sold as part of packages only can be looked up too, for componentSchedule.
    item = items.items.get(number)
    if item is None:
        problem = Problem("itemNumber", f"no item {number} is sold here", "unknown_item")
        raise InvalidInput.of([problem])
    return item


async def _bookable(
    conn: AsyncConnection, access: Access, items: Catalogue, item: ItemInfo, period: Period
) -> list[Bookable]:
    needed = needs(item, items)
    if not needed:
        return []
    rows = await _open_slots(conn, access, sorted({code for code, _ in needed}), period)
    return list(bookable(needed, rows))


async def _open_slots(
    conn: AsyncConnection, access: Access, admissions: list[str], period: Period
) -> Sequence[AnyRow]:
    rows = await conn.execute(
        _OPEN_SLOTS,
        {
            "company": access.company.company_id,
            "admissions": admissions,
            "first": period.first,
            "last": period.last,
        },
    )
    return rows.all()


def _head(access: Access, items: Catalogue, item: ItemInfo) -> dict[str, Any]:
    return {
        "itemNumber": item.number,
        "timeZone": access.company.zone.key,
        "currencyCode": access.company.currency,
        # False: an open ticket, which may be ordered for any date and time.
        "hasTimeSlots": bool(needs(item, items)),
    }


def _shown(
    found: Sequence[Bookable], access: Access, items: Catalogue, item: ItemInfo, now: datetime
) -> Iterator[dict[str, Any]]:
    zone = access.company.zone
    prices = ItemPrices(item, items, access.company, local_time.today(zone, now))
    written: dict[int, tuple[orjson.Fragment, orjson.Fragment]] = {}
    for each in found:
        price = prices.at(each.local_date, each.start_time)
        if id(price) not in written:
            written[id(price)] = (
                orjson.Fragment(dumps(price.excl_vat)),
                orjson.Fragment(dumps(price.incl_vat)),
            )
        excl_vat, incl_vat = written[id(price)]
        yield {
            "visitDate": each.local_date.isoformat(),
            "visitTime": each.start_time.isoformat(),
            "startsAt": _local(each.starts_at, zone),
            "endsAt": _local(each.ends_at, zone),
            "remainingCapacity": each.remaining,
            "unitPriceExclVat": excl_vat,
            "unitPriceInclVat": incl_vat,
        }


@lru_cache(maxsize=100_000)
def _local(instant: datetime, zone: ZoneInfo) -> str:
    # Channels poll the same slots again and again.
    return local_time.with_offset(instant, zone)
