"""Signing in by the venue's OpenID Connect provider: to it, and back."""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Request, Response

from channel_manager.access.route import database_of
from channel_manager.console import sessions
from channel_manager.console.rendering import HEADERS, ROOT, page, see_other
from channel_manager.console.route import console_router
from channel_manager.console.sign_in import keep_signed_in, wanted_page
from channel_manager.errors import ChannelError, NotFound, Unauthorized

if TYPE_CHECKING:
    from channel_manager.console.openid import Provider

COOKIE = "console_openid"
BACK = f"{ROOT}/openid/back"
LASTS = timedelta(minutes=10)
router = console_router("/openid")


@router.get("")
async def begin(request: Request) -> Response:
    """To the provider; what must come back is kept in the browser, signed."""
    kept = {
        "state": secrets.token_urlsafe(32),
        "nonce": secrets.token_urlsafe(32),
        "verifier": secrets.token_urlsafe(48),
    }
    try:
        beginning = await _provider(request).begin(_back(request), **kept)
    except ChannelError as error:
        return _sign_in_page(request, error)
    reply = Response(None, 303, {**HEADERS, "Location": beginning.address})
    reply.set_cookie(
        COOKIE,
        _signed(request, {**kept, "next": wanted_page(request)}),
        max_age=int(LASTS.total_seconds()),
        path=ROOT,
        secure=request.url.scheme == "https",
        httponly=True,
        # It comes back from the provider's site.
        samesite="lax",
    )
    return reply


@router.get("/back")
async def come_back(request: Request, code: str = "", state: str = "", error: str = "") -> Response:
    """From the provider: signed in, if it vouches for somebody who may use the console."""
    try:
        kept = _unsigned(request, request.cookies.get(COOKIE, ""))
        if error or not hmac.compare_digest(state.encode(), str(kept["state"]).encode()):
            raise Unauthorized(
                "The sign-in was not carried out; begin again.", code="openid_refused"
            )
        login = await _provider(request).login_of(
            _back(request), code, kept["nonce"], kept["verifier"]
        )
        lasts = timedelta(hours=request.app.state.console_hours)
        token = await sessions.sign_in_vouched(database_of(request), login, lasts)
    except ChannelError as problem:
        return _sign_in_page(request, problem)
    reply = see_other(kept["next"])
    reply.delete_cookie(COOKIE, path=ROOT)
    keep_signed_in(request, reply, token, lasts)
    return reply


def _provider(request: Request) -> "Provider":
    provider: Provider | None = request.app.state.openid
    if provider is None:
        raise NotFound("There is no such page.")
    return provider


def _back(request: Request) -> str:
    public_url: str = request.app.state.public_url
    return public_url + BACK


def _sign_in_page(request: Request, error: ChannelError) -> Response:
    if isinstance(error, NotFound):
        raise error
    return page(request, "sign_in.html", status=error.status, error=error.code, login="", next=ROOT)


def _signed(request: Request, kept: dict[str, Any]) -> str:
    body = orjson.dumps(kept)
    return urlsafe_b64encode(_signature(request, body) + body).decode()


def _unsigned(request: Request, given: str) -> dict[str, Any]:
    try:
        raw = urlsafe_b64decode(given.encode("ascii"))
    except ValueError:
        raw = b""
    if not hmac.compare_digest(raw[:32], _signature(request, raw[32:])):
        raise Unauthorized("The sign-in took too long; begin again.", code="openid_refused")
    kept: dict[str, Any] = orjson.loads(raw[32:])
    return kept


def _signature(request: Request, body: bytes) -> bytes:
    secret: bytes = request.app.state.console_secret
    return hmac.digest(secret, b"openid\n" + body, hashlib.sha256)
