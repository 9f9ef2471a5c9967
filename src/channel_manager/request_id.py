"""`x-request-id` on every response, and one log line for each request."""

import re
import time

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uuid_utils import uuid7

log = structlog.get_logger(__name__)

_SANE = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestId:
    """ASGI middleware: takes the caller's id where it is sane, else makes one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on under its id."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        started = time.perf_counter()
        status = 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                ]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_with_id)
            finally:
                log.info(
                    "request",
                    method=scope["method"],
                    path=_shown_path(scope),
                    status=status,
                    milliseconds=round((time.perf_counter() - started) * 1000, 1),
                )


def _request_id(scope: Scope) -> str:
    given: bytes | None = dict(scope["headers"]).get(b"x-request-id")
    if given is not None and _SANE.fullmatch(given):
        return given.decode("ascii")
    return uuid7().hex


def _shown_path(scope: Scope) -> str:
    # Never the query: a guest's page is opened by a secret in it.
    route = scope.get("route")
    shown: str = getattr(route, "path", None) or scope["path"][:100]
    return "/wallets/…" if shown.startswith("/wallets/") else shown
