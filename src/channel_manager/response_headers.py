"""Headers that every reply carries: how browsers must treat it, and which version served it."""

import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

VERSION = b"2026-01-01"
_DATE = re.compile(rb"\d{4}-\d{2}-\d{2}")

# A page that needs more than a JSON reply may (the guest's page, the API's) says so itself.
_DEFAULTS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"strict-transport-security", b"max-age=31536000"),
    (b"cache-control", b"no-store"),
)


class ResponseHeaders:
    """ASGI middleware: adds what the reply doesn't say itself (contract: Versions and limits)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and complete the reply's headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # Routes put here where a key stands in its limits.
        state = scope.setdefault("state", {})
        asked = dict(scope["headers"]).get(b"x-api-version", b"")

        async def send_complete(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                given = {name.lower() for name, _ in headers}
                headers += [(name, value) for name, value in _wanted(asked) if name not in given]
                message["headers"] = headers + state.get("limit_headers", [])
            await send(message)

        await self.app(scope, receive, send_complete)


def _wanted(asked: bytes) -> list[tuple[bytes, bytes]]:
    # One version is served, whichever was asked for; both are told.
    echoed = asked if _DATE.fullmatch(asked) else VERSION
    return [*_DEFAULTS, (b"x-api-version", echoed), (b"x-api-version-served", VERSION)]
