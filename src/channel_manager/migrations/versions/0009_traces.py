"""Events carry the trace of what caused them, for the delivery that comes later.

Revision ID: 0009_traces
Revises: 0008_replies
"""

import sqlalchemy as sa
from alembic import op

revision = "0009_traces"
down_revision = "0008_replies"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "webhook_events",
        sa.Column("traceparent", sa.Text(), nullable=False, server_default=""),
    )


def downgrade() -> None:
    op.drop_column("webhook_events", "traceparent")
