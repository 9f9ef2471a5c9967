"""A venue of some years in the database, made in SQL: what the console's pages have to cope with.

    await fill_venue(connection, orders=1_000_000)

Orders of two wallets over three years and eight partners, one of them with hardly any; names of
which some are common and some there once; two of a hundred cancelled, one unpaid, one failed. Each
with its event, delivery, attempt and line in the audit trail; the newest with the call that made
them. Ids lie in the order of time.
"""

import time
from uuid import UUID

import asyncpg

from scratch import PARTNER

DAYS = 1_095
EXCHANGE_DAYS = 30
# Written out, so that the database can put the functions' text where they are called.
NOW = int(time.time()) - 60
# One in so many has the smallest partner.
RARE = 50_000
_FUNCTIONS = f"""
    CREATE OR REPLACE FUNCTION pg_temp.at(n bigint, orders bigint) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT to_timestamp({NOW} - {DAYS} * 86400.0 * (1 - n::float8 / orders))
    $$;
    CREATE OR REPLACE FUNCTION pg_temp.id(kind text, n bigint, orders bigint) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT (lpad(to_hex((({NOW} - {DAYS} * 86400.0 * (1 - n::float8 / orders))
                * 1000)::bigint), 12, '0')
            || '7' || substr(md5(kind || n), 1, 3) || '8' || substr(md5(n || kind), 1, 15))::uuid
    $$;
    CREATE OR REPLACE FUNCTION pg_temp.status(n bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT CASE WHEN n % 100 IN (3, 4) THEN 'Cancelled' WHEN n % 100 = 5 THEN 'Draft'
            WHEN n % 100 = 6 THEN 'Error' ELSE 'Issued' END
    $$;
    CREATE OR REPLACE FUNCTION pg_temp.guest(n bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT 'First' || (n % 997) || ' ' || CASE WHEN n % 20 = 0 THEN 'Jensen'
            WHEN n % 1000 = 1 THEN 'Sørensen' WHEN n = 4711 THEN 'Unikum'
            ELSE 'Last' || (n * 7919 % 20011) END
    $$;
    CREATE OR REPLACE FUNCTION pg_temp.partner(n bigint, whole uuid) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT CASE WHEN n % {RARE} = 7 THEN md5('partner7')::uuid WHEN n % 8 IN (0, 7) THEN whole
            ELSE md5('partner' || (n % 8))::uuid END
    $$;
"""
_STATEMENTS = (
    """
    INSERT INTO partners (company_id, partner_id, name, active, hold_minutes,
        reject_unknown_fields, design)
    SELECT $1, md5('partner' || n)::uuid, 'Partner ' || n, true, 60, false, '{}'
    FROM generate_series(1, 7) AS n WHERE $2::bigint > 0 AND $3::uuid IS NOT NULL
    """,
    """
    INSERT INTO orders (company_id, order_id, partner_id, sell_to_order_reference, reference_key,
        buy_from_order_reference, status, status_message, received_at, changed_at, sell_to_email,
        sell_to_name, sell_to_language, payment_reference, submission, job_number, manifest_id,
        hold_ended_at)
    SELECT $1, pg_temp.id('order', n, $2), pg_temp.partner(n, $3), 'FILLED-' || n, 'filled-' || n,
        'CM-FILLED-' || n, pg_temp.status(n),
        CASE WHEN pg_temp.status(n) = 'Error' THEN 'The place was gone.' ELSE '' END,
        pg_temp.at(n, $2), pg_temp.at(n, $2), 'guest' || n || '@example.com', pg_temp.guest(n),
        'ENU', CASE WHEN pg_temp.status(n) = 'Draft' THEN '' ELSE 'PAY-' || n END, 1, n,
        pg_temp.id('manifest', n, $2), CASE WHEN pg_temp.status(n) = 'Draft' THEN now() END
    FROM generate_series(1, $2) AS n
    """,
    """
    INSERT INTO order_lines (company_id, order_id, submission, line_no, item_number, description,
        is_package, quantity, wallet_count, visit_date, visit_time, sell_to_email, sell_to_name,
        sell_to_language)
    SELECT $1, pg_temp.id('order', n, $2), 1, 100000, '31001', 'Castle Admission', false, 2, 2,
        pg_temp.at(n, $2)::date + (n % 30)::int, '10:30', 'guest' || n || '@example.com',
        pg_temp.guest(n), 'ENU'
    FROM generate_series(1, $2) AS n WHERE $3::uuid IS NOT NULL
    """,
    """
    INSERT INTO wallets (company_id, wallet_id, order_id, submission, line_no, seq_no,
        reference_number, external_reference, name, price_excl_vat, price_incl_vat, currency,
        manifest_id, issued_at)
    SELECT $1, pg_temp.id('wallet' || seq, n, $2), pg_temp.id('order', n, $2), 1, 100000, seq,
        (100000000000000000 + n * 2 + seq)::text, '',
        CASE seq WHEN 1 THEN pg_temp.guest(n) ELSE 'Castle Admission' END, 80, 100, 'DKK',
        pg_temp.id('page' || seq, n, $2), pg_temp.at(n, $2)
    FROM generate_series(1, $2) AS n, generate_series(1, 2) AS seq WHERE $3::uuid IS NOT NULL
    """,
    """
    INSERT INTO assets (company_id, row_id, asset_id, wallet_id, order_id, submission, position,
        kind, reference_number, item_number, description, admits, price_excl_vat,
        price_incl_vat, valid_from, valid_until, terms, valid_at)
    SELECT $1, pg_temp.id('row' || seq, n, $2), pg_temp.id('asset' || seq, n, $2),
        pg_temp.id('wallet' || seq, n, $2), pg_temp.id('order', n, $2), 1, 1, 'ticket',
        'FILLED-' || lpad((n * 2 + seq)::text, 9, '0'), '31001', 'Castle Admission', 1, 80, 100,
        now() - interval '1 day', now() + interval '2 days', '{"entries": "single"}', now()
    FROM generate_series(1, $2) AS n, generate_series(1, 2) AS seq WHERE $3::uuid IS NOT NULL
    """,
    """
    INSERT INTO webhook_subscriptions (company_id, subscription_id, partner_id, notification_url,
        event_name, event_version, app_id, client_state, secrets, state)
    SELECT $1, md5('hook')::uuid, $3, 'http://127.0.0.1:9/hook', 'ota_cm_order_processed', '1.0',
        '', '', '{secret}', 'paused' WHERE $2::bigint > 0
    """,
    """
    INSERT INTO webhook_events (company_id, event_id, partner_id, order_id, submission, sequence,
        event_name, payload, happened_at)
    SELECT $1, pg_temp.id('event', n, $2), pg_temp.partner(n, $3), pg_temp.id('order', n, $2), 1,
        1, 'ota_cm_order_processed', jsonb_build_object('status', pg_temp.status(n)),
        pg_temp.at(n, $2)
    FROM generate_series(1, $2) AS n
    """,
    """
    INSERT INTO webhook_deliveries (company_id, delivery_id, event_id, subscription_id, state,
        attempts, last_status, last_error, created_at, delivered_at, next_attempt_at)
    SELECT $1, pg_temp.id('delivery', n, $2), pg_temp.id('event', n, $2), md5('hook')::uuid,
        CASE n % 50 WHEN 0 THEN 'failed' ELSE 'delivered' END, 1, 204, '', pg_temp.at(n, $2),
        pg_temp.at(n, $2), pg_temp.at(n, $2)
    FROM generate_series(1, $2) AS n WHERE $3::uuid IS NOT NULL
    """,
    """
    INSERT INTO webhook_attempts (company_id, delivery_id, attempt_id, attempted_at, outcome,
        status, error, duration_ms, reply)
    SELECT $1, pg_temp.id('delivery', n, $2), pg_temp.id('attempt', n, $2), pg_temp.at(n, $2),
        'delivered', 204, '', 5, ''
    FROM generate_series(1, $2) AS n WHERE $3::uuid IS NOT NULL
    """,
    """
    INSERT INTO audit_events (company_id, event_id, happened_at, actor, action, subject, before,
        after)
    SELECT $1, pg_temp.id('audit', n, $2), pg_temp.at(n, $2), 'key ' || $3::uuid::text,
        'order.create', 'order ' || pg_temp.id('order', n, $2), '{}', '{"status": "Submitted"}'
    FROM generate_series(1, $2) AS n
    """,
    # Of the last 30 days, as the service keeps them; one more of a hundred was refused.
    f"""
    INSERT INTO exchanges (company_id, exchange_id, happened_at, key_id, partner_id, order_id,
        reference_key, method, path, request_id, status, duration_ms, request_body, request_bytes,
        reply_body, reply_bytes)
    SELECT $1, pg_temp.id('exchange' || status, n, $2), pg_temp.at(n, $2), $3,
        pg_temp.partner(n, $3), CASE status WHEN 201 THEN pg_temp.id('order', n, $2) END,
        CASE status WHEN 400 THEN 'refused-' || n END, 'POST', '/channelManager', 'request' || n,
        status, 5, convert_to(repeat('request ', 50), 'UTF8'), 400,
        convert_to(repeat('a reply ', 75), 'UTF8'), 600
    FROM generate_series($2 - $2 * {EXCHANGE_DAYS} / {DAYS} + 1, $2) AS n,
        unnest(ARRAY[201, 400]) AS status
    WHERE status = 201 OR n % 100 = 0
    """,
)
_TABLES = ("partners", "orders", "order_lines", "wallets", "assets", "webhook_events")
_MORE_TABLES = ("webhook_deliveries", "webhook_attempts", "audit_events", "exchanges")


async def fill_venue(connection: asyncpg.Connection, orders: int) -> tuple[UUID, UUID]:
    """Fill the scratch service's database; returns an old order's id and the newest's.

    A million takes minutes.
    """
    company_id: UUID = await connection.fetchval("SELECT company_id FROM companies")
    await connection.execute(_FUNCTIONS)
    for statement in _STATEMENTS:
        await connection.execute(statement, company_id, orders, UUID(PARTNER), timeout=1_800)
    for table in (*_TABLES, *_MORE_TABLES):
        await connection.execute(f"VACUUM ANALYZE {table}", timeout=1_800)
    await connection.execute("CHECKPOINT", timeout=1_800)
    old, newest = [
        await connection.fetchval(
            "SELECT order_id FROM orders WHERE reference_key = $1", f"filled-{number}"
        )
        for number in (orders // 2, orders)
    ]
    return old, newest
