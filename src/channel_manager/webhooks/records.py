"""Writing down what came of attempts, many in one statement, and what follows from it."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import DateTime, bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.db import Database
from channel_manager.errors import Unavailable
from channel_manager.measures import DELIVERY_SECONDS
from channel_manager.statements import Statement
from channel_manager.webhooks.backoff import MAX_ATTEMPTS, Outcome
from channel_manager.webhooks.claims import LaneKey
from channel_manager.webhooks.sending import Attempted

log = structlog.get_logger(__name__)

FAILING_FOR = timedelta(days=3)
RETRY_SECONDS = 1.0
MOST_AT_ONCE = 500

# Only what still waits changes: a worker that was thought dead may have been overtaken by another
# that delivered. Losing a record to a crash costs a second delivery, so no commit waits for disk.
_RECORD = Statement("""
    WITH quick AS MATERIALIZED (SELECT set_config('synchronous_commit', 'off', true)),
    made AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:companies AS uuid[]), CAST(:deliveries AS uuid[]),
            CAST(:attempts AS uuid[]), CAST(:states AS text[]), CAST(:delays AS float8[]),
            CAST(:times AS timestamptz[]), CAST(:outcomes AS text[]), CAST(:statuses AS int[]),
            CAST(:errors AS text[]), CAST(:durations AS int[]), CAST(:replies AS text[]))
        AS made (company_id, delivery_id, attempt_id, state, delay, attempted_at, outcome, status,
            error, duration_ms, reply)),
    recorded AS (
        UPDATE webhook_deliveries d
        SET state = made.state, attempts = d.attempts + 1, claimed_until = NULL,
            next_attempt_at = CASE WHEN made.state = 'waiting'
                THEN now() + make_interval(secs => made.delay) ELSE d.next_attempt_at END,
            last_status = made.status, last_error = made.error,
            delivered_at = CASE WHEN made.state = 'delivered' THEN now() END
        FROM made
        WHERE d.company_id = made.company_id AND d.delivery_id = made.delivery_id
            AND d.state = 'waiting'
        RETURNING d.company_id, d.delivery_id)
    INSERT INTO webhook_attempts (company_id, delivery_id, attempt_id, attempted_at, outcome,
        status, error, duration_ms, reply)
    SELECT company_id, delivery_id, attempt_id, attempted_at, outcome, status, error, duration_ms,
        reply
    FROM made JOIN recorded USING (company_id, delivery_id) CROSS JOIN quick
""")

_FAILING = text("""
    UPDATE webhook_subscriptions SET failing_since = now()
    WHERE company_id = :company_id AND subscription_id = :subscription_id
        AND failing_since IS NULL
""")
_WELL = text("""
    UPDATE webhook_subscriptions SET failing_since = NULL
    WHERE company_id = :company_id AND subscription_id = :subscription_id
        AND failing_since IS NOT NULL
""")
_GONE = text("""
    UPDATE webhook_subscriptions
    SET state = 'gone', state_changed_at = now(), state_reason = 'the receiver answered 410'
    WHERE company_id = :company_id AND subscription_id = :subscription_id AND state = 'active'
    RETURNING state_reason
""")
_PAUSE_AFTER_DAYS = text("""
    UPDATE webhook_subscriptions
    SET state = 'paused', state_changed_at = now(),
        state_reason = 'every attempt has failed since ' ||
            to_char(failing_since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    WHERE company_id = :company_id AND subscription_id = :subscription_id AND state = 'active'
        AND failing_since < now() - CAST(:failing_for AS interval)
    RETURNING state_reason
""")
# Not for one event that a receiver can't digest while it takes the others.
_PAUSE_AFTER_LAST_TRY = text("""
    UPDATE webhook_subscriptions s
    SET state = 'paused', state_changed_at = now(), state_reason = :reason
    WHERE company_id = :company_id AND subscription_id = :subscription_id AND state = 'active'
        AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d
            WHERE d.company_id = s.company_id AND d.subscription_id = s.subscription_id
                AND d.state = 'delivered' AND d.delivered_at > :since)
    RETURNING state_reason
""").bindparams(bindparam("since", type_=DateTime(timezone=True)))


async def record(database: Database, attempted: Sequence[Attempted]) -> None:
    """Write attempts down, and pause what has failed for too long; waits out a lost database."""
    while True:
        try:
            stopped = await _write(database, attempted)
        except Unavailable:
            log.warning("webhook_record_waits", count=len(attempted))
            await asyncio.sleep(RETRY_SECONDS)
        else:
            break
    for entry in attempted:
        _log_attempt(entry)
        if entry.outcome is Outcome.DELIVERED:
            taken = entry.attempted_at - entry.delivery.happened_at
            DELIVERY_SECONDS.observe(taken.total_seconds() + entry.reply.duration_ms / 1000)
    for key, state, reason in stopped:
        # Somebody has to act: nothing more is sent there until it is resumed.
        log.error(
            "webhook_subscription_stopped",
            company_id=str(key.company_id),
            subscription_id=str(key.subscription_id),
            state=state,
            reason=reason,
        )


async def _write(
    database: Database, attempted: Sequence[Attempted]
) -> list[tuple[LaneKey, str, str]]:
    if all(_is_plain(entry) for entry in attempted):
        async with database.single() as conn:
            await _RECORD.run(conn, **_columns(attempted))
        return []
    async with database.transaction() as conn:
        await _RECORD.run(conn, **_columns(attempted))
        return await _subscription_states(conn, attempted)


def _is_plain(entry: Attempted) -> bool:
    # It says nothing new of its subscription.
    return entry.outcome is Outcome.DELIVERED and entry.delivery.failing_since is None


def _columns(attempted: Sequence[Attempted]) -> dict[str, Any]:
    # Sorted, so that two workers that record the same deliveries lock them in one order.
    rows = sorted(attempted, key=lambda a: a.delivery.delivery_id)
    return {
        "companies": [a.delivery.company_id for a in rows],
        "deliveries": [a.delivery.delivery_id for a in rows],
        "attempts": [a.attempt_id for a in rows],
        "states": [a.state for a in rows],
        "delays": [a.delay.total_seconds() if a.delay else 0.0 for a in rows],
        "times": [a.attempted_at for a in rows],
        "outcomes": [a.outcome.value for a in rows],
        "statuses": [a.reply.status for a in rows],
        "errors": [a.reply.error or "" for a in rows],
        "durations": [a.reply.duration_ms for a in rows],
        "replies": [a.reply.reply_text for a in rows],
    }


async def _subscription_states(
    conn: AsyncConnection, attempted: Iterable[Attempted]
) -> list[tuple[LaneKey, str, str]]:
    stopped: list[tuple[LaneKey, str, str]] = []
    # The last one of each lane speaks for it; an all-clear is written only where it is news.
    latest = {_key(entry): entry for entry in attempted}
    for key in sorted(latest, key=lambda k: k.subscription_id):
        entry = latest[key]
        ids = {"company_id": key.company_id, "subscription_id": key.subscription_id}
        if entry.outcome is Outcome.DELIVERED:
            if entry.delivery.failing_since is not None:
                await conn.execute(_WELL, ids)
            continue
        if entry.delivery.failing_since is None:
            await conn.execute(_FAILING, ids)
    for entry in attempted:
        if entry.outcome is not Outcome.DELIVERED:
            reason = await _stop(conn, entry)
            if reason is not None:
                state = "gone" if entry.outcome is Outcome.GONE else "paused"
                stopped.append((_key(entry), state, reason))
    return stopped


async def _stop(conn: AsyncConnection, entry: Attempted) -> str | None:
    key = _key(entry)
    ids: dict[str, Any] = {"company_id": key.company_id, "subscription_id": key.subscription_id}
    if entry.outcome is Outcome.GONE:
        reason: str | None = await conn.scalar(_GONE, ids)
    elif entry.delay is None:
        words = f"given up after {MAX_ATTEMPTS} attempts on {entry.delivery.event_id}"
        ids |= {"reason": words, "since": entry.delivery.created_at}
        reason = await conn.scalar(_PAUSE_AFTER_LAST_TRY, ids)
    elif entry.delivery.failing_since is not None:
        reason = await conn.scalar(_PAUSE_AFTER_DAYS, ids | {"failing_for": FAILING_FOR})
    else:
        reason = None
    return reason


def _key(entry: Attempted) -> LaneKey:
    return LaneKey(entry.delivery.company_id, entry.delivery.subscription_id)


def _log_attempt(entry: Attempted) -> None:
    log.info(
        "webhook_attempted",
        event_id=str(entry.delivery.event_id),
        delivery_id=str(entry.delivery.delivery_id),
        attempt=entry.delivery.attempts + 1,
        status=entry.reply.status,
        error=entry.reply.error,
        state=entry.state,
    )
