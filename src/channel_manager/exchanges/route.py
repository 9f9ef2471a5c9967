"""Routes whose calls are kept: the accepted by the operation itself, the refused here."""

import time
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.route import CompanyRoute, Handler, database_of
from channel_manager.errors import ChannelError, RateLimited, Unavailable
from channel_manager.exchanges.calls import (
    Call,
    Sent,
    addresses,
    addresses_in_text,
    addresses_on_no_line,
    named_order,
    named_partner,
    named_reference,
)
from channel_manager.exchanges.service import keep
from channel_manager.request_id import FAULT
from channel_manager.responses import invalid_request
from channel_manager.strict_json import dumps

if TYPE_CHECKING:
    from channel_manager.access.service import Access

log = structlog.get_logger(__name__)

_READING = {"GET", "HEAD"}
_LONGEST_PATH = 1_000


class KeptRoute(CompanyRoute):
    """A route about one order. What it refuses is kept here, in a transaction of its own.

    How a call names its order and how a refusal is told is the channel manager's own way; OCTO's
    routes have theirs.
    """

    # The part of the address that names the order, and the field with the partner's reference.
    order_parameter = "order_id"
    reference_field = "sellToOrderReference"

    async def find_order(self, conn: AsyncConnection, request: Request) -> UUID | None:
        """The order that the address of a refused call names."""
        del conn
        return named_order(request.path_params[self.order_parameter])

    def refusal(self, request: Request, error: Exception) -> tuple[int, bytes]:
        """The status and the body of what a refused call was answered."""
        del request
        if isinstance(error, RequestValidationError):
            error = invalid_request(error.errors())
        if isinstance(error, ChannelError):
            return error.status, dumps(error.body())
        return 500, dumps(FAULT)

    def get_route_handler(self) -> Handler:
        """The company's route, with what goes wrong in it kept."""
        handler = super().get_route_handler()
        if set(self.methods or ()) <= _READING:
            return handler

        async def kept(request: Request) -> Response:
            request.state.started = time.perf_counter()
            try:
                return await handler(request)
            except Exception as error:
                await self._keep_refused(request, error)
                raise

        return kept

    async def _keep_refused(self, request: Request, error: Exception) -> None:
        # Nothing of strangers, nothing of a flood, and nothing while the database is away.
        if isinstance(error, (Unavailable, RateLimited)) or not request.app.state.exchange_days:
            return
        if getattr(request.state, "access", None) is None:
            return
        sent: Sent = getattr(request.state, "parsed", None)
        names_order = self.order_parameter in request.path_params
        reference = None if names_order else named_reference(sent, self.reference_field)
        if not names_order and reference is None:
            return
        try:
            async with database_of(request).single() as conn:
                order_id = await self.find_order(conn, request) if names_order else None
                if order_id is None and reference is None:
                    return
                call = _refused_call(request, sent, order_id, reference)
                await keep(conn, call, *self.refusal(request, error))
        except Exception:
            # The caller gets the refusal, whatever becomes of the record.
            log.warning("exchange_not_kept", exc_info=True)


async def keep_accepted(
    conn: AsyncConnection,
    request: Request,
    order_id: UUID,
    status: int,
    reply: bytes,
    *,
    partner_id: UUID | None = None,
) -> None:
    """Keep a call that is answered with `reply`, in the transaction of what it did.

    `partner_id` is for calls whose body doesn't name it.
    """
    if not request.app.state.exchange_days:
        return
    sent: Sent = getattr(request.state, "parsed", None)
    call = _call(
        request,
        order_id=order_id,
        partner_id=partner_id or named_partner(sent),
        emails=addresses_on_no_line(sent),
    )
    await keep(conn, call, status, reply)


def _refused_call(
    request: Request, sent: Sent, order_id: UUID | None, reference: str | None
) -> Call:
    body: bytes = getattr(request.state, "body", b"")
    return _call(
        request,
        order_id=order_id,
        partner_id=named_partner(sent),
        reference_key=reference,
        # What isn't JSON is looked through as it came.
        emails=addresses_in_text(body.decode(errors="replace"))
        if sent is None
        else addresses(sent),
    )


def _call(
    request: Request,
    *,
    order_id: UUID | None,
    partner_id: UUID | None,
    emails: set[str],
    reference_key: str | None = None,
) -> Call:
    access: Access = request.state.access
    return Call(
        company_id=access.company.company_id,
        key_id=access.key_id,
        partner_id=access.partner_id or partner_id,
        order_id=order_id,
        reference_key=reference_key,
        method=request.method,
        path=_path(request),
        request_id=str(structlog.contextvars.get_contextvars().get("request_id", "")),
        started=request.state.started,
        body=getattr(request.state, "body", b""),
        emails=sorted(emails) or None,
    )


def _path(request: Request) -> str:
    # Of the query nothing else, since somebody may have put a key there.
    sync = request.query_params.get("sync", "")[:10]
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    path = raw.decode("ascii", "replace").partition("?")[0][:_LONGEST_PATH]
    return f"{path}?sync={sync}" if sync.isascii() and sync.isalnum() else path
