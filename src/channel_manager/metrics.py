"""What Prometheus is told, read from the database, so that any API process tells of all workers."""

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from sqlalchemy import text

from channel_manager.db import Database

RECENT_MINUTES = 5

_SUBSCRIPTIONS = text("""
    SELECT state, failing_since IS NOT NULL AS failing, count(*) AS number
    FROM webhook_subscriptions GROUP BY 1, 2
""")
_WAITING = text("""
    SELECT count(*) AS number,
        coalesce(extract(epoch FROM now() - min(d.created_at)), 0) AS oldest_seconds
    FROM webhook_deliveries d
    JOIN webhook_subscriptions s
        ON s.company_id = d.company_id AND s.subscription_id = d.subscription_id
    WHERE d.state = 'waiting' AND s.state = 'active'
""")
_ATTEMPTS = text("""
    SELECT outcome, count(*) AS number FROM webhook_attempts
    WHERE attempted_at > now() - make_interval(mins => :minutes) GROUP BY 1
""")


async def metrics(database: Database) -> bytes:
    """Everything, in Prometheus' text format."""
    registry = CollectorRegistry()
    await _webhooks(database, registry)
    return generate_latest(registry)


async def _webhooks(database: Database, registry: CollectorRegistry) -> None:
    subscriptions = Gauge(
        "channel_manager_webhook_subscriptions",
        "Webhook subscriptions; paused and gone ones need somebody to act.",
        ["state", "failing"],
        registry=registry,
    )
    waiting = Gauge(
        "channel_manager_webhook_deliveries_waiting",
        "Deliveries to active subscriptions that are still to be made.",
        registry=registry,
    )
    oldest = Gauge(
        "channel_manager_webhook_delivery_oldest_seconds",
        "Age of the oldest delivery that is still to be made.",
        registry=registry,
    )
    attempts = Gauge(
        "channel_manager_webhook_attempts_recent",
        f"Delivery attempts of the last {RECENT_MINUTES} minutes.",
        ["outcome"],
        registry=registry,
    )
    for state in ("active", "paused", "gone"):
        subscriptions.labels(state, "no").set(0)
    for outcome in ("delivered", "retry", "gone"):
        attempts.labels(outcome).set(0)
    async with database.read() as conn:
        for row in await conn.execute(_SUBSCRIPTIONS):
            subscriptions.labels(row.state, "yes" if row.failing else "no").set(row.number)
        left = (await conn.execute(_WAITING)).one()
        waiting.set(left.number)
        oldest.set(float(left.oldest_seconds))
        for row in await conn.execute(_ATTEMPTS, {"minutes": RECENT_MINUTES}):
            attempts.labels(row.outcome).set(row.number)
