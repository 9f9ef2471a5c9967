"""Guests' personal data: what is known of an e-mail address, and forgetting it.

Personal are the names and addresses of orders, lines and wallets, and the kept replies and calls
that repeat them. Numbers, prices, times and the trade's references are the venue's, and stay.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.audit import record, record_as
from channel_manager.access.service import Access
from channel_manager.db import AnyRow, Database
from channel_manager.installation import installation_secret
from channel_manager.statements import Statement

Fields = dict[str, Any]

# An order's guests are those that its lines name; a line without an address is the order's own.
_MATCHING = """
    matching AS (
        SELECT o.company_id, o.order_id, l.submission, l.line_no,
            lower(o.sell_to_email) = :email AS of_order
        FROM orders o
        LEFT JOIN order_lines l ON l.company_id = o.company_id AND l.order_id = o.order_id
            AND (lower(l.sell_to_email) = :email
                OR (l.sell_to_email = '' AND lower(o.sell_to_email) = :email))
        WHERE o.company_id = :company
            AND (lower(o.sell_to_email) = :email OR l.line_no IS NOT NULL)
    )
"""
_EXPORT = text(f"""
    WITH {_MATCHING}
    SELECT o.order_id, o.received_at, o.status, o.sell_to_order_reference,
        o.buy_from_order_reference, o.sell_to_email, o.sell_to_name, o.sell_to_language,
        m.submission, m.line_no, l.item_number, l.description, l.quantity, l.visit_date,
        l.visit_time, l.sell_to_email AS line_email, l.sell_to_name AS line_name, l.names,
        l.external_references, m.of_order
    FROM matching m
    JOIN orders o ON o.company_id = m.company_id AND o.order_id = m.order_id
    LEFT JOIN order_lines l ON l.company_id = m.company_id AND l.order_id = m.order_id
        AND l.submission = m.submission AND l.line_no = m.line_no
    ORDER BY o.received_at, o.order_id, m.submission, m.line_no
""")  # noqa: S608 - one statement in two parts, both ours
# What no order says: calls that were refused, or that named the guest in a place of their own.
_EXPORT_OTHERS = text("""
    SELECT happened_at, method, path, status, order_id, request_body
    FROM exchanges
    WHERE company_id = :company AND emails IS NOT NULL AND :email = ANY(emails)
    ORDER BY exchange_id
""")
_EMPTIED = "request_body = NULL, reply_body = NULL, emails = NULL, erased_at = now()"
_COPIES = """
    wallets_done AS (
        UPDATE wallets w SET name = l.description
        FROM {these} m JOIN order_lines l ON l.company_id = m.company_id
            AND l.order_id = m.order_id AND l.submission = m.submission AND l.line_no = m.line_no
        WHERE w.company_id = m.company_id AND w.order_id = m.order_id
            AND w.submission = m.submission AND w.line_no = m.line_no
    ),
    bookings_done AS (
        UPDATE octo_bookings b SET contact = '{{}}', notes = NULL, units = (
            SELECT coalesce(jsonb_agg(unit.value - 'contact' ORDER BY n), '[]')
            FROM jsonb_array_elements(b.units) WITH ORDINALITY AS unit (value, n))
        FROM {these} m WHERE b.company_id = m.company_id AND b.order_id = m.order_id
    ),
    replies_done AS (
        DELETE FROM idempotent_replies r USING {these} m
        WHERE r.company_id = m.company_id
            -- The gate's name guests too, and are kept for a scanner's repeat in the next moment.
            AND (r.order_id = m.order_id OR r.order_id IS NULL AND r.body IS NOT NULL)
    ),
    exchanges_done AS (
        UPDATE exchanges e SET {emptied}
        FROM {these} m
        WHERE e.company_id = m.company_id AND e.order_id = m.order_id
    )
"""
_ERASE = text(f"""
    WITH {_MATCHING},
    lines_done AS (
        UPDATE order_lines l SET sell_to_email = '', sell_to_name = '', names = NULL
        FROM matching m
        WHERE l.company_id = m.company_id AND l.order_id = m.order_id
            AND l.submission = m.submission AND l.line_no = m.line_no
    ),
    {_COPIES.format(these="matching", emptied=_EMPTIED)},
    other_exchanges_done AS (
        -- Calls that no order has come of, or that named the guest in a place of their own.
        UPDATE exchanges SET {_EMPTIED}
        WHERE company_id = :company AND emails IS NOT NULL AND :email = ANY(emails)
    ),
    orders_done AS (
        UPDATE orders o SET sell_to_email = '', sell_to_name = ''
        FROM matching m
        WHERE o.company_id = m.company_id AND o.order_id = m.order_id AND m.of_order
    )
    SELECT DISTINCT company_id, order_id FROM matching
""")  # noqa: S608 - likewise


@dataclass(frozen=True, slots=True)
class Erased:
    """What an erasure found."""

    orders: int


_CHANGE = Statement("""
    WITH lines_done AS (
        UPDATE order_lines SET sell_to_name = :name, sell_to_email = :email,
            sell_to_language = :language
        WHERE company_id = :company AND order_id = :order AND submission = :submission
    )
    UPDATE orders SET sell_to_name = :name, sell_to_email = :email, sell_to_language = :language,
        changed_at = now()
    WHERE company_id = :company AND order_id = :order
""")


async def change_guest(
    conn: AsyncConnection, order: AnyRow, *, name: str, email: str, language: str
) -> None:
    """Make an order and its lines another guest's; the caller has locked it. Tickets stay."""
    await _CHANGE.run(
        conn,
        company=order.company_id,
        order=order.order_id,
        submission=order.submission,
        name=name,
        email=email,
        language=language,
    )


async def export_guest(conn: AsyncConnection, access: Access, email: str) -> list[Fields]:
    """All that is kept of an e-mail address at this company: an entry for each order line, and for
    each call of a partner's that says what no order does.
    """
    wanted = _wanted(access, email)
    rows = await conn.execute(_EXPORT, wanted)
    others = await conn.execute(_EXPORT_OTHERS, wanted)
    return [_shown(row) for row in rows] + [_call(row) for row in others]


async def erase_guest(conn: AsyncConnection, access: Access, email: str) -> Erased:
    """Take an e-mail address and its names out of every order, replaced and removed ones too.

    Tickets stay valid. The figures stay. A repeated request with an old Idempotency-Key no longer
    gets its first reply again, since that held the name.
    """
    rows = (await conn.execute(_ERASE, _wanted(access, email))).all()
    for row in rows:
        await record(conn, access, "guest.erase", f"order {row.order_id}")
    return Erased(len(rows))


def _call(row: AnyRow) -> Fields:
    # As text, although it may be cut within a character, or not be text at all.
    return row._asdict() | {"request_body": bytes(row.request_body or b"").decode(errors="replace")}


def _wanted(access: Access, email: str) -> Fields:
    return {"company": access.company.company_id, "email": email.strip().lower()}


def _shown(row: AnyRow) -> Fields:
    shown = row._asdict()
    if not shown.pop("of_order"):
        # The order is somebody else's; this guest is only on the line.
        del shown["sell_to_email"], shown["sell_to_name"]
    return shown


_OLD = """
    old AS (
        SELECT o.company_id, o.order_id FROM orders o
        WHERE o.pseudonymised_at IS NULL
            AND o.status NOT IN ('Submitted', 'Scheduled', 'Processing')
            AND o.received_at < now() - make_interval(days => :days)
            AND NOT EXISTS (
                SELECT 1 FROM order_lines l
                WHERE l.company_id = o.company_id AND l.order_id = o.order_id
                    AND l.visit_date > current_date - CAST(:days AS integer))
        ORDER BY o.received_at LIMIT :many
        FOR UPDATE OF o SKIP LOCKED
    ),
    old_lines AS (
        SELECT l.company_id, l.order_id, l.submission, l.line_no FROM old
        JOIN order_lines l ON l.company_id = old.company_id AND l.order_id = old.order_id
    )
"""
# The same guest keeps the same pseudonym, so that returning guests can still be counted.
_PSEUDONYM = (
    "CASE WHEN {column} = '' THEN '' ELSE 'guest-' || left(encode(sha256("
    ":secret || convert_to(lower({column}), 'UTF8')), 'hex'), 16) || '@pseudonym.invalid' END"
)
_PSEUDONYMISE: TextClause = text(f"""
    WITH {_OLD},
    lines_done AS (
        UPDATE order_lines l SET sell_to_email = {_PSEUDONYM.format(column="l.sell_to_email")},
            sell_to_name = '', names = NULL
        FROM old_lines m
        WHERE l.company_id = m.company_id AND l.order_id = m.order_id
            AND l.submission = m.submission AND l.line_no = m.line_no
    ),
    {_COPIES.format(these="old_lines", emptied=_EMPTIED)}
    UPDATE orders o SET sell_to_email = {_PSEUDONYM.format(column="o.sell_to_email")},
        sell_to_name = '', pseudonymised_at = now()
    FROM old WHERE o.company_id = old.company_id AND o.order_id = old.order_id
    RETURNING o.company_id
""")  # noqa: S608 - likewise
# Of calls that no order has come of, there is no visit to count from.
_FORGET_OTHERS = text(f"""
    UPDATE exchanges SET {_EMPTIED}
    WHERE emails IS NOT NULL AND happened_at < now() - make_interval(days => :days)
""")  # noqa: S608 - likewise
AT_ONCE = 500


async def pseudonymise_old_orders(database: Database, days: int) -> int:
    """Take the guests out of orders whose last visit was over `days` days ago; returns how many.

    In batches, each a transaction; any number of processes may do it at once.
    """
    async with database.transaction() as conn:
        await conn.execute(_FORGET_OTHERS, {"days": days})
    total = 0
    while True:
        async with database.transaction() as conn:
            secret = await installation_secret(conn, "pseudonyms")
            wanted = {"days": days, "many": AT_ONCE, "secret": secret}
            done = Counter((await conn.execute(_PSEUDONYMISE, wanted)).scalars())
            for company_id, count in done.items():
                subject = f"company {company_id}"
                told = {"orders": count, "days": days}
                await record_as(conn, company_id, "service", "guest.pseudonymise", subject, told)
        total += done.total()
        if done.total() < AT_ONCE:
            return total
