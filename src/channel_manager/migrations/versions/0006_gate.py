"""Entries at the gate, and what a ticket needs to be judged there.

Revision ID: 0006_gate
Revises: 0003_capacity
"""

import sqlalchemy as sa
from alembic import op

revision = "0006_gate"
down_revision = "0003_capacity"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gate_entries",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("entry_id", sa.Uuid(), nullable=False),
        sa.Column("ticket_id", sa.Uuid(), nullable=False),
        sa.Column("admission_code", sa.Text(), nullable=False),
        sa.Column("scanner_id", sa.Text(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("admitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "recorded_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("scan_id", sa.Text(), nullable=True),
        sa.Column("conflict", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("company_id", "entry_id", name=op.f("pk_gate_entries")),
    )
    op.create_index(
        "ix_gate_entries_admission",
        "gate_entries",
        ["company_id", "admission_code", "admitted_at"],
        unique=False,
    )
    op.create_index(
        "ix_gate_entries_ticket", "gate_entries", ["company_id", "ticket_id"], unique=False
    )
    op.create_index("uq_gate_entries_scan", "gate_entries", ["company_id", "scan_id"], unique=True)
    op.create_table(
        "gate_replies",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint(
            "company_id", "key_id", "idempotency_key", name=op.f("pk_gate_replies")
        ),
    )
    op.create_index(
        op.f("ix_gate_replies_created_at"), "gate_replies", ["created_at"], unique=False
    )
    for name in ("admitted", "admitted_that_day"):
        op.add_column("assets", sa.Column(name, sa.Integer(), server_default="0", nullable=False))
    op.add_column(
        "assets", sa.Column("last_admitted_at", sa.DateTime(timezone=True), nullable=True)
    )
    op.add_column(
        "assets", sa.Column("last_admission", sa.Text(), server_default="", nullable=False)
    )
    op.create_index(
        "ix_wallets_external",
        "wallets",
        ["company_id", "external_reference"],
        unique=False,
        postgresql_where=sa.text("external_reference <> ''"),
    )


def downgrade() -> None:
    op.drop_index(
        "ix_wallets_external",
        table_name="wallets",
        postgresql_where=sa.text("external_reference <> ''"),
    )
    op.drop_column("assets", "last_admission")
    op.drop_column("assets", "last_admitted_at")
    op.drop_column("assets", "admitted_that_day")
    op.drop_column("assets", "admitted")
    op.drop_index(op.f("ix_gate_replies_created_at"), table_name="gate_replies")
    op.drop_table("gate_replies")
    op.drop_index("uq_gate_entries_scan", table_name="gate_entries")
    op.drop_index("ix_gate_entries_ticket", table_name="gate_entries")
    op.drop_index("ix_gate_entries_admission", table_name="gate_entries")
    op.drop_table("gate_entries")
