"""The HTTP application: routes, errors, and what every request passes through."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy import text
from starlette.exceptions import HTTPException

from channel_manager import migrations
from channel_manager.addresses import CompanyAddress
from channel_manager.body_limit import BodyLimit
from channel_manager.catalog.api import router as catalog_router
from channel_manager.clock import Clock, system_clock
from channel_manager.db import Database
from channel_manager.errors import ChannelError, InvalidInput, NotFound, Problem, Unavailable
from channel_manager.gate.api import router as gate_router
from channel_manager.gate.page import router as gate_page_router
from channel_manager.installation import installation_secret
from channel_manager.manifests.api import router as manifests_router
from channel_manager.orders.api import router as orders_router
from channel_manager.outbound import AddressPolicy
from channel_manager.request_id import RequestId
from channel_manager.responses import error_reply, json_reply
from channel_manager.settings import Settings
from channel_manager.webhooks.api import router as webhooks_router

log = structlog.get_logger(__name__)

MAX_PROBLEMS = 100


def make_app(settings: Settings, url: str, *, clock: Clock = system_clock) -> FastAPI:
    """The application over the database at `url`."""
    database = Database(url, pool_size=settings.pool_size)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with database.transaction() as conn:
            app.state.page_secret = await installation_secret(conn, "page-keys")
            app.state.gate_secret = await installation_secret(conn, "gate-tokens")
        yield
        await database.close()

    app = FastAPI(
        title="OTA Channel Manager",
        version="1.0",
        summary="Orders of online travel agents in, tickets and coupons out.",
        lifespan=lifespan,
        redirect_slashes=False,
        separate_input_output_schemas=False,
    )
    app.state.database = database
    app.state.clock = clock
    app.state.public_url = settings.guest_url
    app.state.address_policy = AddressPolicy(development=settings.development)
    _add_error_handlers(app)
    _add_health(app, database)
    routers = (orders_router, webhooks_router, catalog_router, gate_router, gate_page_router)
    for router in (*routers, manifests_router):
        app.include_router(router)
    # The last one added is the first that a request meets.
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    app.add_middleware(CompanyAddress)
    app.add_middleware(RequestId)
    return app


def _add_health(app: FastAPI, database: Database) -> None:
    @app.get("/healthz", tags=["Health"])
    async def healthz() -> dict[str, str]:
        """The process is up."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["Health"])
    async def readyz() -> Response:
        """The database answers and has this version's schema."""
        async with database.read() as conn:
            await conn.execute(text("SELECT 1"))
        if not await migrations.is_current(database):
            raise Unavailable("The schema is of another version; run `channel-manager migrate`.")
        return json_reply({"status": "ready"})


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(ChannelError)
    async def told(_: Request, error: ChannelError) -> Response:
        return error_reply(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return error_reply(InvalidInput.of(_problems(error.errors())))

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> Response:
        return _http_error(error)

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> Response:
        log.error("request_failed", exc_info=error)
        return json_reply(
            {
                "code": "internal_error",
                "message": "A fault on our side; it has been logged under x-request-id.",
            },
            500,
        )


def _http_error(error: HTTPException) -> Response:
    if error.status_code == 404:  # noqa: PLR2004 - Not Found, known by its number
        return error_reply(NotFound("There is nothing at this address."))
    codes = {405: "method_not_allowed"}
    code = codes.get(error.status_code, "invalid_input")
    return json_reply(
        {"code": code, "message": f"{error.detail}."}, error.status_code, error.headers
    )


def _problems(errors: Sequence[Any]) -> list[Problem]:
    return [
        Problem(_path(error["loc"]), error["msg"].removeprefix("Value error, "))
        for error in errors[:MAX_PROBLEMS]
    ]


def _path(loc: Sequence[str | int]) -> str:
    # The first part says body, query or header.
    path = ""
    for part in loc[1:]:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path
