"""What the whole venue file holds, and what an asset was sold with.

Revision ID: 0002_catalog
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002_catalog"
down_revision = "0001"
branch_labels = None
depends_on = None

KINDS = ("ticket_types", "coupon_types")


def upgrade() -> None:
    op.create_table(
        "stores",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.company_id"], name=op.f("fk_stores_company_id")
        ),
        sa.PrimaryKeyConstraint("company_id", "code", name=op.f("pk_stores")),
    )
    op.add_column("companies", sa.Column("wallet_number_pattern", sa.Text(), nullable=True))
    op.add_column("companies", sa.Column("wallets_per_year", sa.Integer(), nullable=True))
    op.add_column("partners", sa.Column("orders_per_year", sa.Integer(), nullable=True))
    for table in KINDS:
        op.add_column(table, sa.Column("numbers_per_year", sa.Integer(), nullable=True))
        op.add_column(
            table,
            sa.Column("insist_on_pattern", sa.Boolean(), nullable=False, server_default=sa.false()),
        )
        op.alter_column(table, "insist_on_pattern", server_default=None)
    op.add_column("assets", sa.Column("valid_from", sa.DateTime(timezone=True), nullable=True))
    op.add_column("assets", sa.Column("valid_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column(
        "assets", sa.Column("terms", postgresql.JSONB(astext_type=sa.Text()), nullable=True)
    )


def downgrade() -> None:
    for column in ("terms", "valid_until", "valid_from"):
        op.drop_column("assets", column)
    for table in KINDS:
        op.drop_column(table, "insist_on_pattern")
        op.drop_column(table, "numbers_per_year")
    op.drop_column("partners", "orders_per_year")
    op.drop_column("companies", "wallets_per_year")
    op.drop_column("companies", "wallet_number_pattern")
    op.drop_table("stores")
