"""A database with as many tickets in it as a large venue has after some years, made in SQL.

    filled = await fill_tickets(connection, tickets=1_000_000)
    number = filled.number(4711)

Orders of two wallets with one ticket each, of the castle of `scratch`, for today's time slot; ids
lie in the order of their time, as the service's own do.
"""

from dataclasses import dataclass
from uuid import UUID

import asyncpg

from scratch import PARTNER

# A time-ordered id (UUIDv7) of the n-th thing of a kind.
_ID = """
    CREATE OR REPLACE FUNCTION pg_temp.bench_id(kind text, n bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT (lpad(to_hex(1700000000000 + n), 12, '0') || '7'
            || substr(md5(kind || n), 1, 3) || '8' || substr(md5(n || kind), 1, 15))::uuid
    $$
"""
_ORDERS = """
    INSERT INTO orders (company_id, order_id, partner_id, sell_to_order_reference, reference_key,
        buy_from_order_reference, status, status_message, sell_to_email, sell_to_name,
        sell_to_language, payment_reference, submission, job_number, manifest_id)
    SELECT $1, pg_temp.bench_id('order', n), $2, 'FILLED-' || n, 'filled-' || n, 'CM-FILLED-' || n,
        'Issued', '', 'guest@example.com', 'Jane Doe', 'ENU', 'PAY', 1, n,
        pg_temp.bench_id('manifest', n)
    FROM generate_series(1, $3::bigint) AS n
"""
_LINES = """
    INSERT INTO order_lines (company_id, order_id, submission, line_no, item_number, description,
        is_package, quantity, wallet_count, visit_date, visit_time, sell_to_email, sell_to_name,
        sell_to_language)
    SELECT $1, pg_temp.bench_id('order', n), 1, 100000, '31001', 'Castle Admission', false, 2, 2,
        current_date, '10:30', 'guest@example.com', 'Jane Doe', 'ENU'
    FROM generate_series(1, $2::bigint) AS n
"""
_WALLETS = """
    INSERT INTO wallets (company_id, wallet_id, order_id, submission, line_no, seq_no,
        reference_number, external_reference, name, price_excl_vat, price_incl_vat, currency,
        manifest_id)
    SELECT $1, pg_temp.bench_id('wallet', n), pg_temp.bench_id('order', (n + 1) / 2), 1, 100000,
        (n + 1) % 2 + 1, (100000000000000000 + n)::text, '', 'Jane Doe', 80, 100, 'DKK',
        pg_temp.bench_id('page', n)
    FROM generate_series(1, $2::bigint) AS n
"""
_ASSETS = """
    INSERT INTO assets (company_id, row_id, asset_id, wallet_id, order_id, submission, position,
        kind, reference_number, item_number, description, admits, admits_to, price_excl_vat,
        price_incl_vat, valid_from, valid_until, terms, valid_at)
    SELECT $1, pg_temp.bench_id('row', n), pg_temp.bench_id('asset', n),
        pg_temp.bench_id('wallet', n), pg_temp.bench_id('order', (n + 1) / 2), 1, 1, 'ticket',
        'FILLED-' || lpad(n::text, 9, '0'), '31001', 'Castle Admission', 1,
        jsonb_build_array(jsonb_build_object('admission', 'CASTLE', 'slotId', $3::text)), 80, 100,
        now() - interval '1 day', now() + interval '2 days', '{"entries": "single"}', now()
    FROM generate_series(1, $2::bigint) AS n
"""
_SLOT_NOW = """
    SELECT slot_id::text FROM time_slots
    WHERE company_id = $1 AND admission_code = 'CASTLE' AND NOT whole_day
        AND starts_at <= now() AND ends_at > now()
"""


@dataclass(frozen=True)
class Filled:
    """What is in the database now: so many tickets, numbered from 1."""

    company_id: UUID
    tickets: int

    def number(self, ticket: int) -> str:
        """The ticket's own number, as its code holds it."""
        return f"FILLED-{ticket:09}"


async def fill_tickets(connection: asyncpg.Connection, tickets: int) -> Filled:
    """Fill the scratch service's database with tickets that are good now; an even number of them.

    A million takes about half a minute.
    """
    company_id = await connection.fetchval("SELECT company_id FROM companies")
    slot = await connection.fetchval(_SLOT_NOW, company_id)
    await connection.execute(_ID)
    whole = UUID(PARTNER)
    for statement, values in (
        (_ORDERS, (whole, tickets // 2)),
        (_LINES, (tickets // 2,)),
        (_WALLETS, (tickets,)),
        (_ASSETS, (tickets, slot)),
    ):
        await connection.execute(statement, company_id, *values, timeout=1_800)
    for table in ("orders", "order_lines", "wallets", "assets"):
        await connection.execute(f"VACUUM ANALYZE {table}", timeout=1_800)
    # So that what is measured next doesn't wait for the load's own pages to reach the disk.
    await connection.execute("CHECKPOINT", timeout=1_800)
    return Filled(company_id, tickets)
