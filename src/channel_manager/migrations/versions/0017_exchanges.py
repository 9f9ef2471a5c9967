"""Partners' calls about orders, as they came and as they were answered.

Revision ID: 0017_exchanges
Revises: 0016_sales
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017_exchanges"
down_revision = "0016_sales"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "exchanges",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("exchange_id", sa.Uuid(), nullable=False),
        sa.Column(
            "happened_at", INSTANT, server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("reference_key", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("duration_ms", sa.Float(), nullable=False),
        sa.Column("request_body", sa.LargeBinary(), nullable=True),
        sa.Column("request_bytes", sa.Integer(), nullable=False),
        sa.Column("reply_body", sa.LargeBinary(), nullable=True),
        sa.Column("reply_bytes", sa.Integer(), nullable=False),
        sa.Column("emails", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("erased_at", INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("company_id", "exchange_id", name=op.f("pk_exchanges")),
    )
    op.create_index(
        "ix_exchanges_order",
        "exchanges",
        ["company_id", "order_id"],
        postgresql_where=sa.text("order_id IS NOT NULL"),
    )
    op.create_index(
        "ix_exchanges_reference",
        "exchanges",
        ["company_id", "reference_key"],
        postgresql_where=sa.text("reference_key IS NOT NULL"),
    )
    op.create_index(
        "ix_exchanges_emails",
        "exchanges",
        ["company_id"],
        postgresql_where=sa.text("emails IS NOT NULL"),
    )


def downgrade() -> None:
    op.drop_table("exchanges")
