"""Webhooks that can be trusted: states, sequences, claims, attempts.

Revision ID: 0004_webhooks
Revises: 0003_capacity
"""

import sqlalchemy as sa
from alembic import op

revision = "0004_webhooks"
down_revision = "0003_capacity"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)
NOW = sa.text("now()")


def upgrade() -> None:
    _upgrade_subscriptions()
    _upgrade_events()
    _upgrade_deliveries()
    op.create_table(
        "webhook_attempts",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("attempt_id", sa.Uuid(), nullable=False),
        sa.Column("attempted_at", INSTANT, nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("duration_ms", sa.Integer(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "company_id", "delivery_id", "attempt_id", name="pk_webhook_attempts"
        ),
    )
    op.create_index("ix_webhook_attempts_attempted_at", "webhook_attempts", ["attempted_at"])


def _upgrade_subscriptions() -> None:
    table = "webhook_subscriptions"
    op.add_column(table, sa.Column("overlap_until", INSTANT, nullable=True))
    op.add_column(
        table, sa.Column("state", sa.Text(), nullable=False, server_default=sa.text("'active'"))
    )
    op.add_column(
        table, sa.Column("state_reason", sa.Text(), nullable=False, server_default=sa.text("''"))
    )
    op.add_column(table, sa.Column("state_changed_at", INSTANT, nullable=True))
    op.add_column(table, sa.Column("failing_since", INSTANT, nullable=True))
    op.create_check_constraint(
        op.f("ck_webhook_subscriptions_state"), table, "state IN ('active', 'paused', 'gone')"
    )


def _upgrade_events() -> None:
    table = "webhook_events"
    op.alter_column(table, "partner_id", nullable=True)
    op.add_column(table, sa.Column("order_id", sa.Uuid(), nullable=True))
    op.add_column(table, sa.Column("submission", sa.Integer(), nullable=True))
    op.add_column(table, sa.Column("sequence", sa.Integer(), nullable=True))
    op.execute("""
        UPDATE webhook_events SET order_id = known.order_id, submission = 1,
            sequence = known.sequence
        FROM (SELECT company_id, event_id, CAST(payload ->> 'orderId' AS uuid) AS order_id,
                row_number() OVER (PARTITION BY company_id, payload ->> 'orderId'
                    ORDER BY happened_at, event_id) AS sequence
              FROM webhook_events) AS known
        WHERE webhook_events.company_id = known.company_id
            AND webhook_events.event_id = known.event_id
    """)
    op.create_index(
        "uq_webhook_events_sequence", table, ["company_id", "order_id", "sequence"], unique=True
    )


def _upgrade_deliveries() -> None:
    table = "webhook_deliveries"
    for name in ("created_at", "next_attempt_at"):
        op.add_column(table, sa.Column(name, INSTANT, nullable=False, server_default=NOW))
    op.add_column(table, sa.Column("claimed_until", INSTANT, nullable=True))
    op.create_index(
        "ix_webhook_deliveries_log", table, ["company_id", "subscription_id", "created_at"]
    )
    op.create_index("ix_webhook_deliveries_created_at", table, ["created_at"])
    op.create_index(
        "ix_webhook_deliveries_waiting",
        table,
        ["company_id", "subscription_id", "next_attempt_at"],
        postgresql_where=sa.text("state = 'waiting'"),
    )


def downgrade() -> None:
    op.drop_table("webhook_attempts")
    for name in ("waiting", "created_at", "log"):
        op.drop_index(f"ix_webhook_deliveries_{name}", table_name="webhook_deliveries")
    for name in ("claimed_until", "next_attempt_at", "created_at"):
        op.drop_column("webhook_deliveries", name)
    op.execute("DELETE FROM webhook_events WHERE partner_id IS NULL")
    op.drop_index("uq_webhook_events_sequence", table_name="webhook_events")
    for name in ("sequence", "submission", "order_id"):
        op.drop_column("webhook_events", name)
    op.alter_column("webhook_events", "partner_id", nullable=False)
    op.drop_constraint("ck_webhook_subscriptions_state", "webhook_subscriptions")
    for name in ("failing_since", "state_changed_at", "state_reason", "state", "overlap_until"):
        op.drop_column("webhook_subscriptions", name)
