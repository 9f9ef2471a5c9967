"""The database: connections, transactions, and what its errors mean to a caller."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar, cast
from uuid import UUID

import asyncpg
import orjson
import structlog
from sqlalchemy import (
    Boolean,
    DateTime,
    Numeric,
    Row,
    Select,
    Text,
    Uuid,
    bindparam,
    func,
    select,
)
from sqlalchemy import Table as SQLTable
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, Insert, insert
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import MetaData
from uuid_utils.compat import uuid7

from channel_manager.errors import Unavailable
from channel_manager.measures import DATABASE_AWAY, POOL_IN_USE, POOL_SIZE
from channel_manager.pool import Pool, driver_of

log = structlog.get_logger(__name__)

# PostgreSQL's channel on which processes hear what others have committed.
NEWS = "channel_manager_news"

# A channel, and what is said on it.
Call = tuple[str, str]

# Serialization, deadlock and lock time-out; a standby that doesn't lead yet; the server going away
# or coming up; no room on the disk, in memory, for connections.
PASSING_SQLSTATES = {
    *("40001", "40P01", "55P03", "25006", "57P01", "57P02", "57P03"),
    *("53000", "53100", "53200", "53300", "53400", "58030"),
}


class Table(DeclarativeBase):
    """Base of every table.

    `company_id` comes first in each key, so that data can be spread over machines by company.
    """

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[Mapping[Any, Any]] = {
        str: Text,
        bool: Boolean,
        UUID: Uuid,
        datetime: DateTime(timezone=True),
        Decimal: Numeric,
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        dict[str, str]: JSONB,
        list[str]: ARRAY(Text),
    }


_BEGIN_PLANNED_ONCE = "BEGIN; SET LOCAL plan_cache_mode = force_generic_plan"

# Rows and queries of any columns.
AnyRow = Row[*tuple[Any, ...]]
AnySelect = Select[*tuple[Any, ...]]


def new_id() -> UUID:
    """A UUIDv7: sorts by the time it was made, so that index pages fill in order."""
    return uuid7()


def async_url(url: str) -> URL:
    """A PostgreSQL address as SQLAlchemy's asyncpg dialect takes it."""
    return make_url(url).set(drivername="postgresql+asyncpg")


def plain_url(url: str) -> str:
    """A PostgreSQL address as asyncpg itself takes it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


class Database:
    """A pool of connections to the one database that holds all state."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = url
        self.engine = create_async_engine(
            async_url(url),
            # The connections are kept by `Pool`.
            poolclass=NullPool,
            # An error's text goes to the log; the guests' names in a statement don't.
            hide_parameters=True,
            json_serializer=lambda value: orjson.dumps(value).decode(),
            json_deserializer=orjson.loads,
            connect_args={
                "prepared_statement_cache_size": 500,
                "server_settings": {
                    "application_name": "channel-manager",
                    "timezone": "UTC",
                    # Its compiling costs more than any statement here takes.
                    "jit": "off",
                },
                "timeout": 5,
            },
        )
        # Outside a transaction that was begun here, each statement is one by itself.
        plain = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self.pool = Pool(plain, pool_size, wait_seconds=5)
        # Where set, news of this process's own commits stays in it: a worker does itself what it
        # has caused, and a hundred others needn't look for it too.
        self.on_news: Callable[[str], None] | None = None
        self._untold: set[Call] = set()
        self._telling: asyncio.Task[None] | None = None

    def transaction(
        self, *, planned_once: bool = False
    ) -> AbstractAsyncContextManager[AsyncConnection]:
        """One transaction, committed at the end, rolled back on any error.

        `planned_once` is for what every order, scan and delivery runs: a connection plans each of
        its statements once, for any values, where the server would plan those with lists anew each
        time (decision 0029). So they must find their rows by keys, whatever the values are.
        Errors: `Unavailable` where the database is away or the fault is a passing one.
        """
        return self._in_transaction(_BEGIN_PLANNED_ONCE if planned_once else "BEGIN")

    def snapshot(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that sees one instant throughout, for reads of several statements.

        Errors: `Unavailable` as above.
        """
        return self._in_transaction("BEGIN ISOLATION LEVEL REPEATABLE READ")

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for single reading statements, without the cost of a transaction.

        Errors: `Unavailable` as above.
        """
        with translated_errors():
            conn = await self.pool.take()
            try:
                yield conn
            finally:
                await self.pool.give_back(conn)

    def single(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection for single writing statements, each of them a transaction of its own.

        It saves the two round trips of a transaction's beginning and end. News isn't told of.
        Errors: `Unavailable` as above.
        """
        return self.read()

    @asynccontextmanager
    async def _in_transaction(self, begin: str) -> AsyncIterator[AsyncConnection]:
        with translated_errors():
            conn = await self.pool.take()
            try:
                conn.info.pop(NEWS, None)
                # By the driver, so that its statements and SQLAlchemy's are in the same one.
                driver = driver_of(conn)
                await driver.execute(begin)
                try:
                    yield conn
                except BaseException:
                    if not driver.is_closed():
                        await driver.execute("ROLLBACK")
                    raise
                await _commit(driver)
                news = conn.info.pop(NEWS, None)
            finally:
                await self.pool.give_back(conn)
            if news:
                self._spread(news)

    def _spread(self, news: Iterable[Call]) -> None:
        for channel, words in news:
            if channel == NEWS and self.on_news is not None:
                self.on_news(words)
            else:
                self._untold.add((channel, words))
        if self._untold and (self._telling is None or self._telling.done()):
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        # After the commit and outside a transaction: commits of transactions with a NOTIFY in them
        # wait for each other on one lock, through the disk's fsync. What many have caused at the
        # same moment is told once.
        while self._untold:
            calls, self._untold = self._untold, set()
            try:
                async with self.read() as conn:
                    await driver_of(conn).executemany("SELECT pg_notify($1, $2)", calls)
            except Exception:
                # What was done is committed; workers find it without the news a little later.
                log.warning("news_not_told", exc_info=True)

    async def close(self) -> None:
        """Close all connections, once what was committed is told."""
        if self._telling is not None:
            await self._telling
        await self.pool.close()
        await self.engine.dispose()


async def _commit(driver: asyncpg.Connection) -> None:
    # Where a statement has failed and somebody went on all the same, the server rolls back, and
    # says so in no other way.
    done = await driver.execute("COMMIT")
    if done != "COMMIT":
        raise RuntimeError(f"a transaction that was to be committed ended as {done}")


async def watch_pool(database: Database) -> None:
    """Note each second how much of a pool is in use, for as long as the process lives."""
    POOL_SIZE.set(database.pool.size)
    while True:
        POOL_IN_USE.set(database.pool.in_use)
        await asyncio.sleep(1.0)


def announce(conn: AsyncConnection, news: str, channel: str = NEWS) -> None:
    """Tell workers something once this transaction has committed (`Database.on_news`).

    A hint and no more: it is lost when the process dies just then, so what it speaks of must be
    found by a sweep as well.
    """
    conn.info.setdefault(NEWS, set()).add((channel, news))


class translated_errors:  # noqa: N801 - used as a function, as those of contextlib are
    """The one place where a driver's error becomes ours: passing faults are `Unavailable`.

    A statement or a rollback that fails as it is cancelled mustn't hide that this task is to end:
    it would go on, and whoever ends it would wait for ever.
    """

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._asked = self._task.cancelling() if self._task is not None else 0

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if not isinstance(error, Exception):
            return
        if self._task is not None and self._task.cancelling() > self._asked:
            raise asyncio.CancelledError from error
        if _is_away(error):
            DATABASE_AWAY.inc()
            raise Unavailable("The database is away; send the request again shortly.") from error


def _is_away(error: Exception) -> bool:
    if isinstance(error, DBAPIError | asyncpg.PostgresError):
        return is_passing(error)
    # TimeoutError, where no connection has become free, is an OSError. The last is what the driver
    # says of a connection on which the server has just said that it crashed.
    return isinstance(error, OSError | asyncpg.InterfaceError | asyncpg.InternalClientError)


def is_passing(error: DBAPIError | asyncpg.PostgresError) -> bool:
    """Whether the same work may succeed when it is tried again as it stands."""
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    fault = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(fault, asyncpg.InvalidCachedStatementError):
        # The schema has moved on beneath a prepared statement, which is prepared anew.
        return True
    state = getattr(fault, "sqlstate", None) or ""
    return state in PASSING_SQLSTATES or state.startswith("08")


def bulk_insert(
    model: type[Table], columns: Sequence[str], fixed: Mapping[str, Any] | None = None
) -> Insert:
    """One statement that inserts any number of rows, a list of values for each column.

    Execute it with `column_lists(columns, rows)`. `fixed` columns are the same in every row. Rows
    that clash with a unique index are left out: `rowcount` tells how many went in.
    """
    fixed = fixed or {}
    table = cast("SQLTable", model.__table__)
    lists = [
        # One dimension, since a value of JSON may be a list itself.
        func.unnest(bindparam(f"list_{name}", type_=ARRAY(table.c[name].type, dimensions=1)))
        for name in columns
    ]
    rows = select(*lists, *(value for value in fixed.values()))
    return insert(model).from_select([*columns, *fixed], rows).on_conflict_do_nothing()


def column_lists(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The parameters of a `bulk_insert`."""
    return {f"list_{name}": [row[name] for row in rows] for name in columns}
