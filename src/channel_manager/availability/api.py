"""Availability, made to be polled: an unchanged answer costs a 304 (domain: Availability)."""

import hashlib
from datetime import date
from typing import Annotated, Any

from fastapi import Query, Request, Response

from channel_manager import local_time
from channel_manager.access.permissions import Permission
from channel_manager.access.route import (
    CurrentAccess,
    company_router,
    database_of,
    needs,
)
from channel_manager.access.service import Access
from channel_manager.availability import search
from channel_manager.availability.schemas import CapacityOut, TimeSlotsOut
from channel_manager.errors import InvalidInput, Problem
from channel_manager.responses import bytes_reply, documented
from channel_manager.strict_json import dumps

router = company_router("Availability", "/ticket")
ItemNumber = Annotated[
    str, Query(alias="itemNumber", description="An item, package or component of one.")
]


@router.get(
    "/timeslots/search",
    response_model=TimeSlotsOut,
    operation_id="searchTimeSlots",
    openapi_extra=needs(Permission.CATALOG_READ),
    responses={304: {"description": "Nothing has changed."}, **documented(400)},
)
async def search_time_slots(
    request: Request,
    access: CurrentAccess,
    item_number: ItemNumber,
    from_date: Annotated[
        str | None, Query(alias="fromDate", description="YYYY-MM-DD; today if left out.")
    ] = None,
    to_date: Annotated[
        str | None, Query(alias="toDate", description="YYYY-MM-DD; fromDate if left out.")
    ] = None,
) -> Response:
    """An item's open time slots with what is left of each, and the price of one."""
    period = search.read_period(from_date, to_date, _today(request, access))
    async with database_of(request).read() as conn:
        found = await search.search_time_slots(
            conn, access, item_number, period, request.app.state.clock()
        )
    return _reply(request, found)


@router.get(
    "/capacity/search",
    response_model=CapacityOut,
    operation_id="searchCapacity",
    openapi_extra=needs(Permission.CATALOG_READ),
    responses={304: {"description": "Nothing has changed."}, **documented(400)},
)
async def search_capacity(
    request: Request,
    access: CurrentAccess,
    item_number: ItemNumber,
    reference_date: Annotated[
        str | None, Query(alias="referenceDate", description="YYYY-MM-DD; today if left out.")
    ] = None,
    quantity: Annotated[str | None, Query(description="How many, 1 to 1,000.")] = None,
) -> Response:
    """Whether so many of an item can be had on a day, and at which times."""
    problems: list[Problem] = []
    day = search.read_date("referenceDate", reference_date, _today(request, access), problems)
    wanted = search.read_quantity(quantity, problems)
    if problems:
        raise InvalidInput.of(problems)
    async with database_of(request).read() as conn:
        found = await search.search_capacity(
            conn, access, item_number, day, wanted, request.app.state.clock()
        )
    return _reply(request, found)


def _reply(request: Request, found: dict[str, Any]) -> Response:
    body = dumps(found)
    tag = f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    given = request.headers.get("if-none-match", "")
    known = {each.strip().removeprefix("W/") for each in given.split(",")}
    if tag in known or "*" in known:
        return Response(status_code=304, headers=headers)
    return bytes_reply(body, headers=headers)


def _today(request: Request, access: Access) -> date:
    return local_time.today(access.company.zone, request.app.state.clock())
