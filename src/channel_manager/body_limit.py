"""Bounds on a request's body: its size, and how long it may take to arrive."""

import asyncio
from collections.abc import Mapping

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from channel_manager.errors import ChannelError, TooLarge
from channel_manager.responses import error_reply

BODY_SECONDS = 20.0
LINGER_SECONDS = 1.0


class TooSlow(ChannelError):
    """408: the body did not arrive in time."""

    status = 408
    code = "request_timeout"


class BodyLimit:
    """ASGI middleware: 413 for a body over `limit` bytes, 408 for one that takes too long.

    Holds nothing of the body itself. The connection is closed after such a reply, since what is
    left of the body on it can't be told from another request.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        limit: int,
        seconds: float = BODY_SECONDS,
        uploads: Mapping[str, int] | None = None,
    ) -> None:
        self.app = app
        self.limit = limit
        self.seconds = seconds
        # Addresses that take files, and how large.
        self.uploads = uploads or {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body bounded, unless it says itself that it is too large."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self.uploads.get(scope["path"], self.limit)
        if _declared(scope) > limit:
            await _refuse(too_large(limit), scope, receive, send)
            return
        bounded = _Bounded(receive, send, limit, self.seconds)
        try:
            await self.app(scope, bounded.receive, bounded.send)
        except Exception:
            if bounded.refusal is None or bounded.started:
                raise
        if bounded.refusal is not None and not bounded.started:
            await _refuse(bounded.refusal, scope, receive, send)


class _Bounded:
    """One request's channels. Once the body is refused, no reply but the refusal gets out."""

    def __init__(self, receive: Receive, send: Send, limit: int, seconds: float) -> None:
        self.refusal: ChannelError | None = None
        self.started = False
        self._receive = receive
        self._send = send
        self._limit = limit
        self._seconds = seconds
        self._deadline: float | None = None
        self._got = 0
        self._done = False

    async def receive(self) -> Message:
        """The next part of the body. Errors: `TooLarge`, `TooSlow`."""
        if self.refusal is not None:
            raise self.refusal
        if self._done:
            # Beyond the body there is only the disconnect, which may take as long as it likes.
            return await self._receive()
        message = await self._part()
        self._got += len(message.get("body", b""))
        self._done = not message.get("more_body", False)
        if self._got > self._limit:
            self.refusal = too_large(self._limit)
            raise self.refusal
        return message

    async def _part(self) -> Message:
        if self._deadline is None:
            # From the first read: what the server did before it is not the client's delay.
            self._deadline = asyncio.get_running_loop().time() + self._seconds
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._receive()
        except TimeoutError:
            self.refusal = TooSlow(
                f"The body did not arrive within {self._seconds:g} seconds; send it again."
            )
            raise self.refusal from None

    async def send(self, message: Message) -> None:
        """Send a part of the reply, unless it is about a body that has been refused."""
        if self.refusal is not None and not self.started:
            return
        self.started = True
        await self._send(message)


def too_large(limit: int) -> TooLarge:
    """The refusal of a body over `limit` bytes."""
    return TooLarge(f"The body is over {limit} bytes; split the order.", code="body_too_large")


def _declared(scope: Scope) -> int:
    declared: bytes = dict(scope["headers"]).get(b"content-length", b"")
    # Eighteen digits are enough to be too large; the server has refused what is not a number.
    return int(declared[:18]) if declared.isdigit() else 0


async def _refuse(error: ChannelError, scope: Scope, receive: Receive, send: Send) -> None:
    reply = error_reply(error)
    reply.headers["Connection"] = "close"

    async def send_and_linger(message: Message) -> None:
        if message["type"] != "http.response.body":
            await send(message)
            return
        await send({**message, "more_body": True})
        if isinstance(error, TooLarge):
            await _drop_rest(receive)
        await send({"type": "http.response.body", "body": b""})

    await reply(scope, receive, send_and_linger)


async def _drop_rest(receive: Receive) -> None:
    # Closing while the client still sends resets the connection, and the client may then lose the
    # reply that tells it why. So it is given a moment to read it and stop.
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while (await receive()).get("more_body", False):
                pass
    except TimeoutError:
        pass
