"""What an OCTO booking says that an order doesn't.

Revision ID: 0020_octo
Revises: 0019_bulk
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020_octo"
down_revision = "0019_bulk"
branch_labels = None
depends_on = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "octo_bookings",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("booking_uuid", sa.Uuid(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("submission", sa.Integer(), nullable=False),
        sa.Column("units", postgresql.JSONB(), nullable=False),
        sa.Column("reseller_reference", sa.Text(), nullable=True),
        sa.Column("contact", postgresql.JSONB(), nullable=False),
        sa.Column("notes", sa.Text(), nullable=True),
        sa.Column("updated_at", INSTANT, server_default=sa.text("now()"), nullable=False),
        sa.Column("confirmed_at", INSTANT, nullable=True),
        sa.Column("refund", sa.Text(), nullable=True),
        sa.Column("cancel_reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("company_id", "order_id", name=op.f("pk_octo_bookings")),
    )
    op.create_index(
        "uq_octo_bookings_uuid",
        "octo_bookings",
        ["company_id", "partner_id", "booking_uuid"],
        unique=True,
    )
    op.create_index(
        "ix_octo_bookings_reference",
        "octo_bookings",
        ["company_id", "partner_id", "reseller_reference"],
    )


def downgrade() -> None:
    op.drop_table("octo_bookings")
