"""OCTO's routes: one adapter over the services that the channel manager's own API uses."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.access.permissions import Permission
from channel_manager.access.route import database_of, needs
from channel_manager.companies.service import find_address
from channel_manager.exchanges.route import keep_accepted
from channel_manager.measures import ORDERS_ACCEPTED
from channel_manager.octo import availability, bookings, capabilities, reservations
from channel_manager.octo.booking import Booking, read_booking
from channel_manager.octo.booking_view import booking_out
from channel_manager.octo.calls import Call, CurrentCall
from channel_manager.octo.errors import bad_request, invalid_booking
from channel_manager.octo.product_view import product_out, supplier_out
from channel_manager.octo.products import Offering, find_offering
from channel_manager.octo.reading import Wanted, find_booking, list_bookings
from channel_manager.octo.route import OctoRoute
from channel_manager.octo.schemas import (
    AvailabilityIn,
    CalendarIn,
    CancelIn,
    ConfirmIn,
    ExtendIn,
    ListQuery,
    ReserveIn,
    UpdateIn,
)
from channel_manager.responses import bytes_reply, json_reply
from channel_manager.strict_json import dumps

# Not in the OpenAPI document, which is of the channel manager's own API: OCTO is described by its
# own standard, whose errors and statuses are others (decision 0024).
router = APIRouter(prefix="/octo", route_class=OctoRoute, include_in_schema=False)

READ_CATALOG = needs(Permission.CATALOG_READ)
READ = needs(Permission.ORDERS_READ)
WRITE = needs(Permission.ORDERS_WRITE)
Act = Callable[[AsyncConnection, Offering], Awaitable[Booking]]


@router.get("/supplier", openapi_extra=READ_CATALOG)
async def octo_supplier(request: Request, call: CurrentCall) -> Response:
    """Who sells."""
    async with database_of(request).read() as conn:
        offering = await _offering(conn, call)
        address = await find_address(conn, call.access.company.company_id)
    return json_reply(supplier_out(offering, call, address))


@router.get("/capabilities", openapi_extra=READ_CATALOG)
async def octo_capabilities(call: CurrentCall) -> Response:
    """What a request may switch on."""
    del call
    return json_reply(capabilities.listed())


@router.get("/products", openapi_extra=READ_CATALOG)
async def octo_products(request: Request, call: CurrentCall) -> Response:
    """All products."""
    async with database_of(request).read() as conn:
        offering = await _offering(conn, call)
    return json_reply(
        [product_out(offering, product, call) for product in offering.products.values()]
    )


@router.get("/products/{product_id}", openapi_extra=READ_CATALOG)
async def octo_product(request: Request, call: CurrentCall, product_id: str) -> Response:
    """One product."""
    async with database_of(request).read() as conn:
        offering = await _offering(conn, call)
    return json_reply(product_out(offering, offering.product(product_id), call))


@router.post("/availability", openapi_extra=READ_CATALOG)
async def octo_availability(request: Request, call: CurrentCall, body: AvailabilityIn) -> Response:
    """The times of an option."""
    async with database_of(request).read() as conn:
        offering = await _offering(conn, call)
        found = await availability.check_availability(conn, offering, call, body)
    return json_reply(found)


@router.post("/availability/calendar", openapi_extra=READ_CATALOG)
async def octo_calendar(request: Request, call: CurrentCall, body: CalendarIn) -> Response:
    """The days of an option."""
    async with database_of(request).read() as conn:
        offering = await _offering(conn, call)
        found = await availability.check_calendar(conn, offering, call, body)
    return json_reply(found)


@router.post("/bookings", openapi_extra=WRITE)
async def octo_reserve(request: Request, call: CurrentCall, body: ReserveIn) -> Response:
    """Hold places."""
    try:
        reply = await _write(
            request, call, lambda conn, offering: reservations.reserve(conn, offering, call, body)
        )
    except reservations.UuidTaken:
        # The one that was quicker has committed, or the unique index would still wait for it.
        async with database_of(request).single() as conn:
            offering = await _offering(conn, call)
            made = await reservations.repeated(conn, offering, call, body)
            if made is None:
                raise bad_request(f"uuid: {body.uuid} is another order; use a new uuid.") from None
            return bytes_reply(await _kept(conn, request, call, offering, made))
    ORDERS_ACCEPTED.inc()
    return reply


@router.get("/bookings", openapi_extra=READ)
async def octo_list(
    request: Request, call: CurrentCall, query: Annotated[ListQuery, Query()]
) -> Response:
    """Bookings by a reference, or by the day of the visit; newest first."""
    wanted = _wanted(query)
    async with database_of(request).read() as conn:
        offering = await _offering(conn, call)
        rows = await list_bookings(conn, call, wanted)
    found = [read_booking(offering, row, call.now) for row in rows]
    return json_reply([booking_out(offering, one, call) for one in found if one is not None])


@router.get("/bookings/{uuid}", openapi_extra=READ)
async def octo_get(request: Request, call: CurrentCall, uuid: str) -> Response:
    """One booking."""
    async with database_of(request).read() as conn:
        offering = await _offering(conn, call)
        row = await find_booking(conn, call, uuid)
    booking = read_booking(offering, row, call.now)
    if booking is None:
        raise invalid_booking(uuid)
    return json_reply(booking_out(offering, booking, call))


@router.post("/bookings/{uuid}/confirm", openapi_extra=WRITE)
async def octo_confirm(
    request: Request, call: CurrentCall, uuid: str, body: ConfirmIn | None = None
) -> Response:
    """Make a held booking's tickets valid; the answer has them."""
    asked = body or ConfirmIn()
    return await _write(
        request, call, lambda conn, offering: bookings.confirm(conn, offering, call, uuid, asked)
    )


@router.post("/bookings/{uuid}/extend", openapi_extra=WRITE)
async def octo_extend(
    request: Request, call: CurrentCall, uuid: str, body: ExtendIn | None = None
) -> Response:
    """Hold a booking's places for longer."""
    asked = body or ExtendIn()
    return await _write(
        request, call, lambda conn, offering: bookings.extend(conn, offering, call, uuid, asked)
    )


@router.patch("/bookings/{uuid}", openapi_extra=WRITE)
async def octo_update(request: Request, call: CurrentCall, uuid: str, body: UpdateIn) -> Response:
    """Change a booking."""
    return await _write(
        request, call, lambda conn, offering: bookings.update(conn, offering, call, uuid, body)
    )


@router.post("/bookings/{uuid}/cancel", openapi_extra=WRITE)
async def octo_cancel(
    request: Request, call: CurrentCall, uuid: str, body: CancelIn | None = None
) -> Response:
    """Cancel a booking."""
    asked = body or CancelIn()
    return await _write(
        request, call, lambda conn, offering: bookings.cancel(conn, offering, call, uuid, asked)
    )


async def _write(request: Request, call: Call, act: Act) -> Response:
    async with database_of(request).transaction(planned_once=True) as conn:
        offering = await _offering(conn, call)
        reply = await _kept(conn, request, call, offering, await act(conn, offering))
    return bytes_reply(reply)


async def _kept(
    conn: AsyncConnection, request: Request, call: Call, offering: Offering, booking: Booking
) -> bytes:
    body = dumps(booking_out(offering, booking, call))
    await keep_accepted(
        conn, request, booking.row.order_id, HTTPStatus.OK, body, partner_id=call.partner_id
    )
    return body


async def _offering(conn: AsyncConnection, call: Call) -> Offering:
    return await find_offering(conn, call.access.company, call.now)


def _wanted(query: ListQuery) -> Wanted:
    if query.resellerReference is not None:
        return Wanted(reseller_reference=query.resellerReference)
    if query.supplierReference is not None:
        return Wanted(supplier_reference=query.supplierReference)
    first, last = query.localDate or query.localDateStart, query.localDate or query.localDateEnd
    if first is None or last is None:
        raise bad_request(
            "Send resellerReference, supplierReference, localDate, or localDateStart and"
            " localDateEnd."
        )
    try:
        return Wanted(first=local_time.parse_date(first), last=local_time.parse_date(last))
    except ValueError as error:
        raise bad_request(f"localDate: {error}.") from None
