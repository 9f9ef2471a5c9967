"""How each subscription fares, for the people who look after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.statements import Statement

# More than so many waiting are not counted.
MOST_COUNTED = 10_000

_HEALTH = Statement("""
    SELECT s.subscription_id, s.partner_id, s.notification_url, s.event_name, s.state,
        s.state_reason, s.failing_since, waiting.number AS waiting,
        extract(epoch FROM now() - waiting.oldest) AS oldest, lately.delivered, lately.failed,
        last.error AS last_error
    FROM webhook_subscriptions s
    CROSS JOIN LATERAL (
        SELECT count(*) AS number, min(created_at) AS oldest FROM (
            SELECT created_at FROM webhook_deliveries
            WHERE company_id = s.company_id AND subscription_id = s.subscription_id
                AND state = 'waiting'
            LIMIT :most) w) waiting
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE state = 'delivered') AS delivered,
            count(*) FILTER (WHERE state = 'failed') AS failed
        FROM webhook_deliveries
        WHERE company_id = s.company_id AND subscription_id = s.subscription_id
            AND created_at > now() - interval '1 hour') lately
    LEFT JOIN LATERAL (
        SELECT CASE WHEN last_error <> '' THEN last_error
            ELSE 'HTTP ' || last_status END AS error
        FROM webhook_deliveries
        WHERE company_id = s.company_id AND subscription_id = s.subscription_id
            AND created_at > now() - interval '1 day'
            AND (last_error <> '' OR last_status >= 300)
        ORDER BY created_at DESC LIMIT 1) last ON s.failing_since IS NOT NULL
    WHERE s.company_id = :company
    ORDER BY (s.state <> 'active') DESC, (s.failing_since IS NOT NULL) DESC, s.created_at,
        s.subscription_id
""")


@dataclass(frozen=True, slots=True)
class Health:
    """One subscription now and in the last hour. Instants are UTC."""

    subscription_id: UUID
    # None: the company's own.
    partner_id: UUID | None
    notification_url: str
    event_name: str
    state: str
    state_reason: str
    failing_since: datetime | None
    waiting: int
    # Seconds since the oldest that waits was made; None where none waits.
    oldest: float | None
    delivered: int
    failed: int
    last_error: str

    @property
    def is_well(self) -> bool:
        """Nobody has to look."""
        return self.state == "active" and self.failing_since is None


async def subscriptions_health(conn: AsyncConnection, company_id: UUID) -> Sequence[Health]:
    """All subscriptions of a company, those that are not well first."""
    rows = await _HEALTH.rows(conn, company=company_id, most=MOST_COUNTED)
    return [
        Health(
            subscription_id=row.subscription_id,
            partner_id=row.partner_id,
            notification_url=row.notification_url,
            event_name=row.event_name,
            state=row.state,
            state_reason=row.state_reason,
            failing_since=row.failing_since,
            waiting=row.waiting,
            oldest=None if row.oldest is None else float(row.oldest),
            delivered=row.delivered,
            failed=row.failed,
            last_error=row.last_error or "",
        )
        for row in rows
    ]
