"""The HTTP application: routes, errors, and what every request passes through."""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import SecretStr
from sqlalchemy import text
from starlette.exceptions import HTTPException
from starlette.routing import Match

from channel_manager import migrations
from channel_manager.access.api import router as keys_router
from channel_manager.access.limits import RateLimits
from channel_manager.access.strangers import Strangers
from channel_manager.addresses import CompanyAddress
from channel_manager.api_pages import router as api_pages_router
from channel_manager.availability.api import router as availability_router
from channel_manager.body_limit import BodyLimit
from channel_manager.catalog.api import router as catalog_router
from channel_manager.clock import Clock, system_clock
from channel_manager.console.pages import router as console_router
from channel_manager.db import Database, watch_pool
from channel_manager.errors import ChannelError, NotFound, Unavailable
from channel_manager.gate.api import router as gate_router
from channel_manager.gate.page import router as gate_page_router
from channel_manager.installation import installation_secret
from channel_manager.manifests.api import logo_router
from channel_manager.manifests.api import router as manifests_router
from channel_manager.measures import REFUSALS
from channel_manager.metrics import metrics
from channel_manager.octo.api import router as octo_router
from channel_manager.octo.edge import OctoEdge
from channel_manager.octo.notifications import router as octo_notifications_router
from channel_manager.openapi import Application
from channel_manager.orders.api import router as orders_router
from channel_manager.outbound_addresses import address_policy
from channel_manager.request_id import FAULT
from channel_manager.request_metrics import RequestMetrics
from channel_manager.responses import error_reply, invalid_request, json_reply, public
from channel_manager.settings import Settings
from channel_manager.tracing import start_tracing
from channel_manager.webhooks.api import router as webhooks_router

log = structlog.get_logger(__name__)

# From one address in 5 minutes, whichever the login.
MOST_WRONG_PASSWORDS = 30
# A venue file, uploaded in the console.
UPLOADS = {"/console/catalogue": 17_000_000}
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def make_app(settings: Settings, url: str, *, clock: Clock = system_clock) -> FastAPI:
    """The application over the database at `url`."""
    database = Database(url, pool_size=settings.pool_size)
    limits = RateLimits(
        database,
        clock,
        default_limit=settings.rate_limit,
        concurrent=settings.key_concurrency,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        start_tracing("api")
        async with database.transaction() as conn:
            app.state.page_secret = await installation_secret(conn, "page-keys")
            app.state.gate_secret = await installation_secret(conn, "gate-tokens")
            app.state.console_secret = await installation_secret(conn, "console-forms")
        keeping = asyncio.create_task(limits.keep_in_step())
        watching = asyncio.create_task(watch_pool(database))
        yield
        keeping.cancel()
        watching.cancel()
        await database.close()

    app = Application(
        title="OTA Channel Manager",
        version="1.0",
        summary="Orders of online travel agents in, tickets and coupons out.",
        lifespan=lifespan,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        # The service's own are in `tracing` and `metrics`.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.database = database
    app.state.clock = clock
    app.state.leaving = False
    app.state.rate_limits = limits
    app.state.strangers = Strangers(clock, limit=settings.stranger_limit)
    app.state.console_strangers = Strangers(clock, limit=MOST_WRONG_PASSWORDS)
    app.state.console_hours = settings.console_hours
    app.state.exchange_days = settings.exchange_days
    app.state.openid = _openid(settings, clock)
    app.state.public_url = settings.guest_url
    app.state.address_policy = address_policy(settings)
    _add_error_handlers(app)
    _add_health(app, database, settings)
    # In the order in which they are looked through, so the busiest first.
    busy = (orders_router, gate_router, availability_router)
    routers = (*busy, webhooks_router, catalog_router, keys_router)
    pages = (gate_page_router, manifests_router, logo_router, api_pages_router, console_router)
    octo = (octo_router, octo_notifications_router)
    for router in (*routers, *octo, *pages):
        app.include_router(router)
    # The last one added is the first that a request meets.
    app.add_middleware(
        BodyLimit,
        limit=settings.max_body_bytes,
        seconds=settings.request_seconds,
        uploads=UPLOADS,
    )
    app.add_middleware(CompanyAddress)
    app.add_middleware(OctoEdge)
    app.add_middleware(RequestMetrics)
    return app


def _openid(settings: Settings, clock: Clock) -> object | None:
    if not settings.oidc_issuer:
        return None
    try:
        from channel_manager.console.openid import provider_of  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise RuntimeError(
            "CHANNEL_MANAGER_OIDC_ISSUER is set, but what it needs isn't installed:"
            " pip install 'channel-manager[oidc]'"
        ) from error
    return provider_of(settings, clock)


def _may_scrape(request: Request, token: SecretStr | None) -> bool:
    if token is None:
        return request.client is not None and request.client.host in ("127.0.0.1", "::1")
    given = request.headers.get("authorization", "").encode()
    return hmac.compare_digest(given, f"Bearer {token.get_secret_value()}".encode())


def _add_health(app: FastAPI, database: Database, settings: Settings) -> None:
    @app.get("/healthz", tags=["Health"])
    async def healthz() -> dict[str, str]:
        """The process is up."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["Health"], responses=public(503))
    async def readyz() -> Response:
        """The database answers, and its schema is this version's or a newer one's."""
        if app.state.leaving:
            raise Unavailable("This process is stopping; ask another.")
        async with database.read() as conn:
            await conn.execute(text("SELECT 1"))
        if not await migrations.is_current(database):
            raise Unavailable("The schema is of an older version; run `channel-manager migrate`.")
        return json_reply({"status": "ready"})

    @app.get("/metrics", tags=["Health"], response_class=PlainTextResponse, responses=public(404))
    async def prometheus(request: Request) -> Response:
        """What Prometheus scrapes: with the token that is set, or from this machine."""
        if not _may_scrape(request, settings.metrics_token):
            raise NotFound("There is nothing at this address.")
        return Response(await metrics(database), media_type=CONTENT_TYPE_LATEST)


def _add_error_handlers(app: FastAPI) -> None:
    @app.exception_handler(ChannelError)
    async def told(_: Request, error: ChannelError) -> Response:
        return _refusal(error)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        return _refusal(invalid_request(error.errors()))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 405:  # noqa: PLR2004 - Method Not Allowed, known by its number
            return _method_not_allowed(request)
        return _http_error(error)

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> Response:
        log.error("request_failed", exc_info=error)
        return json_reply(FAULT, 500)


def _refusal(error: ChannelError) -> Response:
    REFUSALS.labels(error.code).inc()
    return error_reply(error)


def _http_error(error: HTTPException) -> Response:
    if error.status_code == 404:  # noqa: PLR2004 - Not Found, known by its number
        return error_reply(NotFound("There is nothing at this address."))
    return json_reply(
        {"code": "invalid_input", "message": f"{error.detail}."}, error.status_code, error.headers
    )


def _method_not_allowed(request: Request) -> Response:
    # Asked of the router for each: several routes may share an address.
    allowed = [
        method
        for method in METHODS
        if any(
            route.matches({**request.scope, "method": method})[0] is Match.FULL
            for route in request.app.routes
        )
    ]
    message = f"{request.method[:20]} is not for this address; use {' or '.join(allowed)}."
    return json_reply(
        {"code": "method_not_allowed", "message": message}, 405, {"Allow": ", ".join(allowed)}
    )
