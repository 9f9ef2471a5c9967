"""Sales by partner and day, as a worker counts them.

Revision ID: 0016_sales
Revises: 0012_console
"""

import sqlalchemy as sa
from alembic import op

revision = "0016_sales"
down_revision = "0012_console"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "sales_days",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("orders", sa.Integer(), nullable=False),
        sa.Column("guests", sa.Integer(), nullable=False),
        sa.Column("amount_excl_vat", sa.Numeric(18, 4), nullable=False),
        sa.Column("amount_incl_vat", sa.Numeric(18, 4), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column(
            "counted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("company_id", "day", "partner_id", name=op.f("pk_sales_days")),
    )


def downgrade() -> None:
    op.drop_table("sales_days")
