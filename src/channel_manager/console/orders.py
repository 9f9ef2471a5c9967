"""One order: all that is known of it, and what may be done with it; how a run of many stands."""

from typing import Annotated, Any
from uuid import UUID

import orjson
from fastapi import Form, Request, Response

from channel_manager.access.partners import list_partners
from channel_manager.access.route import database_of
from channel_manager.console.order_list import ORDERS
from channel_manager.console.rendering import page, see_other
from channel_manager.console.roles import Role
from channel_manager.console.route import CurrentVisit, console_router, needs_role
from channel_manager.console.timeline import changes, timeline
from channel_manager.errors import InvalidStatus
from channel_manager.exchanges.service import exchanges_of_order
from channel_manager.issuance.numbers import job_id
from channel_manager.orders import bulk, service
from channel_manager.orders.queries import view_order
from channel_manager.orders.representation import full, manifest_url
from channel_manager.orders.states import IN_FLIGHT, Operation, Status
from channel_manager.orders.states import change as state_change
from channel_manager.orders.wallets import PAGE, wallets_of
from channel_manager.strict_json import dumps
from channel_manager.webhooks.deliveries import replay_event

MOST_TROUBLED = 200
MOST_RUNS = 50
router = console_router("/orders")


@router.get("/runs", openapi_extra=needs_role(Role.VIEWER))
async def runs(request: Request, visit: CurrentVisit) -> Response:
    """The newest runs that reprocess many orders."""
    async with database_of(request).read() as conn:
        found = await bulk.newest_runs(conn, visit.company.company_id, MOST_RUNS)
    return page(request, "runs.html", runs=found)


@router.get("/runs/{run_id}", openapi_extra=needs_role(Role.VIEWER))
async def run(request: Request, visit: CurrentVisit, run_id: UUID) -> Response:
    """How one run stands, and which of its orders still need a person."""
    here = visit.company.company_id
    async with database_of(request).read() as conn:
        progress = await bulk.find_run(conn, here, run_id)
        troubled = await bulk.troubled_orders(conn, here, run_id, MOST_TROUBLED)
    return page(request, "run.html", run=progress, troubled=troubled)


@router.get("/{order_id}", openapi_extra=needs_role(Role.VIEWER))
async def show(request: Request, visit: CurrentVisit, order_id: UUID, wallets: int = 1) -> Response:
    """One order: what it is, what it holds, what happened to it."""
    here = visit.company.company_id
    part = max(1, min(wallets, 1_000))
    public_url = request.app.state.public_url
    async with database_of(request).read() as conn:
        view = await view_order(conn, here, order_id)
        found, number = await wallets_of(conn, here, order_id, page=part)
        happened = await timeline(conn, here, order_id)
        exchanges = await exchanges_of_order(conn, here, order_id)
        partners = await list_partners(conn, here)
    order = view.order
    status = Status(order["status"])
    return page(
        request,
        "order.html",
        order=order,
        lines=view.lines,
        partner=next(one for one in partners if one.partner_id == order["partner_id"]),
        job=job_id(order["job_number"]) if order["job_number"] is not None else "",
        manifest=manifest_url(public_url, order["manifest_id"]) if order["manifest_id"] else "",
        manifest_url=lambda manifest_id: manifest_url(public_url, manifest_id),
        as_partner_sees_it=_indented(full(view, public_url)),
        wallets=found,
        number_of_wallets=number,
        part=part,
        parts=-(-number // PAGE),
        happened=happened,
        changes=changes,
        exchanges=exchanges,
        in_flight=status in IN_FLIGHT,
        may_do=_may_do(status, removed=order["removed_at"] is not None),
    )


@router.post("/{order_id}/reprocess", openapi_extra=needs_role(Role.OPERATOR))
async def reprocess(request: Request, visit: CurrentVisit, order_id: UUID) -> Response:
    """Submit an order that failed once more, or wake one that is in flight."""
    async with database_of(request).transaction() as conn:
        await service.reprocess_order(conn, visit.access, str(order_id))
    return see_other(f"{ORDERS}/{order_id}", done="reprocessed")


@router.post("/{order_id}/confirm", openapi_extra=needs_role(Role.OPERATOR))
async def confirm(
    request: Request,
    visit: CurrentVisit,
    order_id: UUID,
    payment_reference: Annotated[str, Form(min_length=1, max_length=100)],
) -> Response:
    """Take payment of an unpaid order: its tickets become valid."""
    async with database_of(request).transaction() as conn:
        await service.confirm_order(conn, visit.access, str(order_id), payment_reference.strip())
    return see_other(f"{ORDERS}/{order_id}", done="confirmed")


@router.post("/{order_id}/cancel", openapi_extra=needs_role(Role.OPERATOR))
async def cancel(request: Request, visit: CurrentVisit, order_id: UUID) -> Response:
    """Cancel an order: its wallets, tickets and coupons are void."""
    async with database_of(request).transaction() as conn:
        await service.delete_order(conn, visit.access, str(order_id))
    return see_other(f"{ORDERS}/{order_id}", done="cancelled")


@router.post("/{order_id}/events/{event_id}/resend", openapi_extra=needs_role(Role.OPERATOR))
async def resend(request: Request, visit: CurrentVisit, order_id: UUID, event_id: UUID) -> Response:
    """Send an event again to each receiver that it was for."""
    async with database_of(request).transaction() as conn:
        count = await replay_event(conn, visit.access, event_id)
    done = "replayed" if count else "nobody-listens"
    return see_other(f"{ORDERS}/{order_id}", done=done)


def _indented(shown: dict[str, Any]) -> str:
    return orjson.dumps(orjson.loads(dumps(shown)), option=orjson.OPT_INDENT_2).decode()


def _may_do(status: Status, *, removed: bool) -> set[str]:
    """Which actions the order's state allows, as the services themselves decide."""
    if removed:
        return set()
    allowed = {"reprocess"} if status is Status.ERROR or status in IN_FLIGHT else set()
    for operation, action in ((Operation.CONFIRM, "confirm"), (Operation.DELETE, "cancel")):
        try:
            if state_change(status, operation).changes:
                allowed.add(action)
        except InvalidStatus:
            continue
    return allowed
