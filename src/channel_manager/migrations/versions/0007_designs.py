"""What guests see: logos, a company's own design, and an item's kind of code.

Assets get room on their pages, so that an admission doesn't touch their indexes; that holds for
pages filled from now on, and rewrites nothing.

Revision ID: 0007_designs
Revises: 0006_gate
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007_designs"
down_revision = "0006_gate"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "logos",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("mime", sa.Text(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.company_id"], name=op.f("fk_logos_company_id_companies")
        ),
        sa.PrimaryKeyConstraint("company_id", "digest", name=op.f("pk_logos")),
    )
    op.create_index(op.f("ix_logos_digest"), "logos", ["digest"], unique=False)
    op.add_column(
        "companies",
        sa.Column(
            "design",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
    )
    # It was written where nobody had asked for it, and would outrank what the company asks for now.
    op.execute(
        "UPDATE partners SET design = design - 'codeFormat' WHERE design ->> 'codeFormat' = 'qr'"
    )
    op.execute("ALTER TABLE assets SET (fillfactor = 85)")
    op.add_column("items", sa.Column("code_format", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("items", "code_format")
    op.execute("ALTER TABLE assets RESET (fillfactor)")
    op.drop_column("companies", "design")
    op.drop_index(op.f("ix_logos_digest"), table_name="logos")
    op.drop_table("logos")
