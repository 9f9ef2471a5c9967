"""Routes of the console: who is signed in, what their role may, and that a form is our own.

A route declares the role it needs: `openapi_extra=needs_role(Role.OPERATOR)`. One that declares
none is for strangers too.
"""

import hashlib
import hmac
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from channel_manager.access.route import database_of
from channel_manager.console.rendering import ROOT, SESSION_COOKIE, page, see_other
from channel_manager.console.roles import Role
from channel_manager.console.sessions import Visit, companies_of, find_visit
from channel_manager.errors import ChannelError, Forbidden, InvalidInput, Problem, Unauthorized

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
SIGN_IN = f"{ROOT}/sign-in"
OWN_PASSWORD = f"{ROOT}/account"
_READING = ("GET", "HEAD")


def needs_role(role: Role) -> dict[str, Any]:
    """What a route declares: `openapi_extra=needs_role(...)`."""
    return {"x-role": str(role)}


class ConsoleRoute(APIRoute):
    """A route that only somebody with the declared role reaches. What goes wrong is a page too."""

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, with visitor, role and form checked before it."""
        wanted = (self.openapi_extra or {}).get("x-role")
        role = Role(wanted) if wanted else None
        handler = super().get_route_handler()

        async def checked(request: Request) -> Response:
            try:
                _check_query(request)
                if role is not None:
                    turned_away = await _let_in(request, role)
                    if turned_away is not None:
                        return turned_away
                if request.method not in _READING:
                    await _check_form(request)
                return await handler(request)
            except ChannelError as error:
                return _error_page(request, error)
            except RequestValidationError as error:
                return _error_page(request, _invalid(error))
            finally:
                # A file that was refused before anybody read it.
                await request.close()

        return checked


def console_router(path: str = "") -> APIRouter:
    """A router for pages below the console's address."""
    return APIRouter(prefix=ROOT + path, route_class=ConsoleRoute, include_in_schema=False)


async def current_visit(request: Request) -> Visit:
    """Who is looking."""
    visit: Visit = request.state.visit
    return visit


CurrentVisit = Annotated[Visit, Depends(current_visit)]


async def _let_in(request: Request, role: Role) -> Response | None:
    database = database_of(request)
    visit = await find_visit(database, request.cookies.get(SESSION_COOKIE))
    if visit is None:
        return _to_sign_in(request)
    request.state.visit = visit
    request.state.csrf = csrf_token(request, visit)
    async with database.read() as conn:
        request.state.companies = await companies_of(conn, visit.user_id)
    if not visit.role.includes(role):
        raise Forbidden(f"This needs the role {role}; yours is {visit.role}.")
    if visit.must_change and not request.url.path.startswith(OWN_PASSWORD):
        return see_other(OWN_PASSWORD)
    return None


def _to_sign_in(request: Request) -> Response:
    if request.method not in _READING:
        raise Unauthorized("You are signed out; sign in and do it again.")
    back = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return see_other(SIGN_IN, **({"next": back} if back != ROOT else {}))


def csrf_token(request: Request, visit: Visit) -> str:
    """What each form of this session carries. Another company's form is refused as well."""
    secret: bytes = request.app.state.console_secret
    told = visit.token_hash + visit.company.company_id.bytes
    return hmac.digest(secret, told, hashlib.sha256).hex()


async def _check_form(request: Request) -> None:
    _check_origin(request)
    visit: Visit | None = getattr(request.state, "visit", None)
    if visit is None:
        return
    given = (await request.form()).get("csrf")
    right = isinstance(given, str) and hmac.compare_digest(
        given.encode(), csrf_token(request, visit).encode()
    )
    if not right:
        raise Forbidden(
            "This page is no longer good: you signed in anew, or turned to another company."
            " Load it again.",
            code="stale_page",
        )


def _check_origin(request: Request) -> None:
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.headers.get("host")
    if site not in ("same-origin", "none") or foreign:
        raise Forbidden("This form came from another site.", code="foreign_form")


def _check_query(request: Request) -> None:
    # The database can't hold a NUL, so nothing can be found or made by one.
    for name, value in request.query_params.multi_items():
        if "\x00" in name + value:
            raise InvalidInput.of([Problem(name, "has a NUL in it; send whole characters")])


def _error_page(request: Request, error: ChannelError) -> Response:
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return page(
        request,
        "error.html",
        status=error.status,
        headers=headers,
        error=error,
        phrase=HTTPStatus(error.status).phrase,
        back=_back(request),
    )


def _back(request: Request) -> str:
    """The page that the form was on, if it was one of ours."""
    parts = urlsplit(request.headers.get("referer", ""))
    ours = parts.netloc == request.headers.get("host") and parts.path.startswith(ROOT)
    return parts.path + (f"?{parts.query}" if parts.query else "") if ours else ROOT


def _invalid(error: RequestValidationError) -> InvalidInput:
    return InvalidInput.of(
        [
            Problem(".".join(map(str, problem["loc"][1:])), problem["msg"])
            for problem in error.errors()
        ]
    )
