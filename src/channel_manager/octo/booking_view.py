"""A booking as OCTO shows it, made of an order and what OCTO adds to it. Pure."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from channel_manager.catalog.prices import Money
from channel_manager.db import AnyRow
from channel_manager.octo.availability import availability_out
from channel_manager.octo.booking import (
    Booking,
    Fields,
    contact_of,
    instant,
    latest,
    redeemed_at,
    tickets_of,
    visit_id,
)
from channel_manager.octo.calls import Call
from channel_manager.octo.prices import price_out, sum_out
from channel_manager.octo.product_view import (
    DELIVERY_METHODS,
    PDF,
    REDEMPTION,
    code_format,
    option_out,
    product_out,
    unit_out,
)
from channel_manager.octo.products import Offering

Shown = dict[str, Any]

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


def booking_out(offering: Offering, booking: Booking, call: Call) -> Shown:
    """The whole booking."""
    row, status = booking.row, booking.status
    confirmed_at = row.confirmed_at or _confirmed_at(booking)
    used_at = latest(redeemed_at(wallet) for _, wallet in booking.units)
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
        "utcRedeemedAt": _utc(used_at) if status == "REDEEMED" else None,
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
        "contact": contact_out(contact_of(row)),
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


def contact_out(contact: Fields) -> Shown:
    """A contact, with all its fields."""
    return {name: contact.get(name) for name in CONTACT_FIELDS} | {
        "locales": contact.get("locales") or []
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
    redeemed = latest(redeemed_at(wallet) for _, wallet in booking.units)
    return {
        "redemptionMethod": REDEMPTION,
        "utcRedeemedAt": _utc(redeemed) if booking.is_redeemed else None,
        "deliveryOptions": [_pdf(booking.row.manifest_id, call)],
    }


def _unit_item(
    offering: Offering, booking: Booking, call: Call, unit: Fields, wallet: Fields
) -> Shown:
    item = booking.option.units[unit["unitId"]]
    used_at = redeemed_at(wallet)
    redeemed = booking.row.status == "Issued" and used_at is not None
    booked = "CONFIRMED" if booking.status == "REDEEMED" else booking.status
    shown: Shown = {
        "uuid": unit["uuid"],
        "resellerReference": unit.get("resellerReference"),
        "supplierReference": wallet["number"],
        "unitId": unit["unitId"],
        "unit": unit_out(offering, item, call),
        "status": "REDEEMED" if redeemed else booked,
        "utcRedeemedAt": _utc(used_at) if redeemed else None,
        "contact": contact_out(unit.get("contact") or {}),
        "ticket": _ticket(booking, call, code_format(item), wallet),
    }
    if call.has_pricing:
        shown["pricing"] = price_out(_share(booking, wallet))
    return shown


def _ticket(booking: Booking, call: Call, code: str | None, wallet: Fields) -> Shown | None:
    if booking.row.status != "Issued":
        return None
    tickets = tickets_of(wallet)
    # What holds several is let in by the wallet's own number.
    number = tickets[0]["number"] if len(wallet["tickets"]) == 1 else wallet["number"]
    codes = [{"deliveryFormat": code, "deliveryValue": number}] if code else []
    return {
        "redemptionMethod": REDEMPTION,
        "utcRedeemedAt": _utc(redeemed_at(wallet)),
        "deliveryOptions": [*codes, _pdf(wallet["manifest_id"], call)],
    }


def _pdf(manifest_id: object, call: Call) -> Shown:
    address = f"{call.public_url.rstrip('/')}/wallets/manifest/pdf?mid={manifest_id}"
    return {"deliveryFormat": PDF, "deliveryValue": address}


def _confirmed_at(booking: Booking) -> datetime | None:
    given = [asset["valid_at"] for _, wallet in booking.units for asset in wallet["tickets"] or ()]
    return min((instant(at) for at in given if at), default=None)


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


def _utc(instant: datetime | None) -> str | None:
    if instant is None:
        return None
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"
