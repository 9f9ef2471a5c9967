"""One table for first replies: the gate's go where the orders' are. Room in pages for changes.

Entries at the gate tell by whose key they were made, and can't be changed any more than the audit
trail can.

Revision ID: 0008_replies
Revises: 0007_designs
"""

import sqlalchemy as sa
from alembic import op

revision = "0008_replies"
down_revision = "0007_designs"
branch_labels = None
depends_on = None


# Rows that change soon after they are written find room beside themselves, and no index changes.
ROOMY = {"webhook_deliveries": 85, "time_slots": 60}


_REFUSE = """
    CREATE FUNCTION refuse_entry_change() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'gate_entries is append-only' USING ERRCODE = 'insufficient_privilege';
    END $$
"""
_ROWS = """
    CREATE TRIGGER gate_entries_append_only BEFORE UPDATE OR DELETE ON gate_entries
    FOR EACH ROW EXECUTE FUNCTION refuse_entry_change()
"""
_WHOLE = """
    CREATE TRIGGER gate_entries_no_truncate BEFORE TRUNCATE ON gate_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_entry_change()
"""


def upgrade() -> None:
    op.add_column("gate_entries", sa.Column("key_id", sa.Uuid(), nullable=True))
    op.create_index("ix_gate_entries_recorded", "gate_entries", ["company_id", "recorded_at"])
    for statement in (_REFUSE, _ROWS, _WHOLE):
        op.execute(statement)
    for table, fill in ROOMY.items():
        op.execute(f"ALTER TABLE {table} SET (fillfactor = {fill})")
    op.execute("""
        INSERT INTO idempotent_replies
            (company_id, caller_id, idempotency_key, request_hash, status, body, created_at)
        SELECT company_id, key_id, idempotency_key, request_hash, 200, body, created_at
        FROM gate_replies
        ON CONFLICT DO NOTHING
    """)
    op.drop_index(op.f("ix_gate_replies_created_at"), table_name="gate_replies")
    op.drop_table("gate_replies")


def downgrade() -> None:
    op.execute("DROP TRIGGER gate_entries_no_truncate ON gate_entries")
    op.execute("DROP TRIGGER gate_entries_append_only ON gate_entries")
    op.execute("DROP FUNCTION refuse_entry_change")
    op.drop_index("ix_gate_entries_recorded", table_name="gate_entries")
    op.drop_column("gate_entries", "key_id")
    for table in ROOMY:
        op.execute(f"ALTER TABLE {table} RESET (fillfactor)")
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
