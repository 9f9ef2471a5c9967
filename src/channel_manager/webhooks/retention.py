"""The end of the delivery log: what is older than its days is deleted, a bounded part at a time."""

from sqlalchemy import text

from channel_manager.db import Database

PART = 5000

_FORGET_DELIVERIES = text("""
    WITH old AS MATERIALIZED (
        SELECT company_id, delivery_id, event_id FROM webhook_deliveries
        WHERE created_at < now() - make_interval(days => :days)
        ORDER BY created_at LIMIT :part FOR UPDATE SKIP LOCKED),
    attempts AS (
        DELETE FROM webhook_attempts a USING old
        WHERE a.company_id = old.company_id AND a.delivery_id = old.delivery_id)
    DELETE FROM webhook_deliveries d USING old
    WHERE d.company_id = old.company_id AND d.delivery_id = old.delivery_id
    RETURNING old.company_id, old.event_id
""")

# The last event of an order stays, since the next one's sequence counts on from it.
_FORGET_EVENTS = text("""
    DELETE FROM webhook_events e
    USING unnest(CAST(:companies AS uuid[]), CAST(:events AS uuid[])) AS old (company_id, event_id)
    WHERE e.company_id = old.company_id AND e.event_id = old.event_id
        AND (e.sequence IS NULL OR EXISTS (
            SELECT 1 FROM webhook_events later
            WHERE later.company_id = e.company_id AND later.order_id = e.order_id
                AND later.sequence > e.sequence))
        AND NOT EXISTS (
            SELECT 1 FROM webhook_deliveries d
            WHERE d.company_id = e.company_id AND d.event_id = e.event_id)
""")


async def forget_old(database: Database, *, days: int) -> int:
    """Delete deliveries that are older than this, with their attempts and events; returns how many.

    At most a part per call, so that a sweep never holds the database up.
    """
    async with database.transaction() as conn:
        rows = (await conn.execute(_FORGET_DELIVERIES, {"days": days, "part": PART})).all()
        if rows:
            ids = sorted({(row.company_id, row.event_id) for row in rows})
            await conn.execute(
                _FORGET_EVENTS, {"companies": [c for c, _ in ids], "events": [e for _, e in ids]}
            )
    return len(rows)
