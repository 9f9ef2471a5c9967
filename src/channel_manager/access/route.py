"""Routes under a company's address: the key first, then a strict body, then the operation."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect

from channel_manager.access.limits import RateLimits, too_many
from channel_manager.access.permissions import Permission
from channel_manager.access.service import Access, check_allowed, hash_key, identify, read_key
from channel_manager.access.strangers import Strangers
from channel_manager.db import Database
from channel_manager.errors import InvalidInput, Problem, Unauthorized, UnsupportedMediaType
from channel_manager.strict_json import loads

COMPANY_PREFIX = "/{tenant}/{environment}/{company}"
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


def needs(permission: Permission) -> dict[str, Any]:
    """What a route under a company's address declares: `openapi_extra=needs(...)`."""
    return {"x-permission": str(permission)}


class CompanyRoute(APIRoute):
    """A route that only a key with the declared permission reaches.

    The key is checked before the body is looked at, so that nobody learns from error messages what
    they may not ask.
    """

    def get_route_handler(self) -> Handler:
        """FastAPI's handler, with the key and the body checked before it."""
        permission = Permission((self.openapi_extra or {})["x-permission"])
        handler = super().get_route_handler()
        takes_body = self.body_field is not None
        needs_body = self.body_field is not None and self.body_field.field_info.is_required()

        async def checked(request: Request) -> Response:
            access = await _admit(request)
            self.check(request, access, permission)
            request.state.access = access
            _check_query(request)
            with limits_of(request).one_of_few(access.key_id):
                if takes_body:
                    request = StrictRequest(request.scope, request.receive)
                    if needs_body or await whole_body(request):
                        _check_media_type(request)
                        await request.parse()
                return await handler(request)

        return checked

    def check(self, request: Request, access: Access, permission: Permission) -> None:
        """Whether this key may do this here. Errors: `Forbidden`, `NotFound`."""
        check_allowed(access, request.state.company_address, permission)


async def _admit(request: Request) -> Access:
    access = await _identify(request)
    standing = limits_of(request).count(access.key_id, access.rate_limit)
    request.state.limit_headers = standing.headers()
    if standing.used_up:
        raise too_many(standing.reset_seconds, f"Over {standing.limit} requests in this window.")
    return access


async def _identify(request: Request) -> Access:
    strangers = strangers_of(request)
    address = request.client.host if request.client else None
    try:
        key = read_key(request.scope["headers"])
        standing = strangers.standing(address)
        if standing.used_up and not strangers.knows(hash_key(key)):
            request.state.limit_headers = standing.headers()
            raise too_many(
                standing.reset_seconds, f"Over {standing.limit} requests without a valid key."
            )
        async with database_of(request).read() as conn:
            access = await identify(conn, key)
    except Unauthorized:
        strangers.failed(address)
        standing = strangers.standing(address)
        request.state.limit_headers = standing.headers()
        raise
    strangers.welcome(hash_key(key))
    return access


class StrictRequest(Request):
    """A request whose JSON has passed the strict gate (contract: Order body).

    Its state has what was sent, as `body` and as `parsed`, for who sees only the request.
    """

    async def parse(self) -> None:
        """Read and check the body. Errors: `InvalidInput` naming the place."""
        self.state.body = body = await whole_body(self)
        self.state.parsed = self._strict = loads(body)

    async def json(self) -> Any:  # noqa: ANN401 - any JSON value
        """The parsed body."""
        return self._strict


async def whole_body(request: Request) -> bytes:
    """The body's bytes. Errors: `InvalidInput` where the client left before its end."""
    try:
        return await request.body()
    except ClientDisconnect:
        # Nobody reads the reply; it is only not to be taken for a fault of ours.
        raise InvalidInput("The connection was closed before the body was whole.") from None


def _check_query(request: Request) -> None:
    # The database can't hold a NUL, so nothing can be found or made by one.
    for name, value in request.query_params.multi_items():
        if "\x00" in name + value:
            raise InvalidInput.of([Problem(name, "has a NUL in it; send whole characters")])


def _check_media_type(request: Request) -> None:
    given = request.headers.get("content-type", "application/json")
    media_type, _, _ = given.partition(";")
    if media_type.strip().lower() != "application/json":
        raise UnsupportedMediaType(
            f"Content-Type is {given[:60]!r}; send the body as application/json.",
            code="unsupported_media_type",
        )


def database_of(request: Request) -> Database:
    """The database that the application works on."""
    database: Database = request.app.state.database
    return database


def limits_of(request: Request) -> RateLimits:
    """How often each key has been used."""
    limits: RateLimits = request.app.state.rate_limits
    return limits


def strangers_of(request: Request) -> Strangers:
    """How often each address has come without a valid key."""
    strangers: Strangers = request.app.state.strangers
    return strangers


async def current_access(request: Request) -> Access:
    """Who is calling. Async, as are all dependencies: others cost a thread's hand-over."""
    access: Access = request.state.access
    return access


CurrentAccess = Annotated[Access, Depends(current_access)]


def company_router(
    tag: str, path: str = "", route_class: type[CompanyRoute] = CompanyRoute
) -> APIRouter:
    """A router for routes under a company's address, which only the right key reaches."""
    return APIRouter(prefix=COMPANY_PREFIX + path, route_class=route_class, tags=[tag])
