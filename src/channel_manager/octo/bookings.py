"""What is done with bookings that there are, each by the orders' own step.

Each function works inside the caller's transaction, which is committed at the edge.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.db import AnyRow
from channel_manager.octo.booking import Booking, visit_id
from channel_manager.octo.calls import Call
from channel_manager.octo.contents import (
    Contents,
    guest,
    order_body,
    read_contents,
    read_units,
)
from channel_manager.octo.errors import (
    bad_request,
    in_octos_words,
    unprocessable,
)
from channel_manager.octo.product_view import required_contact
from channel_manager.octo.products import Offering, Option
from channel_manager.octo.schemas import (
    MAX_HOLD_MINUTES,
    CancelIn,
    ConfirmIn,
    DetailsIn,
    ExtendIn,
    UpdateIn,
    said,
)
from channel_manager.octo.steps import (
    check_currency,
    checked,
    claim_group_units,
    hold_minutes,
    locked,
    viewed,
)
from channel_manager.orders import service
from channel_manager.orders.checks import find_partner
from channel_manager.orders.guests import change_guest
from channel_manager.orders.holds import extend_hold
from channel_manager.orders.intake import rewrite_order
from channel_manager.orders.queries import lock_order_in_scope
from channel_manager.orders.settle import settle_within
from channel_manager.orders.states import Operation
from channel_manager.statements import Statement, json_text
from channel_manager.webhooks.events import publish_bookings

# For an order that came another way this is the first that OCTO adds to it.
_WRITE = Statement("""
    INSERT INTO octo_bookings AS b (company_id, order_id, partner_id, booking_uuid, request_hash,
        submission, units, reseller_reference, contact, notes, confirmed_at)
    VALUES (:company, :order, :partner, :uuid, '', :submission, :units, :reseller_reference,
        :contact, :notes, CASE WHEN :confirms THEN now() END)
    ON CONFLICT (company_id, order_id) DO UPDATE SET submission = excluded.submission,
        units = excluded.units, reseller_reference = excluded.reseller_reference,
        contact = excluded.contact, notes = excluded.notes, updated_at = now(),
        confirmed_at = coalesce(b.confirmed_at, excluded.confirmed_at)
""")
_CANCELLED = Statement("""
    INSERT INTO octo_bookings AS b (company_id, order_id, partner_id, booking_uuid, request_hash,
        submission, units, contact, refund, cancel_reason)
    VALUES (:company, :order, :partner, :order, '', 0, '[]', '{}', :refund, :reason)
    ON CONFLICT (company_id, order_id) DO UPDATE SET refund = excluded.refund,
        cancel_reason = excluded.cancel_reason, updated_at = now()
""")


async def confirm(
    conn: AsyncConnection, offering: Offering, call: Call, uuid: str, body: ConfirmIn
) -> Booking:
    """Make a held booking's tickets valid, with other units where they are given.

    A confirmed booking stays as it is. Errors: `OctoError`.
    """
    order, booking = await locked(conn, offering, call, uuid)
    if booking.status in ("CONFIRMED", "REDEEMED"):
        return booking
    if order is None:
        raise unprocessable("The booking is CANCELLED; reserve anew.")
    changed = UpdateIn.model_validate(said(body))
    contact = _merged(booking, changed)["contact"]
    _check_contact(booking.option, contact)
    contents = _contents(offering, booking, changed)
    with in_octos_words(uuid=uuid, availability_id=contents.availability_id):
        order = await _change(conn, call, booking, order, contents, changed)
        await service.confirm_locked(conn, call.access, order, f"OCTO-{booking.uuid}")
    await _write(conn, order, booking, contents, changed, confirms=True)
    return await checked(conn, offering, call, order.order_id, contents)


async def update(
    conn: AsyncConnection, offering: Offering, call: Call, uuid: str, body: UpdateIn
) -> Booking:
    """Change what a booking is of or says, before or after it is confirmed.

    Errors: `OctoError`.
    """
    order, booking = await locked(conn, offering, call, uuid)
    check_currency(offering, body.currency)
    if order is None or not booking.is_cancellable:
        raise unprocessable(f"The booking is {_why_fixed(booking)}; it can't be changed.")
    contents = _contents(offering, booking, body)
    with in_octos_words(uuid=uuid, availability_id=contents.availability_id):
        order = await _change(conn, call, booking, order, contents, body)
        await _write(conn, order, booking, contents, body)
        if body.expirationMinutes and booking.status == "ON_HOLD":
            until = call.now + timedelta(minutes=body.expirationMinutes)
            await extend_hold(conn, call.access, order, until)
        elif said(body) and order.submission == booking.row.submission:
            # Another contact or reference; new contents have an event of their own.
            await publish_bookings(conn, order.company_id, [order.order_id])
    return await checked(conn, offering, call, order.order_id, contents)


async def extend(
    conn: AsyncConnection, offering: Offering, call: Call, uuid: str, body: ExtendIn
) -> Booking:
    """Hold a booking's places for so many minutes more. Errors: `OctoError`."""
    order, booking = await locked(conn, offering, call, uuid)
    if order is None or booking.status != "ON_HOLD":
        raise unprocessable(f"The booking is {booking.status}; only one that is ON_HOLD is held.")
    minutes = body.expirationMinutes
    if minutes is None:
        minutes = hold_minutes(await find_partner(conn, call.access, call.partner_id))
    until = (order.hold_expires_at or call.now) + timedelta(minutes=minutes)
    if until > call.now + timedelta(minutes=MAX_HOLD_MINUTES):
        raise unprocessable(f"A booking is held for at most {MAX_HOLD_MINUTES} minutes from now.")
    await extend_hold(conn, call.access, order, until)
    return await viewed(conn, offering, call, order.order_id)


async def cancel(
    conn: AsyncConnection, offering: Offering, call: Call, uuid: str, body: CancelIn
) -> Booking:
    """Cancel a booking that is held or confirmed; one that is cancelled stays so.

    Past the cut-off only by force, and then without a refund. Errors: `OctoError`.
    """
    order, booking = await locked(conn, offering, call, uuid)
    if order is None or booking.status == "CANCELLED":
        return booking
    is_late = booking.status == "CONFIRMED" and call.now >= booking.cutoff_at
    if booking.any_admitted or (is_late and not body.force):
        raise unprocessable(f"The booking is {_why_fixed(booking)}; it can't be cancelled.")
    with in_octos_words(uuid=uuid):
        await service.delete_order(conn, call.access, str(order.order_id))
    await _CANCELLED.run(
        conn,
        company=order.company_id,
        order=order.order_id,
        partner=order.partner_id,
        refund="NONE" if is_late else "FULL",
        reason=body.reason,
    )
    return await viewed(conn, offering, call, order.order_id)


async def _change(
    conn: AsyncConnection,
    call: Call,
    booking: Booking,
    order: AnyRow,
    contents: Contents,
    body: UpdateIn,
) -> AnyRow:
    """The order as it is to be: new lines and tickets only where it is of something else."""
    contact = _merged(booking, body)["contact"]
    if contents.key == _current(booking).key:
        if body.contact is not None:
            await change_guest(conn, order, **_guest_columns(contact))
        return order
    reference, payment = order.sell_to_order_reference, order.payment_reference or None
    accepted = await rewrite_order(
        conn,
        call.access,
        order,
        order_body(contents, order.partner_id, reference, contact, payment),
        call.now,
        Operation.UPDATE,
    )
    until = order.hold_expires_at
    await settle_within(conn, call.access.company, accepted.order, accepted.checked, until)
    await claim_group_units(conn, accepted.order, contents)
    with in_octos_words(uuid=booking.uuid):
        return await lock_order_in_scope(conn, call.access, str(order.order_id))


async def _write(
    conn: AsyncConnection,
    order: AnyRow,
    booking: Booking,
    contents: Contents,
    body: DetailsIn,
    *,
    confirms: bool = False,
) -> None:
    merged = _merged(booking, body)
    await _WRITE.run(
        conn,
        company=order.company_id,
        order=order.order_id,
        partner=order.partner_id,
        uuid=UUID(booking.uuid),
        submission=order.submission,
        units=json_text(contents.units),
        reseller_reference=merged["resellerReference"],
        contact=json_text(merged["contact"]),
        notes=merged["notes"],
        confirms=confirms,
    )


def _guest_columns(contact: Mapping[str, Any]) -> dict[str, str]:
    said_guest = guest(contact)
    return {
        "name": said_guest["sellToName"] or "",
        "email": said_guest["sellToEmail"] or "",
        "language": (said_guest["sellToLanguage"] or "").upper(),
    }


def _contents(offering: Offering, booking: Booking, body: UpdateIn) -> Contents:
    """What a booking is to be of: what the body says, and else what it is of already."""
    current = _current(booking)
    product = offering.product(body.productId or booking.product.id)
    other = product.id != booking.product.id
    option_id = body.optionId or (next(iter(product.options)) if other else booking.option.id)
    units = current.units if body.unitItems is None else _named(read_units(body.unitItems), current)
    return read_contents(
        offering, product.option(option_id), body.availabilityId or current.availability_id, units
    )


def _named(units: list[Mapping[str, Any]], current: Contents) -> list[Mapping[str, Any]]:
    """Units as they are to be; what is known of one and not said anew stays."""
    known = {unit["uuid"]: unit for unit in current.units}
    return [
        {
            **unit,
            "resellerReference": unit["resellerReference"]
            or known.get(unit["uuid"], {}).get("resellerReference"),
            "contact": unit["contact"] or known.get(unit["uuid"], {}).get("contact") or {},
        }
        for unit in units
    ]


def _current(booking: Booking) -> Contents:
    visit = booking.visit
    return Contents(
        booking.option,
        visit_id(booking),
        visit.local_date,
        visit.start_time,
        [
            {
                "uuid": unit["uuid"],
                "unitId": unit["unitId"],
                "resellerReference": unit.get("resellerReference"),
                "contact": unit.get("contact") or {},
            }
            for unit, _ in booking.units
        ],
    )


def _merged(booking: Booking, body: DetailsIn) -> dict[str, Any]:
    row = booking.row
    return {
        "resellerReference": body.resellerReference or row.reseller_reference,
        "contact": booking.contact | said(body.contact),
        "notes": row.notes if body.notes is None else body.notes,
    }


def _check_contact(option: Option, contact: Mapping[str, Any]) -> None:
    missing = [name for name in required_contact(option) if not contact.get(name)]
    if missing:
        raise bad_request(f"contact: {', '.join(missing)} must be given to confirm.")


def _why_fixed(booking: Booking) -> str:
    if booking.any_admitted:
        return "REDEEMED"
    if booking.status == "CONFIRMED":
        return "past its cut-off"
    return booking.status
