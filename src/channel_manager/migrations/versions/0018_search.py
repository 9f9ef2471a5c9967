"""Finding orders by what a guest or partner may quote.

Revision ID: 0018_search
Revises: 0017_exchanges
"""

import sqlalchemy as sa
from alembic import op

revision = "0018_search"
down_revision = "0017_exchanges"
branch_labels = None
depends_on = None

# Without accents and capitals; each word bears its company, so that one of many companies finds
# its own without reading the others'. Letters that can't be taken apart are written as people type
# them. Each order asks for it four times: so without patterns where the text is plain.
_GUEST_WORDS = r"""
    CREATE FUNCTION guest_words(company uuid, name text, email text) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
    DECLARE
        said text := name || ' ' || email;
        mark text := right(company::text, 8) || ':';
    BEGIN
        IF octet_length(said) > length(said) THEN
            said := regexp_replace(normalize(translate(said, 'ØøŁłĐđı', 'OoLlDdi'), NFKD),
                '[\u0300-\u036f]', '', 'g');
            said := regexp_replace(said, '[[:space:]]', ' ', 'g');
        END IF;
        -- A word of the index has a longest length.
        said := translate(lower(left(said, 300)), E',;/()"''-\t\r\n', '           ');
        said := array_to_string(array_remove(string_to_array(said, ' '), ''), ' ' || mark);
        RETURN CASE WHEN said = '' THEN '{}' ELSE string_to_array(mark || said, ' ') END;
    END $$
"""


def upgrade() -> None:
    op.execute(_GUEST_WORDS)
    op.execute(
        "CREATE INDEX ix_orders_guest ON orders USING gin (array_to_tsvector("
        "guest_words(company_id, sell_to_name, sell_to_email)))"
    )
    op.execute(
        "CREATE INDEX ix_order_lines_guest ON order_lines USING gin (array_to_tsvector("
        "guest_words(company_id, sell_to_name, sell_to_email)))"
    )
    op.execute(
        "CREATE INDEX ix_wallets_guest ON wallets USING gin (array_to_tsvector("
        "guest_words(company_id, name, '')))"
    )
    op.create_index(
        "ix_orders_payment",
        "orders",
        ["company_id", "payment_reference"],
        postgresql_where=sa.text("payment_reference <> ''"),
    )
    op.create_index("ix_orders_job", "orders", ["job_number"], postgresql_using="brin")
    op.create_index(
        "ix_orders_unusual",
        "orders",
        ["company_id", "order_id"],
        postgresql_where=sa.text("status IN ('Draft', 'Error', 'Cancelled')"),
    )
    op.create_index("ix_order_lines_visit", "order_lines", ["company_id", "visit_date"])


def downgrade() -> None:
    for name in (
        *("ix_orders_guest", "ix_order_lines_guest", "ix_wallets_guest"),
        *("ix_orders_payment", "ix_orders_job"),
    ):
        op.drop_index(name)
    op.drop_index("ix_orders_unusual")
    op.drop_index("ix_order_lines_visit")
    op.execute("DROP FUNCTION guest_words")
