"""Taking deliveries for this process to make, and keeping them while they are on their way.

Losing a claim to a crash costs a second delivery at most, so no commit here waits for the disk.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from channel_manager.db import AnyRow, Database
from channel_manager.statements import Statement


@dataclass(frozen=True, slots=True)
class LaneKey:
    """One subscription of one company."""

    company_id: UUID
    subscription_id: UUID

    @classmethod
    def read(cls, news: str) -> "LaneKey":
        """From `company:subscription`, as it is announced. Errors: `ValueError`."""
        company, _, subscription = news.partition(":")
        return cls(UUID(company), UUID(subscription))


# Each lane is looked up by itself in the index of what waits, so that a thousand deliveries that
# wait for one receiver cost the others nothing. SKIP LOCKED passes over what others claim now.
# The written-out limit (the most that a lane may have) tells the planner how few rows these are:
# by a parameter alone it guesses a tenth of the backlog, and reads whole tables to join them.
_CLAIM = Statement("""
    WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
    wanted AS MATERIALIZED (
        SELECT s.company_id, s.subscription_id, s.notification_url, s.event_version, s.app_id,
            s.client_state, s.failing_since, s.notification_types, s.headers,
            c.name AS company_name,
            CASE WHEN s.overlap_until > now() THEN s.secrets ELSE s.secrets[1:1] END AS secrets,
            due.delivery_id, due.event_id
        FROM unnest(CAST(:companies AS uuid[]), CAST(:subscriptions AS uuid[]),
                CAST(:rooms AS int[])) AS lane (company_id, subscription_id, room)
        JOIN webhook_subscriptions s ON s.company_id = lane.company_id
            AND s.subscription_id = lane.subscription_id AND s.state = 'active'
        JOIN companies c ON c.company_id = s.company_id
        CROSS JOIN LATERAL (
            SELECT delivery_id, event_id FROM (
                SELECT d.delivery_id, d.event_id FROM webhook_deliveries d
                WHERE d.company_id = s.company_id AND d.subscription_id = s.subscription_id
                    AND d.state = 'waiting' AND d.next_attempt_at <= now()
                    AND (d.claimed_until IS NULL OR d.claimed_until < now())
                ORDER BY d.next_attempt_at
                LIMIT 64
                FOR UPDATE SKIP LOCKED) AS first
            LIMIT lane.room) AS due)
    UPDATE webhook_deliveries d
    SET claimed_until = now() + make_interval(secs => :seconds)
    FROM wanted w
    JOIN webhook_events e ON e.company_id = w.company_id AND e.event_id = w.event_id
    CROSS JOIN quick
    WHERE d.company_id = w.company_id AND d.delivery_id = w.delivery_id
    RETURNING w.*, d.attempts, d.created_at, e.event_name, e.payload, e.happened_at,
        e.order_id, e.submission, e.sequence, e.traceparent,
        coalesce((SELECT booking_uuid FROM octo_bookings b WHERE b.company_id = e.company_id
            AND b.order_id = e.order_id), e.order_id) AS booking_uuid
""")

_RENEW = Statement("""
    WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
    mine AS MATERIALIZED (
        SELECT company_id, delivery_id FROM webhook_deliveries
        JOIN unnest(CAST(:companies AS uuid[]), CAST(:deliveries AS uuid[]))
            AS mine (company_id, delivery_id) USING (company_id, delivery_id)
        WHERE state = 'waiting'
        FOR UPDATE OF webhook_deliveries SKIP LOCKED)
    UPDATE webhook_deliveries d
    SET claimed_until = now() + make_interval(secs => :seconds)
    FROM mine CROSS JOIN quick
    WHERE d.company_id = mine.company_id AND d.delivery_id = mine.delivery_id
""")

# One look into the index for each subscription, however many deliveries wait for it.
_DUE = Statement("""
    SELECT s.company_id, s.subscription_id FROM webhook_subscriptions s
    WHERE s.state = 'active' AND EXISTS (
        SELECT 1 FROM webhook_deliveries d
        WHERE d.company_id = s.company_id AND d.subscription_id = s.subscription_id
            AND d.state = 'waiting' AND d.next_attempt_at <= now()
            AND (d.claimed_until IS NULL OR d.claimed_until < now()))
""")


async def claim(
    database: Database, rooms: Mapping[LaneKey, int], seconds: float
) -> Sequence[AnyRow]:
    """Claim up to so many due deliveries of each lane, for so long, oldest first."""
    async with database.single() as conn:
        return await _CLAIM.rows(
            conn,
            companies=[key.company_id for key in rooms],
            subscriptions=[key.subscription_id for key in rooms],
            rooms=list(rooms.values()),
            seconds=seconds,
        )


async def renew(
    database: Database, deliveries: Sequence[tuple[UUID, UUID]], seconds: float
) -> None:
    """Keep these (company, delivery) for so long from now; 0 gives them back."""
    async with database.single() as conn:
        await _RENEW.run(
            conn,
            companies=[company for company, _ in deliveries],
            deliveries=[delivery for _, delivery in deliveries],
            seconds=seconds,
        )


async def due_lanes(database: Database) -> Sequence[LaneKey]:
    """The lanes that have something due which nobody has claimed."""
    async with database.read() as conn:
        return [LaneKey(*row) for row in await _DUE.rows(conn)]
