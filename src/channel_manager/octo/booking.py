"""A booking: an order whose product is known, and what it can still become. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from channel_manager import local_time
from channel_manager.availability.needs import Bookable
from channel_manager.db import AnyRow
from channel_manager.octo.availability import free_day, id_of
from channel_manager.octo.product_view import (
    cutoff_of,
)
from channel_manager.octo.products import Offering, Option, Product

Fields = Mapping[str, Any]

_UNITS = {"minute": "minutes", "hour": "hours", "day": "days"}


@dataclass(frozen=True, slots=True)
class Booking:
    """A booking whose product is known, with the times that its state depends on."""

    row: AnyRow
    product: Product
    option: Option
    # The time that it is for.
    visit: Bookable
    # In the reseller's order, each with its wallet.
    units: Sequence[tuple[Fields, Fields]]
    now: datetime
    zone: ZoneInfo

    @property
    def uuid(self) -> str:
        """The reseller's own, or the order's id where it came another way."""
        return str(self.row.booking_uuid or self.row.order_id)

    @property
    def contact(self) -> dict[str, Any]:
        """The guest, as far as is known."""
        return dict(contact_of(self.row))

    @property
    def is_redeemed(self) -> bool:
        """Whether every unit has been let in."""
        return bool(self.units) and all(redeemed_at(wallet) for _, wallet in self.units)

    @property
    def any_admitted(self) -> bool:
        """Whether anybody has been let in."""
        return any(ticket["admitted"] for _, wallet in self.units for ticket in tickets_of(wallet))

    @property
    def status(self) -> str:
        """ON_HOLD, EXPIRED, CONFIRMED, REDEEMED or CANCELLED."""
        if self.row.status == "Cancelled":
            return "CANCELLED"
        if self.row.status == "Draft":
            return "EXPIRED" if self.row.lapsed else "ON_HOLD"
        return "REDEEMED" if self.is_redeemed else "CONFIRMED"

    @property
    def cutoff_at(self) -> datetime:
        """Until when it can be cancelled, once confirmed."""
        amount, unit = cutoff_of(self.option)
        # What is bound to no time at all can be used until its day ends.
        start = self.visit.starts_at if self.option.needed else self.visit.ends_at
        return start - timedelta(**{_UNITS[unit]: amount})

    @property
    def is_cancellable(self) -> bool:
        """Whether it can be cancelled or changed now."""
        if self.status == "CONFIRMED":
            return not self.any_admitted and self.now < self.cutoff_at
        return self.status == "ON_HOLD"


def read_booking(offering: Offering, row: AnyRow, now: datetime) -> Booking | None:
    """An order as a booking; None where it can't be one: of several options, or of several times.

    Such orders come only the other way, with lines for different days or products.
    """
    lines = row.lines or ()
    found = [offering.places.get(line["item_number"]) for line in lines]
    places = [place for place in found if place is not None]
    if not places or len(places) < len(found):
        return None
    product, option = places[0]
    moments = {(line["visit_date"], line["visit_time"]) for line in lines}
    if any(place[1] is not option for place in places) or len(moments) > 1:
        return None
    if any(line["scheduled"] for line in lines):
        return None
    visit = _visit(offering, option, row)
    return Booking(row, product, option, visit, list(_units(row)), now, offering.company.zone)


def _visit(offering: Offering, option: Option, row: AnyRow) -> Bookable:
    line = row.lines[0]
    day, zone = date.fromisoformat(line["visit_date"]), offering.company.zone
    slots = [slot for slot in row.slots or () if slot["whole_day"] is not option.is_timed]
    if not option.needed or not slots:
        found = free_day(day, zone)
        if not option.is_timed:
            return found
        # Places that were never slots when it was sold.
        starts = local_time.to_instant(day, time.fromisoformat(line["visit_time"]), zone)
        at = starts.astimezone(zone).time()
        return Bookable(day, at, starts, found.ends_at, 0, 0, on_sale=False, sales_until=starts)
    starts_at = max(instant(slot["starts_at"]) for slot in slots)
    local = starts_at.astimezone(zone)
    taken = {code: places for (code, _), places in option.needed.items()}
    return Bookable(
        local_date=local.date(),
        start_time=local.time(),
        starts_at=starts_at,
        ends_at=min(instant(slot["ends_at"]) for slot in slots),
        remaining=min(slot["room"] // taken.get(slot["admission"], 1) for slot in slots),
        capacity=min(slot["capacity"] // taken.get(slot["admission"], 1) for slot in slots),
        on_sale=all(slot["on_sale"] for slot in slots),
        sales_until=min(instant(slot["sales_until"]) for slot in slots),
    )


def _units(row: AnyRow) -> Iterator[tuple[Fields, Fields]]:
    wallets: dict[str, list[Fields]] = defaultdict(list)
    items = {line["line_no"]: line["item_number"] for line in row.lines}
    for wallet in row.wallets or ():
        wallets[items[wallet["line_no"]]].append(wallet)
    if row.units_of == row.submission:
        used = Counter[str]()
        for unit in row.units:
            mine = wallets[unit["unitId"]]
            # A group ticket is one wallet for all its units.
            yield unit, mine[min(used[unit["unitId"]], len(mine) - 1)]
            used[unit["unitId"]] += 1
        return
    for line in row.lines:
        mine = [one for one in row.wallets or () if one["line_no"] == line["line_no"]]
        for place in range(line["quantity"] if mine else 0):
            wallet = mine[min(place, len(mine) - 1)]
            yield (
                {"uuid": _unit_uuid(wallet, place - len(mine)), "unitId": line["item_number"]},
                wallet,
            )


def _unit_uuid(wallet: Fields, beyond: int) -> str:
    # The wallet's own id; of a group ticket's units only the first can have it.
    own = UUID(wallet["wallet_id"])
    return str(own if beyond < 0 else uuid5(own, str(beyond)))


def visit_id(booking: Booking) -> str:
    """The id of the time that the booking is for."""
    visit = booking.visit
    return id_of(booking.option, visit.starts_at, visit.local_date, booking.zone)


def contact_of(row: AnyRow) -> Fields:
    """The guest, as OCTO was told or as the order has it."""
    if row.contact:
        contact: Fields = row.contact
        return contact
    return {
        "fullName": row.sell_to_name or None,
        "emailAddress": row.sell_to_email or None,
        "locales": [row.sell_to_language] if row.sell_to_language else [],
    }


def tickets_of(wallet: Fields) -> list[Fields]:
    """The tickets of a wallet; coupons open no gate."""
    return [asset for asset in wallet["tickets"] or () if asset["kind"] == "ticket"]


def redeemed_at(wallet: Fields) -> datetime | None:
    """When the last of a wallet's tickets was used up; None while one is not."""
    tickets = tickets_of(wallet)
    if not tickets or not all(ticket["is_used"] for ticket in tickets):
        return None
    return latest(
        instant(ticket["admitted_at"]) if ticket["admitted_at"] else None for ticket in tickets
    )


def latest(instants: Iterator[datetime | None]) -> datetime | None:
    """The latest of the instants that there are."""
    return max((instant for instant in instants if instant is not None), default=None)


def instant(text: str) -> datetime:
    """An instant as the database writes it in JSON."""
    return datetime.fromisoformat(text)
