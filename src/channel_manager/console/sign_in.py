"""Signing in and out, one's own password and language, and turning to another company."""

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import Form, Request, Response

from channel_manager.access.route import database_of
from channel_manager.catalogues import CONSOLE, languages
from channel_manager.console import people, sessions
from channel_manager.console.rendering import (
    LANGUAGE_COOKIE,
    ROOT,
    SESSION_COOKIE,
    STATIC_TYPES,
    page,
    see_other,
    static_file,
)
from channel_manager.console.roles import Role
from channel_manager.console.route import (
    OWN_PASSWORD,
    SIGN_IN,
    CurrentVisit,
    console_router,
    needs_role,
)
from channel_manager.errors import InvalidInput, NotFound, RateLimited, Unauthorized

if TYPE_CHECKING:
    from channel_manager.access.strangers import Strangers

router = console_router()
Text = Annotated[str, Form(max_length=1_000)]


@router.get("/sign-in")
async def sign_in_page(request: Request) -> Response:
    """The form."""
    return page(request, "sign_in.html", error=None, login="", next=wanted_page(request))


@router.post("/sign-in")
async def sign_in(request: Request, login: Text, password: Text) -> Response:
    """Sign in, and go where one wanted to go."""
    strangers: Strangers = request.app.state.console_strangers
    address = request.client.host if request.client else None
    lasts = timedelta(hours=request.app.state.console_hours)
    try:
        if strangers.standing(address).used_up:
            raise RateLimited("Too many attempts from this address; wait a few minutes.")  # noqa: TRY301
        token = await sessions.sign_in(database_of(request), login, password, lasts)
    except (Unauthorized, RateLimited) as error:
        strangers.failed(address)
        return page(
            request,
            "sign_in.html",
            status=error.status,
            error=error.code,
            login=login,
            next=wanted_page(request),
        )
    reply = see_other(wanted_page(request))
    keep_signed_in(request, reply, token, lasts)
    return reply


def keep_signed_in(request: Request, reply: Response, token: str, lasts: timedelta) -> None:
    """Give the browser its session's cookie."""
    reply.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(lasts.total_seconds()),
        path=ROOT,
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


@router.post("/sign-out", openapi_extra=needs_role(Role.VIEWER))
async def sign_out(request: Request, visit: CurrentVisit) -> Response:
    """End this session."""
    async with database_of(request).transaction() as conn:
        await sessions.sign_out(conn, visit)
    reply = see_other(SIGN_IN, done="signed-out")
    reply.delete_cookie(SESSION_COOKIE, path=ROOT)
    return reply


@router.post("/company", openapi_extra=needs_role(Role.VIEWER))
async def turn_to(
    request: Request, visit: CurrentVisit, company: Annotated[UUID, Form()]
) -> Response:
    """Look at another of one's companies."""
    async with database_of(request).transaction() as conn:
        await sessions.look_at(conn, visit, company)
    return see_other(ROOT)


@router.post("/language")
async def choose_language(language: Text) -> Response:
    """Before signing in: a choice for this browser."""
    if language not in languages(CONSOLE):
        raise NotFound("There is no such language.")
    reply = see_other(SIGN_IN)
    reply.set_cookie(LANGUAGE_COOKIE, language, max_age=31_536_000, path=ROOT, samesite="lax")
    return reply


@router.get("/account", openapi_extra=needs_role(Role.VIEWER))
async def account_page(request: Request) -> Response:
    """One's own password and language."""
    return page(request, "account.html", problems=())


@router.post("/account/password", openapi_extra=needs_role(Role.VIEWER))
async def change_password(
    request: Request, visit: CurrentVisit, current: Text, password: Text
) -> Response:
    """Choose another password."""
    try:
        async with database_of(request).transaction() as conn:
            await people.change_own_password(conn, visit, current, password)
    except InvalidInput as error:
        return page(request, "account.html", status=error.status, problems=error.problems)
    return see_other(OWN_PASSWORD, done="password")


@router.post("/account/language", openapi_extra=needs_role(Role.VIEWER))
async def change_language(request: Request, visit: CurrentVisit, language: Text) -> Response:
    """Choose another language."""
    if language not in languages(CONSOLE):
        raise NotFound("There is no such language.")
    async with database_of(request).transaction() as conn:
        await people.set_language(conn, visit, language)
    return see_other(OWN_PASSWORD)


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """Script, style and icon of the pages."""
    if name not in STATIC_TYPES:
        raise NotFound("There is nothing at this address.")
    return static_file(name)


def wanted_page(request: Request) -> str:
    """The page of ours that somebody wanted before they had to sign in."""
    wanted = request.query_params.get("next", ROOT)
    parts = urlsplit(wanted)
    # Only to a page of ours: an address that leads elsewhere would help who wants a password.
    ours = not parts.scheme and not parts.netloc and (wanted + "/").startswith(ROOT + "/")
    return wanted if ours and "\\" not in wanted and wanted.isprintable() else ROOT
