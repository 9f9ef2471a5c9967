"""A booking as OCTO shows it, made of an order and what OCTO adds to it. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid5
from zoneinfo import ZoneInfo

from channel_manager import local_time
from channel_manager.availability.needs import Bookable
from channel_manager.catalog.prices import Money
from channel_manager.db import AnyRow
from channel_manager.octo.availability import availability_out, free_day, id_of
from channel_manager.octo.calls import Call
from channel_manager.octo.prices import price_out, sum_out
from channel_manager.octo.product_view import (
    DELIVERY_METHODS,
    PDF,
    REDEMPTION,
    code_format,
    cutoff_of,
    option_out,
    product_out,
    unit_out,
)
from channel_manager.octo.products import Offering, Option, Product

Shown = dict[str, Any]
Fields = Mapping[str, Any]

CONTACT_FIELDS = (
    "fullName",
    "firstName",
    "lastName",
    "emailAddress",
    "phoneNumber",
    "postalCode",
    "country",
    "notes",
)
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
        return dict(_contact(self.row))

    @property
    def is_redeemed(self) -> bool:
        """Whether every unit has been let in."""
        return bool(self.units) and all(_redeemed_at(wallet) for _, wallet in self.units)

    @property
    def any_admitted(self) -> bool:
        """Whether anybody has been let in."""
        return any(ticket["admitted"] for _, wallet in self.units for ticket in _tickets(wallet))

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
    starts_at = max(_instant(slot["starts_at"]) for slot in slots)
    local = starts_at.astimezone(zone)
    taken = {code: places for (code, _), places in option.needed.items()}
    return Bookable(
        local_date=local.date(),
        start_time=local.time(),
        starts_at=starts_at,
        ends_at=min(_instant(slot["ends_at"]) for slot in slots),
        remaining=min(slot["room"] // taken.get(slot["admission"], 1) for slot in slots),
        capacity=min(slot["capacity"] // taken.get(slot["admission"], 1) for slot in slots),
        on_sale=all(slot["on_sale"] for slot in slots),
        sales_until=min(_instant(slot["sales_until"]) for slot in slots),
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


def booking_out(offering: Offering, booking: Booking, call: Call) -> Shown:
    """The whole booking."""
    row, status = booking.row, booking.status
    confirmed_at = row.confirmed_at or _confirmed_at(booking)
    redeemed_at = _latest(_redeemed_at(wallet) for _, wallet in booking.units)
    shown: Shown = {
        "id": str(row.order_id),
        "uuid": booking.uuid,
        "testMode": False,
        "resellerReference": _reseller_reference(row),
        "supplierReference": row.buy_from_order_reference,
        "status": status,
        "utcCreatedAt": _utc(row.received_at),
        "utcUpdatedAt": _utc(row.updated_at),
        "utcExpiresAt": _utc(row.hold_expires_at) if row.status == "Draft" else None,
        "utcRedeemedAt": _utc(redeemed_at) if status == "REDEEMED" else None,
        "utcConfirmedAt": _utc(confirmed_at) if status not in ("ON_HOLD", "EXPIRED") else None,
        "productId": booking.product.id,
        "product": product_out(offering, booking.product, call),
        "optionId": booking.option.id,
        "option": option_out(offering, booking.option, call),
        "availabilityId": visit_id(booking),
        "availability": availability_out(booking.option, booking.visit, offering.company.zone),
        "cancellable": booking.is_cancellable,
        "cancellation": _cancellation(row),
        "freesale": False,
        "contact": contact_out(_contact(row)),
        "notes": row.notes,
        "deliveryMethods": list(DELIVERY_METHODS),
        "voucher": _voucher(booking, call),
        "unitItems": [_unit_item(offering, booking, call, *each) for each in booking.units],
    }
    if call.has_pricing:
        wallets = {wallet["wallet_id"]: wallet for _, wallet in booking.units}
        prices = [_price(wallet) for wallet in wallets.values()]
        shown["pricing"] = sum_out(prices, offering.company.currency)
    return shown


def visit_id(booking: Booking) -> str:
    """The id of the time that the booking is for."""
    visit = booking.visit
    return id_of(booking.option, visit.starts_at, visit.local_date, booking.zone)


def contact_out(contact: Fields) -> Shown:
    """A contact, with all its fields."""
    return {name: contact.get(name) for name in CONTACT_FIELDS} | {
        "locales": contact.get("locales") or []
    }


def _contact(row: AnyRow) -> Fields:
    if row.contact:
        contact: Fields = row.contact
        return contact
    return {
        "fullName": row.sell_to_name or None,
        "emailAddress": row.sell_to_email or None,
        "locales": [row.sell_to_language] if row.sell_to_language else [],
    }


def _reseller_reference(row: AnyRow) -> str | None:
    reference = row.reseller_reference if row.booking_uuid else row.sell_to_order_reference
    return reference or None


def _cancellation(row: AnyRow) -> Shown | None:
    if row.status != "Cancelled":
        return None
    return {
        "refund": row.refund or "FULL",
        "reason": row.cancel_reason,
        "utcCancelledAt": _utc(row.removed_at or row.changed_at),
    }


def _voucher(booking: Booking, call: Call) -> Shown | None:
    if booking.status not in ("CONFIRMED", "REDEEMED"):
        return None
    redeemed = _latest(_redeemed_at(wallet) for _, wallet in booking.units)
    return {
        "redemptionMethod": REDEMPTION,
        "utcRedeemedAt": _utc(redeemed) if booking.is_redeemed else None,
        "deliveryOptions": [_pdf(booking.row.manifest_id, call)],
    }


def _unit_item(
    offering: Offering, booking: Booking, call: Call, unit: Fields, wallet: Fields
) -> Shown:
    item = booking.option.units[unit["unitId"]]
    redeemed_at = _redeemed_at(wallet)
    redeemed = booking.row.status == "Issued" and redeemed_at is not None
    booked = "CONFIRMED" if booking.status == "REDEEMED" else booking.status
    shown: Shown = {
        "uuid": unit["uuid"],
        "resellerReference": unit.get("resellerReference"),
        "supplierReference": wallet["number"],
        "unitId": unit["unitId"],
        "unit": unit_out(offering, item, call),
        "status": "REDEEMED" if redeemed else booked,
        "utcRedeemedAt": _utc(redeemed_at) if redeemed else None,
        "contact": contact_out(unit.get("contact") or {}),
        "ticket": _ticket(booking, call, code_format(item), wallet),
    }
    if call.has_pricing:
        shown["pricing"] = price_out(_share(booking, wallet))
    return shown


def _ticket(booking: Booking, call: Call, code: str | None, wallet: Fields) -> Shown | None:
    if booking.row.status != "Issued":
        return None
    tickets = _tickets(wallet)
    # What holds several is let in by the wallet's own number.
    number = tickets[0]["number"] if len(wallet["tickets"]) == 1 else wallet["number"]
    codes = [{"deliveryFormat": code, "deliveryValue": number}] if code else []
    return {
        "redemptionMethod": REDEMPTION,
        "utcRedeemedAt": _utc(_redeemed_at(wallet)),
        "deliveryOptions": [*codes, _pdf(wallet["manifest_id"], call)],
    }


def _pdf(manifest_id: object, call: Call) -> Shown:
    address = f"{call.public_url.rstrip('/')}/wallets/manifest/pdf?mid={manifest_id}"
    return {"deliveryFormat": PDF, "deliveryValue": address}


def _tickets(wallet: Fields) -> list[Fields]:
    return [asset for asset in wallet["tickets"] or () if asset["kind"] == "ticket"]


def _redeemed_at(wallet: Fields) -> datetime | None:
    tickets = _tickets(wallet)
    if not tickets or not all(ticket["is_used"] for ticket in tickets):
        return None
    return _latest(
        _instant(ticket["admitted_at"]) if ticket["admitted_at"] else None for ticket in tickets
    )


def _confirmed_at(booking: Booking) -> datetime | None:
    given = [asset["valid_at"] for _, wallet in booking.units for asset in wallet["tickets"] or ()]
    return min((_instant(at) for at in given if at), default=None)


def _price(wallet: Fields) -> Money:
    return Money(
        excl_vat=Decimal(wallet["excl_vat"]),
        incl_vat=Decimal(wallet["incl_vat"]),
        currency=wallet["currency"],
    )


def _share(booking: Booking, wallet: Fields) -> Money:
    """A unit's part of its wallet's price: all of it, but of a group ticket's."""
    units = sum(other["wallet_id"] == wallet["wallet_id"] for _, other in booking.units)
    price = _price(wallet)
    return Money(
        excl_vat=price.excl_vat / units, incl_vat=price.incl_vat / units, currency=price.currency
    )


def _latest(instants: Iterator[datetime | None]) -> datetime | None:
    return max((instant for instant in instants if instant is not None), default=None)


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _utc(instant: datetime | None) -> str | None:
    if instant is None:
        return None
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
