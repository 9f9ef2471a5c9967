"""The pool of open connections (decision 0029)."""

import asyncio
from collections import deque
from contextlib import suppress
from typing import cast

import asyncpg
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


class Pool:
    """Connections that stay open, each handed out to one user at a time, the last used first.

    SQLAlchemy's own pool makes a connection object anew for each user, which costs a request more
    than the statement that it came for. `engine` has no pool, so each is closed when it is dropped.
    """

    def __init__(self, engine: AsyncEngine, size: int, wait_seconds: float) -> None:
        self.size = size
        self.in_use = 0
        self._engine = engine
        self._wait_seconds = wait_seconds
        self._idle: list[AsyncConnection] = []
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> AsyncConnection:
        """A connection that the server hasn't closed, outside any transaction.

        Whoever came first is served first. Errors: `TimeoutError` where none becomes free, and the
        driver's where none can be opened.
        """
        if self.in_use < self.size:
            self.in_use += 1
        else:
            await self._wait()
        try:
            return await self._open_one()
        except BaseException:
            self._free_place()
            raise

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        self._waiting.append(turn)
        timer = loop.call_later(self._wait_seconds, _give_up, turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                # The place came in the same moment in which this task was told to end.
                self._free_place()
            raise
        finally:
            timer.cancel()

    async def _open_one(self) -> AsyncConnection:
        while self._idle:
            conn = self._idle.pop()
            if not driver_of(conn).is_closed():
                return conn
            await _drop(conn)
        return await self._engine.connect().start()

    async def give_back(self, conn: AsyncConnection) -> None:
        """Take a connection back from its user, in whatever state it is."""
        try:
            if await _is_fit(conn):
                self._idle.append(conn)
            else:
                await _drop(conn)
        finally:
            self._free_place()

    def _free_place(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                # Handed on, so as many are in use as before.
                turn.set_result(None)
                return
        self.in_use -= 1

    async def close(self) -> None:
        """Close every connection that nobody uses."""
        while self._idle:
            await _drop(self._idle.pop())


def _give_up(turn: asyncio.Future[None]) -> None:
    if not turn.done():
        turn.set_exception(TimeoutError("no connection has become free"))


async def _is_fit(conn: AsyncConnection) -> bool:
    if conn.closed or conn.invalidated:
        return False
    driver = driver_of(conn)
    if driver.is_closed() or driver.is_in_transaction():
        # Neither committed nor rolled back, as when the task was ended: nobody must go on in it.
        return False
    if conn.in_transaction():
        # SQLAlchemy's own count of what has begun; the server knows nothing of it.
        await conn.rollback()
    return True


async def _drop(conn: AsyncConnection) -> None:
    # It is of no use any more, so neither is what it says of itself.
    with suppress(SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        if not conn.closed:
            await conn.invalidate()
            await conn.close()


def driver_of(conn: AsyncConnection) -> asyncpg.Connection:
    """The driver's own connection beneath SQLAlchemy's."""
    held = conn.sync_connection
    assert held is not None  # noqa: S101 - it was started by whoever opened it
    return cast("asyncpg.Connection", held.connection.driver_connection)
