"""How long requests take, by operation and status; and their spans, where they are traced."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from channel_manager.measures import REQUEST_SECONDS
from channel_manager.tracing import span


class RequestMetrics:
    """ASGI middleware: times each request. An address that no route has counts as "none"."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note what came of it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        parent = dict(scope["headers"]).get(b"traceparent", b"").decode("latin-1")
        with span("request", parent) as traced:
            try:
                await self.app(scope, receive, noting)
            finally:
                route = scope.get("route")
                operation = getattr(route, "operation_id", None) or getattr(route, "name", "none")
                taken = time.perf_counter() - started
                REQUEST_SECONDS.labels(operation, str(status)).observe(taken)
                if traced is not None:
                    traced.update_name(operation)
                    traced.set_attribute("http.response.status_code", status)
