"""Runs that reprocess many orders.

Revision ID: 0019_bulk
Revises: 0018_search
"""

import sqlalchemy as sa
from alembic import op

revision = "0019_bulk"
down_revision = "0018_search"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bulk_runs",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("company_id", "run_id", name=op.f("pk_bulk_runs")),
    )
    op.create_table(
        "bulk_orders",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint(
            "state IN ('waiting', 'submitted', 'refused')", name=op.f("ck_bulk_orders_state")
        ),
        sa.ForeignKeyConstraint(
            ["company_id", "run_id"],
            ["bulk_runs.company_id", "bulk_runs.run_id"],
            name=op.f("fk_bulk_orders_company_id_bulk_runs"),
        ),
        sa.PrimaryKeyConstraint("company_id", "run_id", "order_id", name=op.f("pk_bulk_orders")),
    )
    op.create_index(
        "ix_bulk_orders_waiting",
        "bulk_orders",
        ["company_id", "run_id"],
        postgresql_where=sa.text("state = 'waiting'"),
    )


def downgrade() -> None:
    op.drop_table("bulk_orders")
    op.drop_table("bulk_runs")
