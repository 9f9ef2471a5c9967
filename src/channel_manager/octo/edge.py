"""OCTO's side of every reply: its error bodies and statuses, whoever else made the reply."""

from collections.abc import Iterable
from typing import Any

import orjson
import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from channel_manager.catalogues import asked_for, translations
from channel_manager.octo.capabilities import activated, header_of
from channel_manager.octo.errors import BAD_REQUEST, FAULT, MEANINGS, UNPROCESSABLE

log = structlog.get_logger(__name__)

WORDS = "octo"
PREFIX = "/octo"
_ERRORS_FROM = 400
_FAULTS_FROM = 500
_TOO_MANY = 429
# What a code of ours that no OCTO code stands behind is told as.
_BY_STATUS = {
    401: (403, "UNAUTHORIZED"),
    403: (403, "FORBIDDEN"),
    _TOO_MANY: (_TOO_MANY, "TOO_MANY_REQUESTS"),
}
_UNPROCESSABLE = frozenset({"invalid_status", "capacity_exceeded", "partner_inactive"})
Headers = Iterable[tuple[bytes, bytes]]


class OctoEdge:
    """ASGI middleware: what answers under /octo answers as OCTO does.

    Outside the routes and the limits on bodies and addresses, so that an unknown path, a wrong
    method, a body that is too large and a fault are told in OCTO's way too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and put its reply into OCTO's form."""
        if scope["type"] != "http" or not _is_octo(scope["path"]):
            await self.app(scope, receive, send)
            return
        reply = _Reply(send, dict(scope["headers"]))
        try:
            await self.app(scope, receive, reply.send)
        except Exception:
            if reply.started:
                raise
            log.exception("request_failed")
            await reply.fault()


def _is_octo(path: str) -> bool:
    return path == PREFIX or path.startswith(f"{PREFIX}/")


class _Reply:
    """Holds an error's head back until its body has come."""

    def __init__(self, send: Send, asked: dict[bytes, bytes]) -> None:
        self.started = False
        self._send = send
        self._language = language_of(asked)
        self._capabilities = header_of(activated(asked.get(b"octo-capabilities", b"")))
        self._held: Message | None = None

    async def send(self, message: Message) -> None:
        """A part of the reply."""
        if message["type"] == "http.response.start":
            if message["status"] >= _ERRORS_FROM:
                self._held = message
                return
            await self._start(message["status"], message.get("headers", ()))
        elif self._held is not None:
            held, self._held = self._held, None
            status, body = octo_error(held["status"], message.get("body", b""), self._language)
            await self._start(status, _json_headers(held.get("headers", ()), body))
            await self._send({**message, "body": body})
        else:
            await self._send(message)

    async def fault(self) -> None:
        """Answer a fault of ours."""
        status, body = octo_error(_FAULTS_FROM, b"", self._language)
        await self._start(status, _json_headers((), body))
        await self._send({"type": "http.response.body", "body": body})

    async def _start(self, status: int, headers: Headers) -> None:
        self.started = True
        capabilities = (b"octo-capabilities", self._capabilities)
        await self._send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [*headers, capabilities],
            }
        )


def language_of(asked: dict[bytes, bytes]) -> str:
    """The language in which a request with these raw headers is told what is wrong."""
    return asked_for(asked.get(b"accept-language", b"").decode("latin-1"), WORDS)


def _json_headers(headers: Headers, body: bytes) -> list[tuple[bytes, bytes]]:
    others = [h for h in headers if h[0].lower() not in (b"content-type", b"content-length")]
    length = str(len(body)).encode()
    return [*others, (b"content-type", b"application/json"), (b"content-length", length)]


def octo_error(status: int, body: bytes, language: str) -> tuple[int, bytes]:
    """An error of ours as OCTO's status and body, its meaning in words of `language`."""
    told = _read(body)
    code, detail = str(told.pop("code", "")), str(told.pop("message", ""))
    told.pop("errors", None)
    octo_status, octo_code = _octo(status, code)
    meaning = translations(language, WORDS).gettext(MEANINGS[octo_code])
    if octo_code == FAULT:
        # Nothing of ours helps a reseller here but the request's id, which is in the headers.
        log.warning("octo_fault", code=code, told=detail)
        told, detail = {}, ""
    message = f"{meaning} {detail}".strip()
    fields = {"error": octo_code, "errorMessage": message, **_details(told, code, octo_code)}
    return octo_status, orjson.dumps(fields)


def _octo(status: int, code: str) -> tuple[int, str]:
    if code in MEANINGS:
        return 400, code
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status >= _FAULTS_FROM:
        return 500, FAULT
    return 400, UNPROCESSABLE if code in _UNPROCESSABLE else BAD_REQUEST


def _details(told: dict[str, Any], code: str, octo_code: str) -> dict[str, Any]:
    # The ids that OCTO's own errors name; ours say what they mean in the message.
    return told if code == octo_code else {}


def _read(body: bytes) -> dict[str, Any]:
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}
