"""What happened to one order, from everywhere that it left a trace, in the order of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.statements import Statement

# Of each kind; an order of 1,000 guests has as many scans.
MOST = 500

_EVENTS = Statement("""
    SELECT event_id, event_name, payload->>'status' AS status, submission, happened_at
    FROM webhook_events WHERE company_id = :company AND order_id = :order
    ORDER BY happened_at, event_id LIMIT :most
""")
_DELIVERIES = Statement("""
    SELECT d.delivery_id, d.event_id, d.subscription_id, d.state, s.notification_url, e.event_name,
        coalesce(a.attempted_at, d.created_at) AS at, a.outcome, a.status, a.error, a.duration_ms,
        a.reply
    FROM webhook_events e
    JOIN webhook_deliveries d ON d.company_id = e.company_id AND d.event_id = e.event_id
    JOIN webhook_subscriptions s ON s.company_id = d.company_id
        AND s.subscription_id = d.subscription_id
    LEFT JOIN webhook_attempts a ON a.company_id = d.company_id AND a.delivery_id = d.delivery_id
    WHERE e.company_id = :company AND e.order_id = :order
    ORDER BY at LIMIT :most
""")
_AUDIT = Statement("""
    SELECT happened_at, actor, action, before, after
    FROM audit_events WHERE company_id = :company AND subject = :subject
    ORDER BY event_id LIMIT :most
""")
_SCANS = Statement("""
    SELECT g.admitted_at, g.recorded_at, g.admission_code, g.scanner_id, g.quantity, g.conflict,
        a.reference_number, a.description
    FROM assets a
    JOIN gate_entries g ON g.company_id = a.company_id AND g.ticket_id = a.row_id
    WHERE a.company_id = :company AND a.order_id = :order
    ORDER BY g.admitted_at LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened: `kind` is event, delivery, audit or scan; `what` its row. UTC."""

    at: datetime
    kind: str
    what: Any


async def timeline(conn: AsyncConnection, company_id: UUID, order_id: UUID) -> Sequence[Entry]:
    """All that happened to an order, the first thing first."""
    ids = {"company": company_id, "order": order_id, "most": MOST}
    subject = {"company": company_id, "subject": f"order {order_id}", "most": MOST}
    entries = [
        *(Entry(row.happened_at, "event", row) for row in await _EVENTS.rows(conn, **ids)),
        *(Entry(row.at, "delivery", row) for row in await _DELIVERIES.rows(conn, **ids)),
        *(Entry(row.happened_at, "audit", row) for row in await _AUDIT.rows(conn, **subject)),
        *(Entry(row.admitted_at, "scan", row) for row in await _SCANS.rows(conn, **ids)),
    ]
    return sorted(entries, key=lambda entry: entry.at)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """What a line of the audit trail says has changed: field, before, after."""
    names = [*before, *(name for name in after if name not in before)]
    return [
        (name, before.get(name), after[name])
        for name in names
        if name in after and (before.get(name) or "") != after[name]
    ]
