"""What Prometheus is told: what stands in the database, and what processes have counted.

What stands in the database any API process tells for all. A scrape reads indexes of what is under
way, and never all orders.
"""

import os

from prometheus_client import REGISTRY, CollectorRegistry, Gauge, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import text

from channel_manager.db import Database

RECENT_MINUTES = 5

_IN_FLIGHT = text("""
    SELECT status, count(*) AS number,
        extract(epoch FROM now() - min(received_at)) AS oldest_seconds
    FROM orders WHERE status IN ('Submitted', 'Scheduled', 'Processing') GROUP BY 1
""")
_JOBS = text("SELECT status::text AS status, count(*) AS number FROM pgqueuer GROUP BY 1")
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
    await _orders(database, registry)
    await _webhooks(database, registry)
    return generate_latest(registry) + generate_latest(_counted())


def _counted() -> CollectorRegistry:
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY
    together = CollectorRegistry()
    MultiProcessCollector(together)  # type: ignore[no-untyped-call]
    return together


async def _orders(database: Database, registry: CollectorRegistry) -> None:
    in_flight = Gauge(
        "channel_manager_orders_in_flight",
        "Orders that were accepted and have not settled, by status.",
        ["status"],
        registry=registry,
    )
    oldest = Gauge(
        "channel_manager_order_oldest_seconds",
        "Age of the oldest order that has not settled; 0 where there is none.",
        registry=registry,
    )
    jobs = Gauge(
        "channel_manager_jobs", "Jobs in the queue, by status.", ["status"], registry=registry
    )
    for status in ("Submitted", "Scheduled", "Processing"):
        in_flight.labels(status).set(0)
    for status in ("queued", "picked"):
        jobs.labels(status).set(0)
    async with database.read() as conn:
        ages = [0.0]
        for row in await conn.execute(_IN_FLIGHT):
            in_flight.labels(row.status).set(row.number)
            ages.append(float(row.oldest_seconds))
        oldest.set(max(ages))
        for row in await conn.execute(_JOBS):
            jobs.labels(row.status).set(row.number)


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
