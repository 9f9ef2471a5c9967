"""A real PostgreSQL for tests: the embedded one, or the server of TEST_DATABASE_URL."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from uuid import uuid4

import asyncpg
from sqlalchemy.engine import make_url

from channel_manager.db import Database, plain_url
from channel_manager.embedded import EmbeddedPostgres
from channel_manager.migrations import upgrade

# One for each test process: several may share a server.
TEMPLATE = f"channel_manager_template_{os.getpid()}"


@contextmanager
def running_server() -> Iterator[str]:
    """The address of a server on which databases may be made and dropped."""
    given = os.environ.get("TEST_DATABASE_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="channel-manager-test-") as home:
        embedded = EmbeddedPostgres(Path(home))
        try:
            yield embedded.start()
        finally:
            embedded.release()


def at(url: str, name: str) -> str:
    """The address of another database on the same server."""
    return make_url(url).set(database=name).render_as_string(hide_password=False)


async def _execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(plain_url(url))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


async def make_template(server: str) -> str:
    """A database with the schema, that others are copied from."""
    await _execute(server, f"DROP DATABASE IF EXISTS {TEMPLATE}")
    await _execute(server, f"CREATE DATABASE {TEMPLATE}")
    database = Database(at(server, TEMPLATE), pool_size=1)
    await upgrade(database)
    await database.close()
    return TEMPLATE


@asynccontextmanager
async def fresh_database(server: str, template: str) -> AsyncIterator[str]:
    """The address of a new database with the schema, dropped at the end."""
    name = f"test_{uuid4().hex}"
    await _execute(server, f"CREATE DATABASE {name} TEMPLATE {template}")
    try:
        yield at(server, name)
    finally:
        await _execute(server, f"DROP DATABASE {name} WITH (FORCE)")
