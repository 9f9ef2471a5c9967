"""What a partner may sell (domain: Availability)."""

import asyncio
from datetime import date, datetime, time
from typing import Annotated

from fastapi import Query, Request, Response

from channel_manager import local_time
from channel_manager.access.permissions import Permission
from channel_manager.access.route import (
    CurrentAccess,
    company_router,
    database_of,
    needs,
)
from channel_manager.catalog.listing import Listing, list_store
from channel_manager.catalog.schemas import CatalogOut
from channel_manager.catalog.service import catalogue
from channel_manager.companies.service import CompanyInfo
from channel_manager.errors import InvalidInput, Problem
from channel_manager.issuance.contents import Visit
from channel_manager.responses import documented, json_reply

# As far ahead as orders may be.
YEARS_AHEAD = 3

router = company_router("Catalogue")


@router.get(
    "/ticket/catalog/{store_code}",
    response_model=CatalogOut,
    operation_id="getCatalog",
    openapi_extra=needs(Permission.CATALOG_READ),
    responses=documented(400),
)
async def get_catalog(
    request: Request,
    access: CurrentAccess,
    store_code: str,
    visit_date: Annotated[
        str | None,
        Query(alias="visitDate", description="YYYY-MM-DD, venue-local; today where left out."),
    ] = None,
    visit_time: Annotated[
        str | None,
        Query(alias="visitTime", description="HH:mm:ss, venue-local; now where left out."),
    ] = None,
) -> Response:
    """The items of a store, with descriptions in all languages, prices and contents."""
    async with database_of(request).transaction() as conn:
        items = await catalogue(conn, access.company)
    called_at: datetime = request.app.state.clock()
    now = called_at.astimezone(access.company.zone)
    visit = _visit(access.company, now, visit_date, visit_time)
    listing = Listing(items, access.company, visit, now.date())
    # A venue may have thousands of items; other requests go on meanwhile.
    shown = await asyncio.to_thread(list_store, listing, store_code)
    return json_reply(shown)


def _visit(
    company: CompanyInfo, now: datetime, day_text: str | None, time_text: str | None
) -> Visit:
    problems: list[Problem] = []
    day, at = now.date(), now.time().replace(microsecond=0)
    try:
        day = local_time.parse_date(day_text) if day_text is not None else day
    except ValueError as error:
        problems.append(Problem("visitDate", str(error)))
    try:
        at = local_time.parse_time(time_text) if time_text is not None else at
    except ValueError as error:
        problems.append(Problem("visitTime", str(error)))
    last = local_time.years_ahead(now.date(), YEARS_AHEAD)
    if not now.date() <= day <= last:
        problems.append(Problem("visitDate", f"must be from {now.date()} to {last}"))
    if problems:
        raise InvalidInput.of(problems)
    return _existing(company, day, at)


def _existing(company: CompanyInfo, day: date, at: time) -> Visit:
    try:
        local_time.to_instant(day, at, company.zone)
    except local_time.SkippedTime as skipped:
        raise InvalidInput.of([Problem("visitTime", str(skipped))]) from None
    return Visit(day, at)
