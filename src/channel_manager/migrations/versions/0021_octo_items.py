"""How an item is sold by OCTO.

Revision ID: 0021_octo_items
Revises: 0020_octo
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021_octo_items"
down_revision = "0020_octo"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "items",
        sa.Column("octo", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
    )


def downgrade() -> None:
    op.drop_column("items", "octo")
