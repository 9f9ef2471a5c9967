import asyncio
import inspect
import itertools
import re

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from channel_manager.db import Database, Table
from channel_manager.migrations import is_current, upgrade
from channel_manager.migrations.models import ALL_MODELS
from channel_manager.migrations.upgrade import config
from support.postgres import fresh_database


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return [
        found
        for found in compare_metadata(context, Table.metadata)
        if not (found[0] == "remove_table" and found[1].name.startswith("pgqueuer"))
        and not (found[0] == "remove_index" and "pgqueuer" in found[1].table.name)
    ]


async def test_models_and_migrations_agree(database):
    assert ALL_MODELS
    async with database.engine.connect() as conn:
        assert await conn.run_sync(differences) == []


async def test_every_sequence_of_the_models_is_there(database):
    async with database.transaction() as conn:
        for name in Table.metadata._sequences:  # noqa: SLF001 - there is no public way
            await conn.execute(text(f"SELECT nextval('{name}')"))


async def test_any_number_of_processes_may_migrate_at_once(postgres):
    async with fresh_database(postgres, "template0") as url:
        databases = [Database(url, pool_size=2) for _ in range(4)]
        await asyncio.gather(*(upgrade(database) for database in databases))
        assert await is_current(databases[0])
        for database in databases:
            await database.close()


async def test_a_database_without_the_schema_is_not_current(postgres):
    async with fresh_database(postgres, "template0") as url:
        database = Database(url, pool_size=1)
        assert not await is_current(database)
        await database.close()


# The first version that anybody may have; what came before it may have taken things away.
FIRST_PUBLISHED = "0008_replies"
TAKES_AWAY = re.compile(
    r"op\.(drop_table|drop_column|alter_column|rename_table|drop_constraint)\b|"
    r"\b(DROP (TABLE|COLUMN|CONSTRAINT)|RENAME|SET NOT NULL|ALTER COLUMN)\b"
)


def test_a_migration_only_adds_while_the_version_before_it_still_runs():
    scripts = list(ScriptDirectory.from_config(config()).walk_revisions())
    later = itertools.takewhile(lambda script: script.revision != FIRST_PUBLISHED, scripts)
    for script in later:
        source = inspect.getsource(script.module.upgrade)
        reason = getattr(script.module, "CONTRACTS", "")
        assert reason or not TAKES_AWAY.search(source), (
            f"{script.revision} takes something away that the version before it may use;"
            " do it one version later, and say why it is safe then in CONTRACTS"
        )


@pytest.mark.parametrize(
    "statement",
    ["op.drop_column('orders', 'x')", "ALTER TABLE orders RENAME TO o", "DROP TABLE x"],
)
def test_what_takes_away_is_seen(statement):
    assert TAKES_AWAY.search(statement)
