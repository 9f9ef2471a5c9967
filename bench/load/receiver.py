"""A webhook receiver that answers 204 at once and tells who waits for an order's event."""

import asyncio
from typing import cast

import orjson

REPLY = b"HTTP/1.1 204 No Content\r\n\r\n"
Seen = tuple[str, str]


class Receiver:
    """What has arrived, and who waits for what."""

    def __init__(self) -> None:
        self.port = 0
        self.received = 0
        self._had: set[Seen] = set()
        self._arrived: set[Seen] = set()
        self._waiting: dict[Seen, asyncio.Future[None]] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port of this machine."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def event(self, name: str, order_id: str) -> None:
        """Returns when this event of this order has arrived."""
        wanted = (name, order_id)
        if wanted in self._arrived:
            self._arrived.discard(wanted)
            return
        waiting = asyncio.get_running_loop().create_future()
        self._waiting[wanted] = waiting
        try:
            await waiting
        finally:
            self._waiting.pop(wanted, None)

    def take(self, body: bytes) -> None:
        """Note what one delivery tells."""
        for event in orjson.loads(body)["value"]:
            self._note((event["eventName"], event["payload"]["orderId"]))

    def has_had(self, name: str, order_id: str) -> bool:
        """Whether this event of this order has ever arrived."""
        return (name, order_id) in self._had

    def _note(self, seen: Seen) -> None:
        self.received += 1
        self._had.add(seen)
        waiting = self._waiting.get(seen)
        if waiting is None:
            self._arrived.add(seen)
        elif not waiting.done():
            waiting.set_result(None)

    def close(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()


class _Connection(asyncio.Protocol):
    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._transport: asyncio.Transport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (head_end := self._received.find(b"\r\n\r\n")) >= 0:
            lower = self._received[:head_end].lower()
            at = lower.find(b"content-length:")
            end = lower.find(b"\r\n", at)
            length = int(lower[at + 15 : end if end >= 0 else None])
            whole = head_end + 4 + length
            if len(self._received) < whole:
                return
            body, self._received = self._received[head_end + 4 : whole], self._received[whole:]
            self._receiver.take(body)
            assert self._transport is not None
            self._transport.write(REPLY)
