"""One trace from a partner's POST to the webhook that it causes, through real processes."""

import asyncio

import httpx
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support import castle
from support.castle import COMPANY_PATH, ORDERS_PATH, order
from support.service import serving

TRACE = "0af7651916cd43dd8448eb211c80319c"
SENT = f"00-{TRACE}-b7ad6b7169203331-01"


class Collector:
    """Takes traces as a collector of OpenTelemetry does, and webhooks."""

    def __init__(self):
        self.names: set[str] = set()
        self.webhook: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def take(self, request):
        told = ExportTraceServiceRequest.FromString(await request.read())
        self.names |= {
            span.name
            for resource in told.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
            if span.trace_id.hex() == TRACE
        }
        return web.Response()

    async def hook(self, request):
        if not self.webhook.done():
            self.webhook.set_result(request.headers.get("traceparent", ""))
        return web.Response(status=204)


async def test_a_trace_goes_from_the_post_to_the_webhook(database, database_url):
    collector = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", collector.take)
    app.router.add_post("/hook", collector.hook)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    key = await castle.make_key(database, await castle.load_venue(database))
    env = {
        "DATABASE_URL": database_url,
        "CHANNEL_MANAGER_LOG_LEVEL": "WARNING",
        "CHANNEL_MANAGER_DEVELOPMENT": "true",
        "OTEL_EXPORTER_OTLP_ENDPOINT": base,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    headers = {"x-np-api-key": key}
    async with (
        serving(env) as service,
        httpx.AsyncClient(base_url=service.base, headers=headers) as client,
    ):
        hook = {"notificationUrl": f"{base}/hook", "eventName": "ota_cm_order_processed"}
        assert (await client.post(f"{COMPANY_PATH}/webhook", json=hook)).status_code in (200, 201)
        made = await client.post(ORDERS_PATH, json=order(), headers={"traceparent": SENT})
        assert made.status_code == 201
        async with asyncio.timeout(30):
            received = await collector.webhook
            wanted = {"createOrder", "issue order", "deliver webhook"}
            while not wanted <= collector.names:  # noqa: ASYNC110 - other processes send them
                await asyncio.sleep(0.05)
    await runner.cleanup()
    assert received.split("-")[1] == TRACE
