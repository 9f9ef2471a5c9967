"""When an item can be had, for how many, at what price (domain: Availability)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.access.service import Access
from channel_manager.availability.entries import entry_text, kept_texts
from channel_manager.availability.needs import Need, bookable, needs
from channel_manager.availability.prices import ItemPrices
from channel_manager.catalog.service import Catalogue, ItemInfo, catalogue
from channel_manager.db import AnyRow
from channel_manager.errors import InvalidInput, Problem

# An entry as text but for its end, and how many there is room for.
Entry = tuple[str, int]

MAX_DAYS = 366
MAX_QUANTITY = 1_000

# One row, however many slots: ids of 16 bytes each, and what room they have.
_ROOM = text("""
    SELECT string_agg(uuid_send(slot_id), ''::bytea) AS ids, array_agg(room) AS room
    FROM (SELECT slot_id, capacity - reserved AS room FROM time_slots
        WHERE company_id = :company AND admission_code = ANY(:admissions)
            AND local_date BETWEEN :first AND :last AND whole_day = :whole_day
            AND is_open AND (sales_from IS NULL OR sales_from <= now())
            AND coalesce(sales_until, ends_at) > now()
        ORDER BY starts_at) AS slot
""")
_OPEN_SLOTS = text("""
    SELECT slot_id, admission_code, whole_day, local_date, start_time, starts_at, ends_at,
        capacity, capacity - reserved AS room, true AS on_sale,
        coalesce(sales_until, ends_at) AS sales_until
    FROM time_slots
    WHERE company_id = :company AND admission_code = ANY(:admissions)
        AND local_date BETWEEN :first AND :last
        AND is_open AND (sales_from IS NULL OR sales_from <= now())
        AND coalesce(sales_until, ends_at) > now()
    ORDER BY starts_at
""")
_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class Period:
    """Venue-local days, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Search:
    """One item looked for in one period, by one caller."""

    access: Access
    items: Catalogue
    item: ItemInfo
    period: Period
    booked_on: date


async def search_time_slots(
    conn: AsyncConnection, access: Access, item_number: str, period: Period, now: datetime
) -> dict[str, Any]:
    """All open time slots of an item in a period. Errors: `InvalidInput` for an unknown item."""
    search = await _search(conn, access, item_number, period, now)
    return {
        **_head(search),
        "fromDate": period.first.isoformat(),
        "toDate": period.last.isoformat(),
        "timeSlots": _as_list(await _entries(conn, search)),
    }


async def search_capacity(
    conn: AsyncConnection, access: Access, item_number: str, day: date, quantity: int, now: datetime
) -> dict[str, Any]:
    """A day's open time slots of an item that have room for so many of it."""
    search = await _search(conn, access, item_number, Period(day, day), now)
    found = [entry for entry in await _entries(conn, search) if entry[1] >= quantity]
    head = _head(search)
    return {
        **head,
        "referenceDate": day.isoformat(),
        "quantity": quantity,
        "isAvailable": bool(found) or not head["hasTimeSlots"],
        "timeSlots": _as_list(found),
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


async def _search(
    conn: AsyncConnection, access: Access, item_number: str, period: Period, now: datetime
) -> Search:
    items = await catalogue(conn, access.company)
    booked_on = local_time.today(access.company.zone, now)
    return Search(access, items, _find_item(items, item_number), period, booked_on)


def _head(search: Search) -> dict[str, Any]:
    return {
        "itemNumber": search.item.number,
        "timeZone": search.access.company.zone.key,
        "currencyCode": search.access.company.currency,
        # False: an open ticket, which may be ordered for any date and time.
        "hasTimeSlots": bool(needs(search.item, search.items)),
    }


def _as_list(entries: Sequence[Entry]) -> orjson.Fragment:
    return orjson.Fragment("[" + ",".join([f"{text}{room}}}" for text, room in entries]) + "]")


async def _entries(conn: AsyncConnection, search: Search) -> list[Entry]:
    needed = needs(search.item, search.items)
    if not needed:
        return []
    if len(needed) == 1:
        ((need, places),) = needed.items()
        return await _of_one(conn, search, need, places)
    rows = await _open_slots(conn, search, [code for code, _ in needed])
    zone, prices = search.access.company.zone, _prices(search)
    return [(entry_text(found, prices, zone), found.remaining) for found in bookable(needed, rows)]


async def _of_one(conn: AsyncConnection, search: Search, need: Need, places: int) -> list[Entry]:
    admission, whole_day = need
    parameters = {**_parameters(search, [admission]), "whole_day": whole_day}
    row = (await conn.execute(_ROOM, parameters)).one()
    if row.ids is None:
        return []
    ids = bytes(row.ids)
    slots = [ids[at : at + _ID_BYTES] for at in range(0, len(ids), _ID_BYTES)]
    company = search.access.company
    texts = kept_texts(
        (company.company_id, company.catalog_version, search.item.number, search.booked_on)
    )
    if any(slot not in texts for slot in slots):
        texts |= await _texts(conn, search, need)
    # A slot that is gone since the first look has no text, and no place in the reply.
    return [
        (texts[slot], room // places)
        for slot, room in zip(slots, row.room, strict=True)
        if slot in texts
    ]


async def _texts(conn: AsyncConnection, search: Search, need: Need) -> dict[bytes, str]:
    rows = [row for row in await _open_slots(conn, search, [need[0]]) if row.whole_day is need[1]]
    zone, prices = search.access.company.zone, _prices(search)
    return {
        row.slot_id.bytes: entry_text(found, prices, zone)
        for row, found in zip(rows, bookable({need: 1}, rows), strict=True)
    }


def _prices(search: Search) -> ItemPrices:
    return ItemPrices(search.item, search.items, search.access.company, search.booked_on)


async def _open_slots(
    conn: AsyncConnection, search: Search, admissions: list[str]
) -> Sequence[AnyRow]:
    return (await conn.execute(_OPEN_SLOTS, _parameters(search, admissions))).all()


def _parameters(search: Search, admissions: list[str]) -> dict[str, Any]:
    return {
        "company": search.access.company.company_id,
        "admissions": sorted(set(admissions)),
        "first": search.period.first,
        "last": search.period.last,
    }
