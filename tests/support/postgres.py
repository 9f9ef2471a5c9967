"""A real PostgreSQL for tests: the embedded one, or the server of TEST_DATABASE_URL."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
from sqlalchemy.engine import make_url

from channel_manager.db import Database, plain_url
from channel_manager.embedded import EmbeddedPostgres

# Many small databases are made and dropped: in memory that takes a tenth of the time.
MEMORY = Path("/dev/shm")  # noqa: S108 - the directory in it is made by tempfile
ENOUGH = 4 << 30


@contextmanager
def running_server() -> Iterator[str]:
    """The address of a server on which databases may be made and dropped."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="channel-manager-test-", dir=_quick_place()) as home:
        embedded = EmbeddedPostgres(Path(home))
        try:
            yield embedded.start()
        finally:
            embedded.release()


def _quick_place() -> Path | None:
    roomy = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ENOUGH
    return MEMORY if roomy else None


def at(url: str, name: str) -> str:
    """The address of another database on the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(plain_url(url))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def make_template(server: str, of: str, fill: Callable[[Database], Awaitable[object]]) -> str:
    """A database that others are copied from, and what is in it."""
    # One for each test process: several may share a server.
    name = f"channel_manager_template_{of}_{os.getpid()}"
    await _execute(server, f"DROP DATABASE IF EXISTS {name}")
    await _execute(server, f"CREATE DATABASE {name}")
    database = Database(at(server, name), pool_size=1)
    await fill(database)
    await database.close()
    return name


@asynccontextmanager
async def fresh_database(server: str, template: str) -> AsyncIterator[str]:
    """The address of a new database, a copy of the template, dropped at the end."""
    name = f"test_{uuid4().hex}"
    await _execute(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
    try:
        yield at(server, name)
    finally:
        await _execute(server, f"DROP DATABASE {name} WITH (FORCE)")
