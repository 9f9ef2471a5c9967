"""What is done with bookings: each is an order, and each step one of the orders' own.

Each function works inside the caller's transaction, which is committed at the edge.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.db import AnyRow, new_id
from channel_manager.errors import ChannelError, NotFound
from channel_manager.issuance import service as issuance
from channel_manager.octo.booking_view import Booking, read_booking, visit_id
from channel_manager.octo.calls import Call
from channel_manager.octo.contents import (
    Contents,
    guest,
    hash_of,
    order_body,
    read_contents,
    read_units,
)
from channel_manager.octo.errors import (
    bad_request,
    in_octos_words,
    invalid_availability,
    invalid_booking,
    unprocessable,
)
from channel_manager.octo.product_view import required_contact
from channel_manager.octo.products import ANY_TIME, Offering, Option
from channel_manager.octo.reading import find_order_id, find_own, view_booking
from channel_manager.octo.schemas import (
    MAX_HOLD_MINUTES,
    CancelIn,
    ConfirmIn,
    DetailsIn,
    ExtendIn,
    ReserveIn,
    UpdateIn,
    said,
)
from channel_manager.orders import service
from channel_manager.orders.checks import find_partner
from channel_manager.orders.guests import change_guest
from channel_manager.orders.holds import extend_hold
from channel_manager.orders.intake import DuplicateOrder, accept_order, rewrite_order
from channel_manager.orders.places import LINE_STEP
from channel_manager.orders.queries import lock_order_in_scope
from channel_manager.orders.settle import settle_within
from channel_manager.orders.states import Operation
from channel_manager.statements import Statement, json_text

# Where the partner's drafts are held for ever, since a booking of OCTO says when its hold ends.
DEFAULT_HOLD_MINUTES = 30

_INSERT = Statement("""
    INSERT INTO octo_bookings (company_id, order_id, partner_id, booking_uuid, request_hash,
        submission, units, reseller_reference, contact, notes)
    VALUES (:company, :order, :partner, :uuid, :hash, :submission, :units, :reseller_reference,
        :contact, :notes)
    ON CONFLICT DO NOTHING
""")
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


class UuidTaken(ChannelError):
    """Another request of the same uuid was quicker; what it made is there to be read."""


async def reserve(
    conn: AsyncConnection, offering: Offering, call: Call, body: ReserveIn
) -> Booking:
    """Hold places: a Draft. The same request again gets the same booking.

    Errors: `OctoError` for all that can't be; `UuidTaken`, where the caller reads `repeated`.
    """
    option = offering.product(body.productId or "").option(body.optionId or "")
    units = read_units(body.unitItems)
    contents = read_contents(offering, option, body.availabilityId or "", units)
    _check_currency(offering, body.currency)
    if body.uuid is not None and (made := await repeated(conn, offering, call, body)):
        return made
    uuid, contact = body.uuid or new_id(), said(body.contact)
    company, partner = call.access.company.company_id, call.partner_id
    with in_octos_words(uuid=str(uuid), availability_id=contents.availability_id):
        try:
            accepted = await accept_order(
                conn, call.access, order_body(contents, partner, str(uuid), contact), call.now
            )
        except DuplicateOrder:
            raise UuidTaken("") from None
        order = accepted.order
        minutes = body.expirationMinutes or hold_minutes(accepted.checked.partner)
        until = order.received_at + timedelta(minutes=minutes)
        await settle_within(conn, offering.company, order, accepted.checked, until)
    await _claim_group_units(conn, order, contents)
    written = await _INSERT.run(
        conn,
        company=company,
        order=order.order_id,
        partner=partner,
        uuid=uuid,
        hash=_request_hash(body),
        submission=order.submission,
        units=json_text(contents.units),
        reseller_reference=body.resellerReference,
        contact=json_text(contact),
        notes=body.notes,
    )
    if not written:
        raise UuidTaken("")
    return await _checked(conn, offering, call, order.order_id, contents)


async def repeated(
    conn: AsyncConnection, offering: Offering, call: Call, body: ReserveIn
) -> Booking | None:
    """The booking that the same request made before; None where it is the first.

    Errors: `BAD_REQUEST` where the uuid is another booking's.
    """
    if body.uuid is None:
        return None
    row = await find_own(conn, call, body.uuid)
    if row is None:
        return None
    if row.booking_uuid != body.uuid or bytes(row.request_hash) != _request_hash(body):
        raise bad_request(f"uuid: {body.uuid} is another booking; use a new uuid.")
    return _as_booking(offering, row, call, str(body.uuid))


async def confirm(
    conn: AsyncConnection, offering: Offering, call: Call, uuid: str, body: ConfirmIn
) -> Booking:
    """Make a held booking's tickets valid, with other units where they are given.

    A confirmed booking stays as it is. Errors: `OctoError`.
    """
    order, booking = await _locked(conn, offering, call, uuid)
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
    return await _checked(conn, offering, call, order.order_id, contents)


async def update(
    conn: AsyncConnection, offering: Offering, call: Call, uuid: str, body: UpdateIn
) -> Booking:
    """Change what a booking is of or says, before or after it is confirmed.

    Errors: `OctoError`.
    """
    order, booking = await _locked(conn, offering, call, uuid)
    _check_currency(offering, body.currency)
    if order is None or not booking.is_cancellable:
        raise unprocessable(f"The booking is {_why_fixed(booking)}; it can't be changed.")
    contents = _contents(offering, booking, body)
    with in_octos_words(uuid=uuid, availability_id=contents.availability_id):
        order = await _change(conn, call, booking, order, contents, body)
        await _write(conn, order, booking, contents, body)
        if body.expirationMinutes and booking.status == "ON_HOLD":
            until = call.now + timedelta(minutes=body.expirationMinutes)
            await extend_hold(conn, call.access, order, until)
    return await _checked(conn, offering, call, order.order_id, contents)


async def extend(
    conn: AsyncConnection, offering: Offering, call: Call, uuid: str, body: ExtendIn
) -> Booking:
    """Hold a booking's places for so many minutes more. Errors: `OctoError`."""
    order, booking = await _locked(conn, offering, call, uuid)
    if order is None or booking.status != "ON_HOLD":
        raise unprocessable(f"The booking is {booking.status}; only one that is ON_HOLD is held.")
    minutes = body.expirationMinutes
    if minutes is None:
        minutes = hold_minutes(await find_partner(conn, call.access, call.partner_id))
    until = (order.hold_expires_at or call.now) + timedelta(minutes=minutes)
    if until > call.now + timedelta(minutes=MAX_HOLD_MINUTES):
        raise unprocessable(f"A booking is held for at most {MAX_HOLD_MINUTES} minutes from now.")
    await extend_hold(conn, call.access, order, until)
    return await _viewed(conn, offering, call, order.order_id)


async def cancel(
    conn: AsyncConnection, offering: Offering, call: Call, uuid: str, body: CancelIn
) -> Booking:
    """Cancel a booking that is held or confirmed; one that is cancelled stays so.

    Past the cut-off only by force, and then without a refund. Errors: `OctoError`.
    """
    order, booking = await _locked(conn, offering, call, uuid)
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
    return await _viewed(conn, offering, call, order.order_id)


async def _locked(
    conn: AsyncConnection, offering: Offering, call: Call, uuid: str
) -> tuple[AnyRow | None, Booking]:
    """The booking, and its order locked; no order where it was a hold and is cancelled."""
    order_id = await find_order_id(conn, call, uuid)
    try:
        order = await lock_order_in_scope(conn, call.access, str(order_id))
    except NotFound:
        order = None
    # Read once nobody else can change it.
    row = await view_booking(conn, call, order_id)
    return order, _as_booking(offering, row, call, uuid)


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
    await _claim_group_units(conn, accepted.order, contents)
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


async def _claim_group_units(conn: AsyncConnection, order: AnyRow, contents: Contents) -> None:
    """Unit uuids are unique as the partner's wallet references are; a group's have no wallets."""
    places = list(dict.fromkeys(unit["unitId"] for unit in contents.units))
    claims = [
        issuance.Claim((places.index(unit["unitId"]) + 1) * LINE_STEP, number, unit["uuid"])
        for number, unit in enumerate(contents.units, start=1)
        if contents.option.unit(unit["unitId"]).is_group
    ]
    taken = await issuance.claim_references(conn, order.company_id, order.order_id, claims)
    if taken:
        raise bad_request(f"unitItems: the uuid {taken[0].reference} is another unit's.")


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


def _check_currency(offering: Offering, currency: str | None) -> None:
    if currency not in (None, offering.company.currency):
        raise bad_request(f"currency: prices are in {offering.company.currency} only.")


def _why_fixed(booking: Booking) -> str:
    if booking.any_admitted:
        return "REDEEMED"
    if booking.status == "CONFIRMED":
        return "past its cut-off"
    return booking.status


def hold_minutes(partner: AnyRow | None) -> int:
    """How long a partner's bookings are held where they don't say."""
    said_of_all = partner.hold_minutes if partner else 0
    return min(said_of_all or DEFAULT_HOLD_MINUTES, MAX_HOLD_MINUTES)


async def _checked(
    conn: AsyncConnection, offering: Offering, call: Call, order_id: UUID, contents: Contents
) -> Booking:
    """The booking as it is now; only for the start of a slot, since an id names nothing else."""
    booking = await _viewed(conn, offering, call, order_id)
    if (booking.visit.local_date, _start(booking)) != (contents.day, contents.at):
        raise invalid_availability(contents.availability_id)
    return booking


def _start(booking: Booking) -> object:
    return booking.visit.start_time if booking.option.is_timed else ANY_TIME


async def _viewed(conn: AsyncConnection, offering: Offering, call: Call, order_id: UUID) -> Booking:
    row = await view_booking(conn, call, order_id)
    return _as_booking(offering, row, call, str(order_id))


def _as_booking(offering: Offering, row: AnyRow, call: Call, uuid: str) -> Booking:
    booking = read_booking(offering, row, call.now)
    if booking is None:
        raise invalid_booking(uuid)
    return booking


def _request_hash(body: ReserveIn) -> bytes:
    return hash_of(said(body))
