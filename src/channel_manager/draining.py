"""An API process that leaves: it says so first, and goes on until its proxy has heard."""

import asyncio
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI


class DrainingServer(uvicorn.Server):
    """uvicorn, which after SIGTERM answers for some seconds more, while /readyz says 503.

    A proxy that asks /readyz sends new requests elsewhere by then, so that none meets a closed
    door. A second signal doesn't wait.
    """

    def __init__(self, config: uvicorn.Config, application: FastAPI, seconds: float) -> None:
        super().__init__(config)
        self._application = application
        self._seconds = seconds
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to stop."""
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to leave."""
        if self._application.state.leaving or self._loop is None or not self._seconds:
            super().handle_exit(sig, frame)
            return
        self._application.state.leaving = True
        # A signal comes in the middle of anything; the loop takes it up in its own time.
        self._loop.call_soon_threadsafe(
            self._loop.call_later, self._seconds, super().handle_exit, sig, frame
        )
