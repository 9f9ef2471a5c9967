"""`x-request-id` on every response, and one log line for each request."""

import re
import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

from channel_manager.responses import json_reply

log = structlog.get_logger(__name__)

_SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_HEADER = b"x-request-id"
_SHOWN_PATH = 100
FAULT = {
    "code": "internal_error",
    "message": "A fault on our side; it has been logged under x-request-id.",
}


class RequestId:
    """ASGI middleware: takes the caller's id where it is sane, else makes one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under its id, which all that it logs carries."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        # Not taken back at the end: an outer layer that logs a fault logs it under the id too.
        structlog.contextvars.bind_contextvars(request_id=request_id)
        reply = _Reply(send, request_id)
        started = time.perf_counter()
        try:
            await self.app(scope, receive, reply.send)
        except Exception:
            # Starlette's own layer for faults is outside this one, and its reply would lack the id.
            # It still gets the fault, to log it.
            if not reply.status:
                await json_reply(FAULT, 500)(scope, receive, reply.send)
            raise
        finally:
            log.info(
                "request",
                method=scope["method"],
                path=_shown_path(scope),
                status=reply.status,
                milliseconds=round((time.perf_counter() - started) * 1000, 1),
            )


class _Reply:
    """Sends with the id on, and remembers the status (0 before there is one)."""

    def __init__(self, send: Send, request_id: str) -> None:
        self.status = 0
        self._send = send
        self._header = (_HEADER, request_id.encode("ascii"))

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            others = [h for h in message.get("headers", ()) if h[0].lower() != _HEADER]
            message["headers"] = [*others, self._header]
        await self._send(message)


def _request_id(scope: Scope) -> str:
    given: bytes | None = dict(scope["headers"]).get(_HEADER)
    if given is not None and _SANE.fullmatch(given):
        return given.decode("ascii")
    return uuid7().hex


def _shown_path(scope: Scope) -> str:
    # Never the query, nor what a guest's page is opened by.
    template: str | None = getattr(scope.get("route"), "path", None)
    if template is not None:
        return template
    before, wallets, _ = scope["path"].partition("/wallets/")
    return f"{before}{wallets}"[:_SHOWN_PATH]
