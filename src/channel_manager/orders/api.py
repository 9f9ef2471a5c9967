"""The six order operations (contract: Addresses)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated
from urllib.parse import quote

import structlog
from fastapi import Header, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access import idempotency
from channel_manager.access.idempotency import IdempotentRequest, idempotent_request
from channel_manager.access.permissions import Permission
from channel_manager.access.route import (
    CurrentAccess,
    company_router,
    database_of,
    needs,
)
from channel_manager.access.service import Access
from channel_manager.db import AnyRow
from channel_manager.errors import InvalidInput, Problem
from channel_manager.exchanges.route import KeptRoute, keep_accepted
from channel_manager.measures import ORDERS_ACCEPTED
from channel_manager.orders import intake, listing, service
from channel_manager.orders.queries import view_order, view_order_in_scope
from channel_manager.orders.representation import OrderView, full, summary
from channel_manager.orders.schemas import (
    ConfirmIn,
    ListQuery,
    OrderIn,
    OrderOut,
    OrderPageOut,
    OrderSummaryOut,
)
from channel_manager.orders.settle import settle
from channel_manager.orders.submissions import Submission, submission_of
from channel_manager.responses import bytes_reply, documented, json_reply
from channel_manager.schemas import Body, unknown_fields
from channel_manager.strict_json import dumps

log = structlog.get_logger(__name__)

router = company_router("Orders", "/channelManager", KeptRoute)
Sync = Annotated[
    str | None,
    Query(description="1 or true: issue within the request; the reply is the settled order."),
]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="The same key and request again: the first reply again, byte for byte.",
    ),
]
MAX_IGNORED_HEADER = 2_000
Submit = Callable[[AsyncConnection], Awaitable[AnyRow]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a submission is answered."""

    status: int
    sync: bool
    idempotent: IdempotentRequest | None
    headers: dict[str, str]


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    response_model=OrderOut,
    operation_id="createOrder",
    openapi_extra=needs(Permission.ORDERS_WRITE),
    responses=documented(400, 409),
)
async def create_order(
    request: Request,
    access: CurrentAccess,
    body: OrderIn,
    sync: Sync = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Accept an order. It is issued in the background, unless `sync` asks for it at once."""
    plan = await _plan(request, access, body, HTTPStatus.CREATED, sync, idempotency_key)

    async def submit(conn: AsyncConnection) -> AnyRow:
        return await intake.create_order(conn, access, body, _now(request), sync=plan.sync)

    return await _submit(request, submit, plan)


@router.get(
    "/orders/{partner_id}",
    response_model=list[OrderSummaryOut] | OrderPageOut,
    operation_id="listOrdersByPartner",
    openapi_extra=needs(Permission.ORDERS_READ),
    responses=documented(400),
)
async def list_orders_by_partner(
    request: Request,
    access: CurrentAccess,
    partner_id: str,
    query: Annotated[ListQuery, Query()],
) -> Response:
    """A partner's orders, oldest first, without their items."""
    secret: bytes = request.app.state.page_secret
    wanted = listing.read_list_request(partner_id, query, secret)
    async with database_of(request).read() as conn:
        page = await listing.list_orders(conn, access, wanted, secret)
    public_url = _public_url(request)
    shown = [summary(order, public_url) for order in page.orders]
    next_url = (
        _next_url(request, listing.next_query(wanted, page.next_key)) if page.next_key else ""
    )
    if wanted.page_size is None:
        return json_reply(shown, headers={"Link": f'<{next_url}>; rel="next"'} if next_url else {})
    return json_reply(
        {
            "morePages": bool(page.next_key),
            "nextPageKey": page.next_key,
            "nextPageURL": next_url,
            "data": shown,
        }
    )


@router.get(
    "/{order_id}",
    response_model=OrderOut,
    operation_id="getOrder",
    openapi_extra=needs(Permission.ORDERS_READ),
    responses=documented(),
)
async def get_order(request: Request, access: CurrentAccess, order_id: str) -> Response:
    """One order, with its items once it has settled."""
    async with database_of(request).read() as conn:
        view = await view_order_in_scope(conn, access, order_id)
    return json_reply(full(view, _public_url(request)))


@router.put(
    "/{order_id}",
    response_model=OrderOut,
    operation_id="replaceOrder",
    openapi_extra=needs(Permission.ORDERS_WRITE),
    responses=documented(400, 409),
)
async def replace_order(
    request: Request,
    access: CurrentAccess,
    order_id: str,
    body: OrderIn,
    sync: Sync = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Replace the contents of a Draft or a failed order; what it had is void at once."""
    plan = await _plan(request, access, body, HTTPStatus.OK, sync, idempotency_key)

    async def submit(conn: AsyncConnection) -> AnyRow:
        return await intake.replace_order(
            conn, access, order_id, body, _now(request), sync=plan.sync
        )

    return await _submit(request, submit, plan)


@router.delete(
    "/{order_id}",
    response_model=OrderOut,
    operation_id="deleteOrder",
    openapi_extra=needs(Permission.ORDERS_WRITE),
    responses=documented(400),
)
async def delete_order(request: Request, access: CurrentAccess, order_id: str) -> Response:
    """Cancel an order: its wallets, tickets and coupons are void."""
    async with database_of(request).transaction(planned_once=True) as conn:
        submission = await service.delete_order(conn, access, order_id)
        reply = await _kept_view(conn, request, submission)
    return bytes_reply(reply)


@router.post(
    "/{order_id}/confirm",
    response_model=OrderOut,
    operation_id="confirmOrder",
    openapi_extra=needs(Permission.ORDERS_WRITE),
    responses=documented(400),
)
async def confirm_order(
    request: Request, access: CurrentAccess, order_id: str, body: ConfirmIn
) -> Response:
    """Take payment of a Draft, which makes it Issued. An Issued order stays as it is."""
    headers = _ignored_fields(access, body)
    async with database_of(request).transaction(planned_once=True) as conn:
        submission = await service.confirm_order(conn, access, order_id, body.paymentReference)
        reply = await _kept_view(conn, request, submission)
    return bytes_reply(reply, headers=headers)


async def _kept_view(conn: AsyncConnection, request: Request, submission: Submission) -> bytes:
    view = await view_order(conn, submission.company_id, submission.order_id)
    body = dumps(full(view, _public_url(request)))
    partner_id = view.order["partner_id"]
    await keep_accepted(
        conn, request, submission.order_id, HTTPStatus.OK, body, partner_id=partner_id
    )
    return body


async def _plan(
    request: Request, access: Access, body: Body, status: int, sync: str | None, key: str | None
) -> _Plan:
    idempotent = None
    if key is not None:
        idempotent = idempotent_request(
            access,
            access.caller_id,
            key,
            request.method,
            request.url.path,
            await request.body(),
        )
    return _Plan(status, _is_sync(sync), idempotent, _ignored_fields(access, body))


async def _submit(request: Request, submit: Submit, plan: _Plan) -> Response:
    database, public_url = database_of(request), _public_url(request)
    async with database.transaction(planned_once=True) as conn:
        kept = await idempotency.begin(conn, plan.idempotent) if plan.idempotent else None
        if kept is not None and kept.body is not None:
            body = bytes(kept.body)
            await keep_accepted(conn, request, kept.order_id, kept.status, body)
            return bytes_reply(body, kept.status, plan.headers)
        if kept is not None:
            submission = Submission(kept.company_id, kept.order_id, kept.submission)
        else:
            order = await submit(conn)
            submission = submission_of(order)
            body = dumps(full(OrderView(order._asdict()), public_url))
            if plan.idempotent:
                await idempotency.keep(
                    conn,
                    plan.idempotent,
                    None if plan.sync else body,
                    status=plan.status,
                    order_id=submission.order_id,
                    submission=submission.number,
                )
            if not plan.sync:
                await keep_accepted(conn, request, submission.order_id, plan.status, body)
    ORDERS_ACCEPTED.inc()
    if plan.sync:
        body = await _settled_reply(request, submission, plan)
    return bytes_reply(body, plan.status, plan.headers)


async def _settled_reply(request: Request, submission: Submission, plan: _Plan) -> bytes:
    database = database_of(request)
    await settle(database, submission)
    async with database.transaction(planned_once=True) as conn:
        view = await view_order(conn, submission.company_id, submission.order_id)
        body = dumps(full(view, _public_url(request)))
        if plan.idempotent:
            body = await idempotency.keep_first(conn, plan.idempotent, body)
        await keep_accepted(conn, request, submission.order_id, plan.status, body)
    return body


def _is_sync(given: str | None) -> bool:
    return given is not None and given.lower() in ("1", "true")


def _ignored_fields(access: Access, body: Body) -> dict[str, str]:
    unknown = unknown_fields(body)
    if not unknown:
        return {}
    if access.reject_unknown_fields:
        raise InvalidInput.of([Problem(path, "is not a known field") for path in unknown])
    log.info("fields_ignored", paths=unknown[:50])
    return {"x-ignored-fields": _header_list(unknown)}


def _header_list(paths: list[str]) -> str:
    joined = ", ".join(quote(path, safe="[].$@ !*+-") for path in paths)
    return joined if len(joined) <= MAX_IGNORED_HEADER else joined[:MAX_IGNORED_HEADER] + "..."


def _next_url(request: Request, query: str) -> str:
    path = request.scope["raw_path"].decode("ascii", "replace").partition("?")[0]
    return f"{_public_url(request)}{path}?{query}"


def _public_url(request: Request) -> str:
    url: str = request.app.state.public_url
    return url


def _now(request: Request) -> datetime:
    now: datetime = request.app.state.clock()
    return now
