"""What the steps of a booking share: finding and locking it, and showing what has become of it."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.db import AnyRow
from channel_manager.errors import NotFound
from channel_manager.issuance import service as issuance
from channel_manager.octo.booking import Booking, read_booking
from channel_manager.octo.calls import Call
from channel_manager.octo.contents import (
    Contents,
)
from channel_manager.octo.errors import (
    bad_request,
    invalid_availability,
    invalid_booking,
)
from channel_manager.octo.products import ANY_TIME, Offering
from channel_manager.octo.reading import find_order_id, view_booking
from channel_manager.octo.schemas import (
    MAX_HOLD_MINUTES,
)
from channel_manager.orders.places import LINE_STEP
from channel_manager.orders.queries import lock_order_in_scope

# Where the partner's drafts are held for ever, since a booking of OCTO says when its hold ends.
DEFAULT_HOLD_MINUTES = 30


async def locked(
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
    return order, as_booking(offering, row, call, uuid)


async def viewed(conn: AsyncConnection, offering: Offering, call: Call, order_id: UUID) -> Booking:
    """A booking as it is now."""
    row = await view_booking(conn, call, order_id)
    return as_booking(offering, row, call, str(order_id))


async def checked(
    conn: AsyncConnection, offering: Offering, call: Call, order_id: UUID, contents: Contents
) -> Booking:
    """The booking as it is now; only for the start of a slot, since an id names nothing else."""
    booking = await viewed(conn, offering, call, order_id)
    if (booking.visit.local_date, _start(booking)) != (contents.day, contents.at):
        raise invalid_availability(contents.availability_id)
    return booking


def _start(booking: Booking) -> object:
    return booking.visit.start_time if booking.option.is_timed else ANY_TIME


def as_booking(offering: Offering, row: AnyRow, call: Call, uuid: str) -> Booking:
    """What was read, as a booking. Errors: `INVALID_BOOKING_UUID` where it can't be one."""
    booking = read_booking(offering, row, call.now)
    if booking is None:
        raise invalid_booking(uuid)
    return booking


async def claim_group_units(conn: AsyncConnection, order: AnyRow, contents: Contents) -> None:
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


def check_currency(offering: Offering, currency: str | None) -> None:
    """Errors: `BAD_REQUEST` for prices in another currency than the venue's."""
    if currency not in (None, offering.company.currency):
        raise bad_request(f"currency: prices are in {offering.company.currency} only.")


def hold_minutes(partner: AnyRow | None) -> int:
    """How long a partner's bookings are held where they don't say."""
    said_of_all = partner.hold_minutes if partner else 0
    return min(said_of_all or DEFAULT_HOLD_MINUTES, MAX_HOLD_MINUTES)
