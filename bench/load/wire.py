"""A small HTTP client on bare sockets, so that the load generator isn't what is measured.

It knows what our own service sends: HTTP/1.1, keep-alive, and a Content-Length.
"""

import asyncio
from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit


class Wire(asyncio.Protocol):
    """One connection, with one request on its way at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = b""
        self._reply: asyncio.Future[tuple[int, bytes]] | None = None
        self.closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to write to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand the reply over once it is whole."""
        self._received += data
        head_end = self._received.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._received[:head_end]
        whole = head_end + 4 + _content_length(head)
        if len(self._received) < whole:
            return
        body, self._received = self._received[head_end + 4 : whole], self._received[whole:]
        reply, self._reply = self._reply, None
        if reply is not None and not reply.done():
            reply.set_result((int(head[9:12]), body))

    def connection_lost(self, _: Exception | None) -> None:
        """Fail the request that is on its way."""
        self.closed = True
        if self._reply is not None and not self._reply.done():
            self._reply.set_exception(ConnectionResetError("the service closed the connection"))

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Send a whole request; its reply's status and body."""
        assert self._transport is not None
        self._reply = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._reply

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    body: bytes


class Client:
    """As many connections as there are requests at the same time, each used again."""

    def __init__(self, base: str, key: str) -> None:
        parts = urlsplit(base)
        self._host, self._port = parts.hostname or "127.0.0.1", parts.port or 80
        self._common = f"Host: {parts.netloc}\r\nx-np-api-key: {key}\r\n".encode()
        self._idle: list[Wire] = []

    async def request(self, method: bytes, path: str, body: bytes = b"") -> Reply:
        """One request. Errors: `OSError` where the connection fails."""
        wire = await self._wire()
        head = b"%s %s HTTP/1.1\r\n%s" % (method, path.encode(), self._common)
        if body:
            head += b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
        status, received = await wire.send(head + b"\r\n" + body)
        self._idle.append(wire)
        return Reply(status, received)

    async def _wire(self) -> Wire:
        while self._idle:
            wire = self._idle.pop()
            if not wire.closed:
                return wire
        loop = asyncio.get_running_loop()
        _, wire = await loop.create_connection(Wire, self._host, self._port)
        return wire

    def close(self) -> None:
        """Hang up everywhere."""
        for wire in self._idle:
            wire.close()


def _content_length(head: bytes) -> int:
    lower = head.lower()
    at = lower.find(b"content-length:")
    if at < 0:
        return 0
    end = lower.find(b"\r\n", at)
    return int(lower[at + 15 : end if end >= 0 else None])
