"""When an option can be had: times, days, and the ids that they are booked by."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.availability.needs import Bookable
from channel_manager.availability.search import MAX_DAYS, Period
from channel_manager.availability.times import find_times
from channel_manager.catalog.prices import Money
from channel_manager.octo.calls import Call
from channel_manager.octo.errors import bad_request, invalid_availability
from channel_manager.octo.prices import price_out
from channel_manager.octo.products import ANY_TIME, Offering, Option, setting
from channel_manager.octo.schemas import AvailabilityIn, CalendarIn, UnitQuantityIn

Shown = dict[str, Any]
# Under half left.
LIMITED_PARTS = 2
ONE_DAY = timedelta(days=1)
SHORTEST_DAY = timedelta(hours=22)


async def check_availability(
    conn: AsyncConnection, offering: Offering, call: Call, body: AvailabilityIn
) -> list[Shown]:
    """The times of an option in a period, or those of some ids.

    Errors: `INVALID_PRODUCT_ID`, `INVALID_OPTION_ID`, `INVALID_UNIT_ID`, `BAD_REQUEST`; and
    `INVALID_AVAILABILITY_ID` for what no id looks like. One that is of no time is left out.
    """
    option = offering.product(body.productId or "").option(body.optionId or "")
    wanted = _wanted(option, body.units)
    _check_currency(offering, body.currency)
    has_interval = body.localDateStart is not None or body.localDateEnd is not None
    if (body.availabilityIds is not None) == has_interval:
        raise bad_request("Send either localDateStart and localDateEnd, or availabilityIds.")
    ids = None
    if body.availabilityIds is not None:
        ids = {read_id(option, offering, given): given for given in body.availabilityIds}
        if not ids:
            return []
        days = [day for day, _ in ids]
        period = _within(Period(min(days), max(days)))
    else:
        period = _period(body.localDateStart, body.localDateEnd)
    found = await _times(conn, offering, option, period)
    if ids is not None:
        found = [one for one in found if _moment(option, one) in ids]
    return [_with_prices(offering, option, call, one, wanted) for one in found]


async def check_calendar(
    conn: AsyncConnection, offering: Offering, call: Call, body: CalendarIn
) -> list[Shown]:
    """The days of a period, each with the best that it has. Errors: as above."""
    option = offering.product(body.productId or "").option(body.optionId or "")
    wanted = _wanted(option, body.units)
    _check_currency(offering, body.currency)
    period = _period(body.localDateStart, body.localDateEnd)
    times = await _times(conn, offering, option, period)
    by_day = {day: list(each) for day, each in groupby(times, key=lambda one: one.local_date)}
    return [
        _day_out(offering, option, call, day, by_day.get(day, []), wanted) for day in _days(period)
    ]


def read_id(option: Option, offering: Offering, given: str) -> tuple[date, time]:
    """The venue-local date and time that an availability id means.

    Errors: `INVALID_AVAILABILITY_ID` for what no id of the option looks like.
    """
    zone = offering.company.zone
    try:
        if not option.is_timed:
            return local_time.parse_date(given), ANY_TIME
        instant = datetime.fromisoformat(given)
        local = instant.astimezone(zone)
        day, at = local.date(), local.time()
        # An id names its zone; and the second of two equal clock readings is no slot's start.
        if instant.tzinfo is not None and local_time.to_instant(day, at, zone) == instant:
            return day, at
    except (ValueError, OverflowError):
        pass
    raise invalid_availability(given)


def id_of(option: Option, starts_at: datetime, day: date, zone: ZoneInfo) -> str:
    """The id of a time."""
    return local_time.with_offset(starts_at, zone) if option.is_timed else day.isoformat()


def availability_out(option: Option, found: Bookable, zone: ZoneInfo, wanted: int = 1) -> Shown:
    """One time; `wanted` is how many units it must have room for to be available."""
    return _lasting(option, found, zone) | _passing(option, found, wanted)


def _lasting(option: Option, found: Bookable, zone: ZoneInfo) -> Shown:
    """What stays while the slot does."""
    timed = option.is_timed
    starts = local_time.with_offset(found.starts_at, zone)
    return {
        "id": starts if timed else found.local_date.isoformat(),
        "localDateTimeStart": starts,
        "localDateTimeEnd": local_time.with_offset(found.ends_at, zone),
        "allDay": not timed or _is_whole_day(found, zone),
        "capacity": found.capacity if option.needed else None,
        "maxUnits": setting(option.head, "maxUnits"),
        "utcCutoffAt": _utc(found.sales_until),
        "openingHours": [] if timed else [_hours(found, zone)],
    }


def _passing(option: Option, found: Bookable, wanted: int) -> Shown:
    """What changes with each order."""
    return {
        "available": found.on_sale and found.remaining >= max(wanted, 1),
        "status": status_of(option, found),
        "vacancies": found.remaining if option.needed else None,
    }


def status_of(option: Option, found: Bookable) -> str:
    """AVAILABLE, FREESALE, LIMITED, SOLD_OUT or CLOSED."""
    if not found.on_sale:
        return "CLOSED"
    if not option.needed:
        return "FREESALE"
    if found.remaining < 1:
        return "SOLD_OUT"
    return "LIMITED" if found.remaining * LIMITED_PARTS < found.capacity else "AVAILABLE"


def free_day(day: date, zone: ZoneInfo) -> Bookable:
    """A day of an option that takes no places, as a time."""
    starts_at = local_time.day_start(day, zone)
    ends_at = local_time.day_start(day + ONE_DAY, zone)
    return Bookable(
        local_date=day,
        start_time=time.min,
        starts_at=starts_at,
        ends_at=ends_at,
        remaining=1_000,
        capacity=1_000,
        on_sale=True,
        sales_until=ends_at,
    )


async def _times(
    conn: AsyncConnection, offering: Offering, option: Option, period: Period
) -> list[Bookable]:
    if option.needed:
        return await find_times(conn, offering.company.company_id, option.needed, period)
    zone = offering.company.zone
    return [free_day(day, zone) for day in _days(period) if day >= offering.today]


def _with_prices(
    offering: Offering, option: Option, call: Call, found: Bookable, wanted: int
) -> Shown:
    key = (
        option.head.number,
        call.has_pricing,
        found.starts_at,
        found.ends_at,
        found.sales_until,
        found.capacity,
    )
    kept = offering.kept_times()
    if key not in kept:
        kept[key] = _lasting(option, found, offering.company.zone)
        if call.has_pricing:
            kept[key]["unitPricing"] = _unit_pricing(offering, option, found)
    return kept[key] | _passing(option, found, wanted)


def _unit_pricing(offering: Offering, option: Option, found: Bookable) -> list[Shown]:
    at = found.start_time if option.is_timed else ANY_TIME
    return [
        {"unitId": unit.number} | price_out(offering.prices(unit).at(found.local_date, at))
        for unit in option.units.values()
    ]


def _day_out(
    offering: Offering,
    option: Option,
    call: Call,
    day: date,
    times: Sequence[Bookable],
    wanted: int,
) -> Shown:
    zone = offering.company.zone
    shown_times = [_passing(option, one, wanted) for one in times]
    on_sale = [one for one in times if one.on_sale]
    free = not option.needed
    shown: Shown = {
        "localDate": day.isoformat(),
        "available": any(one["available"] for one in shown_times),
        "status": _day_status([one["status"] for one in shown_times]),
        "vacancies": None if free else sum(one.remaining for one in on_sale),
        "capacity": None if free else sum(one.capacity for one in on_sale),
        "openingHours": [] if option.is_timed else [_hours(one, zone) for one in times],
    }
    if call.has_pricing:
        shown["unitPricingFrom"] = _unit_pricing_from(offering, option, on_sale)
    return shown


def _day_status(statuses: Sequence[str]) -> str:
    # The best that there is: a day with one open time is open.
    for status in ("FREESALE", "AVAILABLE", "LIMITED", "SOLD_OUT"):
        if status in statuses:
            return status
    return "CLOSED"


def _unit_pricing_from(
    offering: Offering, option: Option, times: Sequence[Bookable]
) -> list[Shown]:
    def cheapest(prices: Iterator[Money]) -> Money:
        return min(prices, key=lambda price: price.incl_vat)

    if not times:
        return []
    return [
        {"unitId": unit.number}
        | price_out(
            cheapest(
                offering.prices(unit).at(
                    one.local_date, one.start_time if option.is_timed else ANY_TIME
                )
                for one in times
            )
        )
        for unit in option.units.values()
    ]


def _wanted(option: Option, units: Sequence[UnitQuantityIn] | None) -> int:
    for unit in units or ():
        option.unit(unit.id)
    return sum(unit.quantity for unit in units or ())


def _check_currency(offering: Offering, currency: str | None) -> None:
    if currency not in (None, offering.company.currency):
        raise bad_request(f"currency: prices are in {offering.company.currency} only.")


def _period(first: str | None, last: str | None) -> Period:
    if first is None or last is None:
        raise bad_request("localDateStart and localDateEnd are both needed.")
    try:
        period = Period(local_time.parse_date(first), local_time.parse_date(last))
    except ValueError as error:
        raise bad_request(f"localDateStart and localDateEnd: {error}.") from None
    if period.last < period.first:
        raise bad_request("localDateEnd is before localDateStart; swap them.")
    return _within(period)


def _within(period: Period) -> Period:
    if period.last - period.first >= timedelta(days=MAX_DAYS):
        raise bad_request(f"Ask for at most {MAX_DAYS} days at a time.")
    return period


def _days(period: Period) -> Iterator[date]:
    day = period.first
    while day <= period.last:
        yield day
        day += ONE_DAY


def _moment(option: Option, found: Bookable) -> tuple[date, time]:
    return found.local_date, found.start_time if option.is_timed else ANY_TIME


def _hours(found: Bookable, zone: ZoneInfo) -> Mapping[str, str]:
    ends = found.ends_at.astimezone(zone)
    closes = "23:59" if ends.time() == time.min else f"{ends:%H:%M}"
    return {"from": f"{found.starts_at.astimezone(zone):%H:%M}", "to": closes}


def _is_whole_day(found: Bookable, zone: ZoneInfo) -> bool:
    # No day is shorter; most slots are.
    long = found.ends_at - found.starts_at >= SHORTEST_DAY
    return (
        long
        and found.starts_at == local_time.day_start(found.local_date, zone)
        and found.ends_at == local_time.day_start(found.local_date + ONE_DAY, zone)
    )


def _utc(instant: datetime) -> str:
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
