"""Admissions, time slots, reservations and the ledger of capacity.

Revision ID: 0003_capacity
Revises: 0002_catalog
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003_capacity"
down_revision = "0002_catalog"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "admissions",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("translations", postgresql.JSONB(), nullable=False),
        sa.Column("early_minutes", sa.Integer(), nullable=False),
        sa.Column("late_minutes", sa.Integer(), nullable=False),
        sa.Column("horizon_days", sa.Integer(), nullable=False),
        sa.Column("schedule", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.company_id"], name=op.f("fk_admissions_company_id")
        ),
        sa.PrimaryKeyConstraint("company_id", "code", name=op.f("pk_admissions")),
    )
    op.create_table(
        "time_slots",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("admission_code", sa.Text(), nullable=False),
        sa.Column("whole_day", sa.Boolean(), nullable=False),
        sa.Column("local_date", sa.Date(), nullable=False),
        sa.Column("start_time", sa.Time(), nullable=False),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.Column("reserved", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("sales_from", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sales_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("adjusted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint(
            "reserved >= 0 AND reserved <= capacity", name=op.f("ck_time_slots_reserved")
        ),
        sa.CheckConstraint("ends_at > starts_at", name=op.f("ck_time_slots_times")),
        sa.PrimaryKeyConstraint("company_id", "slot_id", name=op.f("pk_time_slots")),
        postgresql_with={"fillfactor": 80},
    )
    op.create_index(
        "uq_time_slots_start",
        "time_slots",
        ["company_id", "admission_code", "whole_day", "starts_at"],
        unique=True,
    )
    op.create_index(
        "ix_time_slots_search",
        "time_slots",
        ["company_id", "admission_code", "local_date", "starts_at"],
    )
    op.create_table(
        "reservations",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("submission", sa.Integer(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column(
            "held_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("quantity > 0", name=op.f("ck_reservations_quantity")),
        sa.PrimaryKeyConstraint(
            "company_id", "order_id", "submission", "slot_id", name=op.f("pk_reservations")
        ),
    )
    op.create_index(
        "ix_reservations_held",
        "reservations",
        ["company_id", "slot_id"],
        postgresql_where=sa.text("released_at IS NULL"),
    )
    op.create_table(
        "capacity_ledger",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("movement_id", sa.Uuid(), nullable=False),
        sa.Column("slot_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("submission", sa.Integer(), nullable=True),
        sa.Column("reserved_change", sa.Integer(), nullable=False),
        sa.Column("capacity_change", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column(
            "moved_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("company_id", "movement_id", name=op.f("pk_capacity_ledger")),
    )
    op.create_index(
        "ix_capacity_ledger_slot", "capacity_ledger", ["company_id", "slot_id", "moved_at"]
    )
    op.add_column("assets", sa.Column("admits_to", postgresql.JSONB(), nullable=True))
    op.add_column("orders", sa.Column("hold_ended_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_orders_holds",
        "orders",
        ["hold_expires_at"],
        postgresql_where=sa.text("status = 'Draft' AND hold_ended_at IS NULL"),
    )


def downgrade() -> None:
    op.drop_index("ix_orders_holds", "orders")
    op.drop_column("orders", "hold_ended_at")
    op.drop_column("assets", "admits_to")
    op.drop_table("capacity_ledger")
    op.drop_table("reservations")
    op.drop_table("time_slots")
    op.drop_table("admissions")
