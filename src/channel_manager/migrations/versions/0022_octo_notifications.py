"""Webhook subscriptions of OCTO's kind: several types of notice in one, with headers of their own.

Revision ID: 0022_octo_notifications
Revises: 0021_octo_items
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022_octo_notifications"
down_revision = "0021_octo_items"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "webhook_subscriptions",
        sa.Column("notification_types", postgresql.ARRAY(sa.Text()), nullable=True),
    )
    op.add_column(
        "webhook_subscriptions",
        sa.Column("headers", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("webhook_subscriptions", "headers")
    op.drop_column("webhook_subscriptions", "notification_types")
