"""Reservations: each is an order, written and settled in the request's own transaction."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.db import new_id
from channel_manager.errors import ChannelError
from channel_manager.octo.booking import Booking
from channel_manager.octo.calls import Call
from channel_manager.octo.contents import (
    hash_of,
    order_body,
    read_contents,
    read_units,
)
from channel_manager.octo.errors import (
    bad_request,
    in_octos_words,
)
from channel_manager.octo.products import Offering
from channel_manager.octo.reading import find_own
from channel_manager.octo.schemas import (
    ReserveIn,
    said,
)
from channel_manager.octo.steps import (
    as_booking,
    check_currency,
    checked,
    claim_group_units,
    hold_minutes,
)
from channel_manager.orders.intake import DuplicateOrder, accept_order
from channel_manager.orders.settle import settle_within
from channel_manager.statements import Statement, json_text

_INSERT = Statement("""
    INSERT INTO octo_bookings (company_id, order_id, partner_id, booking_uuid, request_hash,
        submission, units, reseller_reference, contact, notes)
    VALUES (:company, :order, :partner, :uuid, :hash, :submission, :units, :reseller_reference,
        :contact, :notes)
    ON CONFLICT DO NOTHING
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
    check_currency(offering, body.currency)
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
    await claim_group_units(conn, order, contents)
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
    return await checked(conn, offering, call, order.order_id, contents)


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
    return as_booking(offering, row, call, str(body.uuid))


def _request_hash(body: ReserveIn) -> bytes:
    return hash_of(said(body))
