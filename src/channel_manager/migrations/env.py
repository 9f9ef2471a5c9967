"""Run by Alembic, on the connection that `upgrade` (or a developer's script) hands over."""

from alembic import context

from channel_manager.db import Table
from channel_manager.migrations.models import ALL_MODELS

assert ALL_MODELS  # noqa: S101 - the import is what fills the metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Table.metadata,
    compare_type=True,
    # The job queue's tables are PgQueuer's to change.
    include_name=lambda name, kind, _: not (kind == "table" and str(name).startswith("pgqueuer")),
)
with context.begin_transaction():
    context.run_migrations()
