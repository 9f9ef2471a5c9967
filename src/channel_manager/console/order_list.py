"""Finding orders, exporting them, and having many that failed submitted again."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Form, Query, Request, Response

from channel_manager.access.partners import list_partners
from channel_manager.access.route import database_of
from channel_manager.console.filters import read_day
from channel_manager.console.rendering import ROOT, page, see_other
from channel_manager.console.roles import Role
from channel_manager.console.route import CurrentVisit, console_router, needs_role
from channel_manager.console.sessions import Visit
from channel_manager.db import Database
from channel_manager.errors import InvalidInput, NotFound, Problem
from channel_manager.exchanges.service import refused_creates
from channel_manager.orders import bulk
from channel_manager.orders.search import FoundOrder, Wanted, all_orders, search_orders
from channel_manager.orders.states import IN_FLIGHT, Status
from channel_manager.spreadsheets import Format, Row, Sheet, download

ORDERS = f"{ROOT}/orders"
router = console_router("/orders")
LONGEST = 200


@dataclass(frozen=True, slots=True)
class Filters:
    """The filters as the address has them, and what they ask for."""

    query: dict[str, str | list[str]]
    wanted: Wanted


async def read_filters(  # noqa: PLR0913 - as many as the form has fields
    *,
    q: Annotated[str, Query(max_length=1_000)] = "",
    status: Annotated[list[str], Query()] = [],  # noqa: B006 - FastAPI's default
    partner: str = "",
    item: Annotated[str, Query(max_length=LONGEST)] = "",
    visit_from: str = "",
    visit_to: str = "",
    came_from: str = "",
    came_to: str = "",
) -> Filters:
    """What is looked for. Errors: `InvalidInput` naming the field."""
    query: dict[str, str | list[str]] = {
        "q": q.strip(),
        "status": [name for name in status if name],
        "partner": partner,
        "item": item.strip(),
        "visit_from": visit_from,
        "visit_to": visit_to,
        "came_from": came_from,
        "came_to": came_to,
    }
    wanted = Wanted(
        term=q,
        statuses=frozenset(_status(name) for name in status if name),
        partner_id=_uuid("partner", partner),
        item=item.strip(),
        visit_from=read_day("visit_from", visit_from),
        visit_to=read_day("visit_to", visit_to),
        came_from=read_day("came_from", came_from),
        came_to=read_day("came_to", came_to),
    )
    return Filters(query, wanted)


Given = Annotated[Filters, Depends(read_filters)]


@router.get("", openapi_extra=needs_role(Role.VIEWER))
async def found(request: Request, visit: CurrentVisit, given: Given, after: str = "") -> Response:
    """The orders that are looked for, newest first."""
    start = _uuid("after", after)
    async with database_of(request).snapshot() as conn:
        partners = await list_partners(conn, visit.company.company_id)
        result = await search_orders(conn, visit.company, given.wanted, after=start)
        refused = []
        if given.wanted.term and not result.orders:
            # What was never accepted is no order; the calls that tried are kept all the same.
            here = visit.company.company_id
            refused = await refused_creates(conn, here, given.wanted.term)
    return page(
        request,
        "orders.html",
        found=result,
        refused=refused,
        first=start is None,
        query=given.query,
        wanted=given.wanted,
        statuses=list(Status),
        failed=str(Status.ERROR),
        can_reprocess={str(status) for status in (Status.ERROR, *IN_FLIGHT)},
        partners=partners,
        formats=list(Format),
        filtered=any(value for name, value in given.query.items() if name != "q"),
    )


@router.get("/orders.{kind_of_file}", openapi_extra=needs_role(Role.VIEWER))
async def orders_file(
    request: Request, visit: CurrentVisit, given: Given, kind_of_file: str
) -> Response:
    """All that is looked for, as a file."""
    if kind_of_file not in tuple(Format):
        raise NotFound("There is no such file; it comes as csv and xlsx.")
    sheet = Sheet(list(_COLUMNS), _rows(database_of(request), visit, given), visit.company.zone)
    return await download(f"{visit.company.name} orders", Format(kind_of_file), sheet)


@router.post("/reprocess", openapi_extra=needs_role(Role.OPERATOR))
async def reprocess_ticked(
    request: Request, visit: CurrentVisit, order: Annotated[list[UUID], Form()]
) -> Response:
    """Have the orders that were ticked submitted again, in the background."""
    async with database_of(request).transaction() as conn:
        run_id = await bulk.start_run(conn, visit.access, order)
    return see_other(f"{ORDERS}/runs/{run_id}")


@router.post("/reprocess-all", openapi_extra=needs_role(Role.OPERATOR))
async def reprocess_all(request: Request, visit: CurrentVisit, given: Given) -> Response:
    """Have all failed orders that the filters leave submitted again, in the background."""
    if given.wanted.statuses != {Status.ERROR}:
        raise InvalidInput.of([Problem("status", "choose Error alone: only those failed")])
    database = database_of(request)
    orders: list[UUID] = []
    async for order in all_orders(database, visit.company, given.wanted):
        orders.append(order.order_id)
        if len(orders) > bulk.MOST_ORDERS:
            break
    async with database.transaction() as conn:
        run_id = await bulk.start_run(conn, visit.access, orders)
    return see_other(f"{ORDERS}/runs/{run_id}")


_COLUMNS = (
    *("Order", "Partner's reference", "Our reference", "Partner", "State", "Message"),
    *("Guest", "E-mail", "Received", "Visit", "Guests", "Total with VAT", "Currency", "Removed"),
)


async def _rows(database: Database, visit: Visit, given: Filters) -> AsyncIterator[Row]:
    async for order in all_orders(database, visit.company, given.wanted):
        yield _row(order)


def _row(order: FoundOrder) -> Row:
    return [
        *(str(order.order_id), order.sell_to_order_reference, order.buy_from_order_reference),
        *(order.partner, order.status, order.status_message),
        *(order.sell_to_name, order.sell_to_email, order.received_at, order.visit_date),
        *(order.guests, order.total, order.currency, order.removed_at),
    ]


def _status(name: str) -> Status:
    try:
        return Status(name)
    except ValueError:
        told = ", ".join(Status)
        raise InvalidInput.of([Problem("status", f"is none of {told}")]) from None


def _uuid(name: str, text: str) -> UUID | None:
    if not text:
        return None
    try:
        return UUID(text)
    except ValueError:
        raise InvalidInput.of([Problem(name, "is not an id")]) from None
