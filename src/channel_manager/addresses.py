"""The address of a company: `/{tenant}/{environment}/{company}/…` (contract: Addresses)."""

import re
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from channel_manager.errors import NotFound
from channel_manager.responses import error_reply

COMPANY_SEGMENTS = 3
_TENANT = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_BAD_ESCAPE = re.compile(rb"%(?![0-9a-fA-F]{2})")
# Every % begins an escape, and there is no space, which an encoder would not have left.
_ENCODED = re.compile(r"(?:[^\s%]|%[0-9a-fA-F]{2})*")


@dataclass(frozen=True, slots=True)
class Address:
    """Which company a request is for, as its path says; all "" where it names none."""

    tenant: str
    environment: str
    company: str


NOWHERE = Address("", "", "")


class BadPath(ValueError):
    """A path that can't be meant: broken escapes, NUL, bytes that aren't UTF-8, empty parts."""


class CompanyAddress:
    """ASGI middleware: decodes each segment of the raw path by itself, so that none becomes two.

    The router sees one segment for each that was sent: a slash inside one is left as `%2F`.
    `request.state.company_address` is the `Address`, `NOWHERE` for a path outside a company.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Rewrite the path, or answer 404 where it can't be meant."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        try:
            path, address = read_path(_raw_path(scope))
        except BadPath:
            reply = error_reply(NotFound("There is nothing at this address."))
            await reply(scope, receive, send)
            return
        scope["path"] = path
        scope.setdefault("state", {})["company_address"] = address
        await self.app(scope, receive, send)


def _raw_path(scope: Scope) -> bytes:
    # A server need not give the raw path; its decoded one is then taken for what was sent.
    raw: bytes | None = scope.get("raw_path")
    return raw or quote(scope["path"], errors="surrogatepass").encode("ascii")


def read_path(raw: bytes) -> tuple[str, Address]:
    """The path for the router, and the company that it names.

    Errors: `BadPath`.
    """
    if not raw.startswith(b"/"):
        raise BadPath
    segments = [decode(segment) for segment in raw[1:].split(b"/")]
    address = NOWHERE
    if len(segments) > COMPANY_SEGMENTS and _TENANT.fullmatch(segments[0]):
        segments[2] = decode_again(segments[2])
        address = Address(*segments[:COMPANY_SEGMENTS])
    # Only the last may be empty: whether an address may end in a slash is the router's to say.
    if "" in segments[:-1] or "." in segments or ".." in segments:
        raise BadPath
    return "/" + "/".join(segment.replace("/", "%2F") for segment in segments), address


def decode(segment: bytes) -> str:
    """One segment of a path, decoded once. Errors: `BadPath`."""
    if b"%" in segment:
        if _BAD_ESCAPE.search(segment):
            raise BadPath
        segment = unquote_to_bytes(segment)
    if b"\x00" in segment:
        raise BadPath
    try:
        return segment.decode("utf-8")
    except UnicodeDecodeError:
        raise BadPath from None


def decode_again(company: str) -> str:
    """A company's name that may have been encoded twice. Errors: `BadPath` for NUL.

    What still reads as percent-encoded was encoded twice, and is decoded a second time, never a
    third. So of two companies named `A B` and `A%20B` the second can't be reached by a single
    encoding (`A%2520B`), only by a double one (`A%252520B`); `100% Fun` and `A%B` can by both.
    """
    if "%" not in company or not _ENCODED.fullmatch(company):
        return company
    try:
        name = unquote_to_bytes(company).decode("utf-8")
    except UnicodeDecodeError:
        return company
    if "\x00" in name:
        raise BadPath
    return name
