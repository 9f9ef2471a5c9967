"""Bounds on how a request arrives: the size of its head, and the time that it takes.

`body_limit` bounds the body that an operation reads, and answers. This is for what no operation
sees: a head that never ends, and a body that goes on after its reply. Without it, a client that
sends a byte now and then holds a connection for as long as it likes.
"""

import asyncio
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from channel_manager.strict_json import dumps

MAX_HEAD_BYTES = 65_536
# For an operation to give its own answer about a slow body.
ANSWER_SECONDS = 3.0
REASONS = {408: b"Request Timeout", 431: b"Request Header Fields Too Large"}


class BoundedRequests(HttpToolsProtocol):
    """uvicorn's connection, which is closed where a request is too slow or its head too long."""

    def __init__(self, *given: Any, seconds: float, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*given, **named)
        self._seconds = seconds
        self._in_head = False
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._begin_head()

    def on_message_begin(self) -> None:
        """A request has begun, the first or a later one."""
        super().on_message_begin()
        if not self._in_head:
            self._begin_head()

    def on_headers_complete(self) -> None:
        """The head is whole; the body has as long again."""
        self._in_head = False
        self._wait(self._seconds + ANSWER_SECONDS, self._body_too_slow)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._stop_waiting()
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Count what arrives for as long as the head isn't whole."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(
                    431,
                    "head_too_large",
                    f"The request's head is over {MAX_HEAD_BYTES} bytes; send shorter headers.",
                )

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _begin_head(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._wait(self._seconds, self._head_too_slow)

    def _wait(self, seconds: float, then: Callable[[], None]) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(seconds, then)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _head_too_slow(self) -> None:
        if self._head_bytes == 0:
            # It has asked for nothing, so there is nothing to answer.
            self._hang_up()
            return
        self._refuse(
            408,
            "request_timeout",
            f"The request's head did not arrive within {self._seconds:g} seconds.",
        )

    def _body_too_slow(self) -> None:
        self._hang_up()

    def _refuse(self, status: int, code: str, message: str) -> None:
        if self.transport.is_closing():
            return
        body = dumps({"code": code, "message": message})
        self.transport.write(
            b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
            b"Connection: close\r\n\r\n%s" % (status, REASONS[status], len(body), body)
        )
        self._hang_up()

    def _hang_up(self) -> None:
        self._stop_waiting()
        self.transport.close()
