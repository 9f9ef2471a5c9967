import asyncpg
import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries
from sqlalchemy import Connection, text

from channel_manager.db import Database, plain_url

log = structlog.get_logger(__name__)

# Any number of processes may start at once; one migrates and the others wait for it.
MIGRATION_LOCK = 4_846_239_017


def config() -> Config:
    """Alembic's configuration; the migrations ship inside the package."""
    made = Config()
    made.set_main_option("script_location", "channel_manager:migrations")
    return made


async def upgrade(database: Database) -> None:
    """Bring the schema, and the job queue's, to this version. Safe to call from many processes."""
    async with database.transaction() as conn:
        await conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        await conn.run_sync(_run_alembic)
        await _upgrade_queue(database.url)


async def is_current(database: Database) -> bool:
    """Whether this version can work with the schema: it is its own, or a newer one.

    A newer version only adds to the schema before the older one is gone (decision 0022).
    """
    async with database.transaction() as conn:
        return await conn.run_sync(_is_ours_or_newer)


async def has_schema(database: Database) -> bool:
    """Whether there is a schema of any version."""
    async with database.transaction() as conn:
        return await conn.run_sync(_revision) is not None


def _run_alembic(connection: Connection) -> None:
    if _is_newer(connection):
        log.info("schema_is_newer", revision=_revision(connection))
        return
    made = config()
    made.attributes["connection"] = connection
    command.upgrade(made, "head")


def _is_ours_or_newer(connection: Connection) -> bool:
    head = ScriptDirectory.from_config(config()).get_current_head()
    return _revision(connection) == head or _is_newer(connection)


def _is_newer(connection: Connection) -> bool:
    # The chain is linear, so what isn't in ours comes after it.
    ours = {script.revision for script in ScriptDirectory.from_config(config()).walk_revisions()}
    revision = _revision(connection)
    return revision is not None and revision not in ours


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def _upgrade_queue(url: str) -> None:
    # PgQueuer runs its own statements one by one, outside a transaction.
    connection = await asyncpg.connect(plain_url(url))
    try:
        queries = Queries(AsyncpgDriver(connection))
        if await queries.schema_is_installed():
            await queries.upgrade()
        else:
            await queries.install()
        await _quieten_queue(connection)
    finally:
        await connection.close()


async def _quieten_queue(connection: asyncpg.Connection) -> None:
    # PgQueuer's trigger tells of each change inside the transaction that makes it, and commits with
    # a NOTIFY in them wait for each other, through the disk's fsync: orders would be accepted one
    # by one. `jobs.enqueue` tells of new jobs after the commit; nobody waits for other changes.
    if await connection.fetchval(
        "SELECT tgenabled <> 'D' FROM pg_trigger WHERE tgname = 'tg_pgqueuer_changed'"
        " AND tgrelid = 'pgqueuer'::regclass"
    ):
        await connection.execute("ALTER TABLE pgqueuer DISABLE TRIGGER tg_pgqueuer_changed")
