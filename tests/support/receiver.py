"""A real HTTP receiver of webhooks."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Received:
    """One delivery as it arrived."""

    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict[str, Any]:
        """The one entry of `value`."""
        (entry,) = json.loads(self.body)["value"]
        result: dict[str, Any] = entry
        return result


@dataclass
class Receiver:
    """Where deliveries arrive; `answer` decides what each is answered with."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answer: Callable[[Received], Any] = lambda _: web.Response(status=204)
    arrived: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Keep what arrived, then answer."""
        got = Received({k.lower(): v for k, v in request.headers.items()}, await request.read())
        async with self.arrived:
            self.received.append(got)
            self.arrived.notify_all()
        reply = self.answer(got)
        if asyncio.iscoroutine(reply):
            reply = await reply
        result: web.StreamResponse = reply
        return result

    async def wait_for(self, count: int, seconds: float = 30) -> list[Received]:
        """Wait until this many deliveries have arrived."""
        async with asyncio.timeout(seconds), self.arrived:
            await self.arrived.wait_for(lambda: len(self.received) >= count)
        return self.received


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a loopback port of its own."""
    receiver = Receiver()
    application = web.Application()
    application.router.add_post("/{path:.*}", receiver.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    receiver.url = f"http://127.0.0.1:{port}/hook"
    try:
        yield receiver
    finally:
        await runner.cleanup()
