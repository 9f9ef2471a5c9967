"""The tables of the walk-through.

Revision ID: 0001
Revises: none
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE SEQUENCE asset_number_seq")
    op.execute("CREATE SEQUENCE job_number_seq")
    op.create_table(
        "assets",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("row_id", sa.Uuid(), nullable=False),
        sa.Column("asset_id", sa.Uuid(), nullable=False),
        sa.Column("wallet_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("submission", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reference_number", sa.Text(), nullable=False),
        sa.Column("item_number", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("admits", sa.Integer(), nullable=False),
        sa.Column("price_excl_vat", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("price_incl_vat", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("valid_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("kind IN ('ticket', 'coupon')", name=op.f("ck_assets_kind")),
        sa.PrimaryKeyConstraint("company_id", "row_id", name=op.f("pk_assets")),
    )
    op.create_index("ix_assets_order", "assets", ["company_id", "order_id"], unique=False)
    op.create_index(
        "uq_assets_reference", "assets", ["company_id", "reference_number"], unique=True
    )
    op.create_table(
        "companies",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("tenant_id", sa.Uuid(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("catalog_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("company_id", name=op.f("pk_companies")),
    )
    op.create_index(
        "uq_companies_address",
        "companies",
        ["tenant_id", sa.literal_column("lower(environment)"), sa.literal_column("lower(name)")],
        unique=True,
    )
    op.create_table(
        "external_references",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("reference", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("seq_no", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("company_id", "reference", name=op.f("pk_external_references")),
    )
    op.create_index(
        "ix_external_references_order",
        "external_references",
        ["company_id", "order_id"],
        unique=False,
    )
    op.create_table(
        "idempotent_replies",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("caller_id", sa.Uuid(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("request_hash", sa.LargeBinary(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=True),
        sa.Column("submission", sa.Integer(), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint(
            "company_id", "caller_id", "idempotency_key", name=op.f("pk_idempotent_replies")
        ),
    )
    op.create_index(
        op.f("ix_idempotent_replies_created_at"), "idempotent_replies", ["created_at"], unique=False
    )
    op.create_table(
        "installation_secrets",
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("purpose", name=op.f("pk_installation_secrets")),
    )
    op.create_table(
        "order_lines",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("submission", sa.Integer(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("item_number", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("is_package", sa.Boolean(), nullable=False),
        sa.Column("quantity", sa.Integer(), nullable=False),
        sa.Column("wallet_count", sa.Integer(), nullable=False),
        sa.Column("visit_date", sa.Date(), nullable=False),
        sa.Column("visit_time", sa.Time(), nullable=False),
        sa.Column("sell_to_email", sa.Text(), nullable=False),
        sa.Column("sell_to_name", sa.Text(), nullable=False),
        sa.Column("sell_to_language", sa.Text(), nullable=False),
        sa.Column("names", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("external_references", postgresql.ARRAY(sa.Text()), nullable=True),
        sa.Column("component_schedule", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.PrimaryKeyConstraint(
            "company_id", "order_id", "submission", "line_no", name=op.f("pk_order_lines")
        ),
    )
    op.create_table(
        "orders",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("sell_to_order_reference", sa.Text(), nullable=False),
        sa.Column("reference_key", sa.Text(), nullable=False),
        sa.Column("buy_from_order_reference", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_message", sa.Text(), nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("sell_to_email", sa.Text(), nullable=False),
        sa.Column("sell_to_name", sa.Text(), nullable=False),
        sa.Column("sell_to_language", sa.Text(), nullable=False),
        sa.Column("payment_reference", sa.Text(), nullable=False),
        sa.Column("submission", sa.Integer(), nullable=False),
        sa.Column("job_number", sa.Integer(), nullable=True),
        sa.Column("manifest_id", sa.Uuid(), nullable=True),
        sa.Column("hold_expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("removed_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('Submitted', 'Scheduled', 'Processing', 'Issued', 'Draft', 'Error', 'Cancelled')",
            name=op.f("ck_orders_status"),
        ),
        sa.PrimaryKeyConstraint("company_id", "order_id", name=op.f("pk_orders")),
    )
    op.create_index(
        "ix_orders_in_flight",
        "orders",
        ["changed_at"],
        unique=False,
        postgresql_where=sa.text("status IN ('Submitted', 'Scheduled', 'Processing')"),
    )
    op.create_index(
        "ix_orders_list",
        "orders",
        ["company_id", "partner_id", "received_at", "order_id"],
        unique=False,
    )
    op.create_index(op.f("ix_orders_manifest_id"), "orders", ["manifest_id"], unique=False)
    op.create_index(
        "uq_orders_buy_from", "orders", ["company_id", "buy_from_order_reference"], unique=True
    )
    op.create_index(
        "uq_orders_reference",
        "orders",
        ["company_id", "partner_id", "reference_key"],
        unique=True,
        postgresql_where=sa.text("removed_at IS NULL"),
    )
    op.create_table(
        "wallets",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("wallet_id", sa.Uuid(), nullable=False),
        sa.Column("order_id", sa.Uuid(), nullable=False),
        sa.Column("submission", sa.Integer(), nullable=False),
        sa.Column("line_no", sa.Integer(), nullable=False),
        sa.Column("seq_no", sa.Integer(), nullable=False),
        sa.Column("reference_number", sa.Text(), nullable=False),
        sa.Column("external_reference", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column(
            "issued_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("price_excl_vat", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("price_incl_vat", sa.Numeric(precision=18, scale=4), nullable=False),
        sa.Column("currency", sa.Text(), nullable=False),
        sa.Column("manifest_id", sa.Uuid(), nullable=False),
        sa.Column("voided_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("company_id", "wallet_id", name=op.f("pk_wallets")),
    )
    op.create_index(op.f("ix_wallets_manifest_id"), "wallets", ["manifest_id"], unique=False)
    op.create_index("ix_wallets_order", "wallets", ["company_id", "order_id"], unique=False)
    op.create_index(
        "uq_wallets_reference", "wallets", ["company_id", "reference_number"], unique=True
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("delivery_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=False),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "state IN ('waiting', 'delivered', 'failed')", name=op.f("ck_webhook_deliveries_state")
        ),
        sa.PrimaryKeyConstraint("company_id", "delivery_id", name=op.f("pk_webhook_deliveries")),
    )
    op.create_index(
        "ix_webhook_deliveries_event",
        "webhook_deliveries",
        ["company_id", "event_id"],
        unique=False,
    )
    op.create_table(
        "webhook_events",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("event_name", sa.Text(), nullable=False),
        sa.Column("payload", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "happened_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint("company_id", "event_id", name=op.f("pk_webhook_events")),
    )
    op.create_table(
        "webhook_subscriptions",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("subscription_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("notification_url", sa.Text(), nullable=False),
        sa.Column("event_name", sa.Text(), nullable=False),
        sa.Column("event_version", sa.Text(), nullable=False),
        sa.Column("app_id", sa.Text(), nullable=False),
        sa.Column("client_state", sa.Text(), nullable=False),
        sa.Column("secrets", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.PrimaryKeyConstraint(
            "company_id", "subscription_id", name=op.f("pk_webhook_subscriptions")
        ),
    )
    op.create_index(
        "ix_webhook_subscriptions_event",
        "webhook_subscriptions",
        ["company_id", "event_name"],
        unique=False,
    )
    op.create_table(
        "api_keys",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.Column("permissions", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.company_id"], name=op.f("fk_api_keys_company_id")
        ),
        sa.PrimaryKeyConstraint("company_id", "key_id", name=op.f("pk_api_keys")),
    )
    op.create_index(op.f("ix_api_keys_secret_hash"), "api_keys", ["secret_hash"], unique=False)
    op.create_table(
        "coupon_types",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("number_pattern", sa.Text(), nullable=False),
        sa.Column("gives", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("valid_days", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.company_id"], name=op.f("fk_coupon_types_company_id")
        ),
        sa.PrimaryKeyConstraint("company_id", "code", name=op.f("pk_coupon_types")),
    )
    op.create_table(
        "items",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("item_number", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("translations", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sellable", sa.Boolean(), nullable=False),
        sa.Column("unit_price", sa.Numeric(precision=18, scale=4), nullable=True),
        sa.Column("price_includes_vat", sa.Boolean(), nullable=False),
        sa.Column("vat_percent", sa.Numeric(precision=7, scale=4), nullable=False),
        sa.Column("ticket_type", sa.Text(), nullable=True),
        sa.Column("coupon_type", sa.Text(), nullable=True),
        sa.Column("components", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("admissions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("stores", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.CheckConstraint("kind IN ('ticket', 'coupon', 'package')", name=op.f("ck_items_kind")),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.company_id"], name=op.f("fk_items_company_id")
        ),
        sa.PrimaryKeyConstraint("company_id", "item_number", name=op.f("pk_items")),
    )
    op.create_table(
        "partners",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("partner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("order_reference_pattern", sa.Text(), nullable=True),
        sa.Column("hold_minutes", sa.Integer(), nullable=False),
        sa.Column("reject_unknown_fields", sa.Boolean(), nullable=False),
        sa.Column("design", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.company_id"], name=op.f("fk_partners_company_id")
        ),
        sa.PrimaryKeyConstraint("company_id", "partner_id", name=op.f("pk_partners")),
    )
    op.create_table(
        "price_rules",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("item_number", sa.Text(), nullable=True),
        sa.Column("rule", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.company_id"], name=op.f("fk_price_rules_company_id")
        ),
        sa.PrimaryKeyConstraint("company_id", "code", name=op.f("pk_price_rules")),
    )
    op.create_table(
        "ticket_types",
        sa.Column("company_id", sa.Uuid(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("is_group", sa.Boolean(), nullable=False),
        sa.Column("number_pattern", sa.Text(), nullable=False),
        sa.Column("entries", sa.Text(), nullable=False),
        sa.Column("valid_days", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["company_id"], ["companies.company_id"], name=op.f("fk_ticket_types_company_id")
        ),
        sa.PrimaryKeyConstraint("company_id", "code", name=op.f("pk_ticket_types")),
    )


def downgrade() -> None:
    op.drop_table("ticket_types")
    op.drop_table("price_rules")
    op.drop_table("partners")
    op.drop_table("items")
    op.drop_table("coupon_types")
    op.drop_index(op.f("ix_api_keys_secret_hash"), table_name="api_keys")
    op.drop_table("api_keys")
    op.drop_index("ix_webhook_subscriptions_event", table_name="webhook_subscriptions")
    op.drop_table("webhook_subscriptions")
    op.drop_table("webhook_events")
    op.drop_index("ix_webhook_deliveries_event", table_name="webhook_deliveries")
    op.drop_table("webhook_deliveries")
    op.drop_index("uq_wallets_reference", table_name="wallets")
    op.drop_index("ix_wallets_order", table_name="wallets")
    op.drop_index(op.f("ix_wallets_manifest_id"), table_name="wallets")
    op.drop_table("wallets")
    op.drop_index(
        "uq_orders_reference", table_name="orders", postgresql_where=sa.text("removed_at IS NULL")
    )
    op.drop_index("uq_orders_buy_from", table_name="orders")
    op.drop_index(op.f("ix_orders_manifest_id"), table_name="orders")
    op.drop_index("ix_orders_list", table_name="orders")
    op.drop_index(
        "ix_orders_in_flight",
        table_name="orders",
        postgresql_where=sa.text("status IN ('Submitted', 'Scheduled', 'Processing')"),
    )
    op.drop_table("orders")
    op.drop_table("order_lines")
    op.drop_table("installation_secrets")
    op.drop_index(op.f("ix_idempotent_replies_created_at"), table_name="idempotent_replies")
    op.drop_table("idempotent_replies")
    op.drop_index("ix_external_references_order", table_name="external_references")
    op.drop_table("external_references")
    op.drop_index("uq_companies_address", table_name="companies")
    op.drop_table("companies")
    op.drop_index("uq_assets_reference", table_name="assets")
    op.drop_index("ix_assets_order", table_name="assets")
    op.drop_table("assets")
    op.execute("DROP SEQUENCE job_number_seq")
    op.execute("DROP SEQUENCE asset_number_seq")
