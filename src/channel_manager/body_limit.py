"""Bounds on a request's body: its size, and how long it may take to arrive."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from channel_manager.errors import ChannelError, TooLarge
from channel_manager.responses import error_reply

BODY_SECONDS = 20.0


class TooSlow(ChannelError):
    """408: the body did not arrive in time."""

    status = 408
    code = "request_timeout"


class BodyLimit:
    """ASGI middleware: 413 for a body over the limit, 408 for one that dribbles in."""

    def __init__(self, app: ASGIApp, *, limit: int, seconds: float = BODY_SECONDS) -> None:
        self.app = app
        self.limit = limit
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its body bounded."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        started = False

        async def send_and_note(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            if declared.isdigit() and int(declared[:18]) > self.limit:
                raise self._too_large()
            await self.app(scope, self._limited(receive), send_and_note)
        except (TooLarge, TooSlow) as error:
            if started:
                raise
            reply = error_reply(error)
            reply.headers["Connection"] = "close"
            await reply(scope, receive, send)

    def _limited(self, receive: Receive) -> Receive:
        got, done = 0, False
        deadline = asyncio.get_running_loop().time() + self.seconds

        async def limited() -> Message:
            nonlocal got, done
            if done:
                # Beyond the body there is only the disconnect, which may take as long as it likes.
                return await receive()
            try:
                async with asyncio.timeout_at(deadline):
                    message = await receive()
            except TimeoutError:
                raise TooSlow(
                    f"The body did not arrive within {self.seconds:.0f} seconds; send it again."
                ) from None
            got += len(message.get("body", b""))
            done = not message.get("more_body", False)
            if got > self.limit:
                raise self._too_large()
            return message

        return limited

    def _too_large(self) -> TooLarge:
        return TooLarge(
            f"The body is over {self.limit} bytes; split the order.", code="body_too_large"
        )
