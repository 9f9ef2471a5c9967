"""The address of a company: `/{tenant}/{environment}/{company}/…` (contract: Addresses)."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from channel_manager.errors import NotFound
from channel_manager.responses import error_reply

_TENANT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_ESCAPE = re.compile(r"%[0-9a-fA-F]{2}")
_BAD_ESCAPE = re.compile(rb"%(?![0-9a-fA-F]{2})")
COMPANY_SEGMENTS = 3


@dataclass(frozen=True, slots=True)
class Address:
    """Which company a request is for, as its path says."""

    tenant: str
    environment: str
    company: str


class BadPath(ValueError):
    """A path that can't be meant: broken escapes, NUL, bytes that aren't UTF-8, empty parts."""


class CompanyAddress:
    """ASGI middleware: decodes each segment of the raw path by itself, so that none becomes two.

    The company arrives percent-encoded once or twice; both reach the same one. A slash inside a
    segment stays inside it (as `%2F`) for the router.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rewrite the path, or answer 404 where it can't be meant."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            path, address = read_path(scope.get("raw_path") or scope["path"].encode())
        except BadPath:
            reply = error_reply(NotFound("There is nothing at this address."))
            await reply(scope, receive, send)
            return
        scope["path"] = path
        scope.setdefault("state", {})["company_address"] = address
        await self.app(scope, receive, send)


def read_path(raw: bytes) -> tuple[str, Address]:
    """The path for the router, and the company it names ("" where it names none).

    Errors: `BadPath`.
    """
    segments = [decode(segment) for segment in raw.partition(b"?")[0].split(b"/")[1:]]
    address = Address("", "", "")
    if len(segments) > COMPANY_SEGMENTS and _TENANT.fullmatch(segments[0]):
        if _ESCAPE.search(segments[2]):
            segments[2] = decode(segments[2].encode())
        address = Address(*segments[:COMPANY_SEGMENTS])
    if any(segment in ("", ".", "..") for segment in segments[:-1]) or segments[-1:] == [".."]:
        raise BadPath
    return "/" + "/".join(quote(s, safe="") if "/" in s else s for s in segments), address


def decode(segment: bytes) -> str:
    """One segment of a path, decoded once. Errors: `BadPath`."""
    if _BAD_ESCAPE.search(segment):
        raise BadPath
    try:
        text = unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError:
        raise BadPath from None
    if "\x00" in text:
        raise BadPath
    return text
