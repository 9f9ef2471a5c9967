"""Events, written in the transaction that makes them happen (contract: Webhooks)."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.db import announce, new_id


class EventName(StrEnum):
    """What a partner can subscribe to."""

    PROCESSED = "ota_cm_order_processed"
    CONFIRMED = "ota_cm_order_confirmed"
    CANCELLED = "ota_cm_order_cancelled"


# Sent on request, to try a receiver; nobody can subscribe to it.
PING = "ota_cm_ping"


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """What happened to which order; small by design, the partner reads the rest."""

    company_id: UUID
    partner_id: UUID
    name: EventName
    order_id: UUID
    submission: int
    buy_from_order_reference: str
    status: str


# One statement, since it is on the path of every order. The sequence can't be drawn twice: whoever
# publishes holds the order's row. A paused subscription is written for, one that is gone is not.
_PUBLISH = text("""
    WITH event AS (
        INSERT INTO webhook_events (company_id, event_id, partner_id, order_id, submission,
            sequence, event_name, payload)
        SELECT :company_id, :event_id, :partner_id, :order_id, :submission,
            coalesce(max(earlier.sequence), 0) + 1, :event_name, :payload
        FROM webhook_events earlier
        WHERE earlier.company_id = :company_id AND earlier.order_id = :order_id)
    INSERT INTO webhook_deliveries (company_id, delivery_id, event_id, subscription_id, state,
        attempts, last_error)
    SELECT company_id, gen_random_uuid(), :event_id, subscription_id, 'waiting', 0, ''
    FROM webhook_subscriptions
    WHERE company_id = :company_id AND event_name = :event_name AND state <> 'gone'
        AND (partner_id IS NULL OR partner_id = :partner_id)
    RETURNING subscription_id
""").bindparams(bindparam("payload", type_=JSONB))

_PUBLISH_PING = text("""
    WITH event AS (
        INSERT INTO webhook_events (company_id, event_id, event_name, payload)
        VALUES (:company_id, :event_id, :event_name, :payload))
    INSERT INTO webhook_deliveries (company_id, delivery_id, event_id, subscription_id, state,
        attempts, last_error)
    VALUES (:company_id, :delivery_id, :event_id, :subscription_id, 'waiting', 0, '')
""").bindparams(bindparam("payload", type_=JSONB))


async def publish(conn: AsyncConnection, event: OrderEvent) -> None:
    """Write the event and a delivery for each subscription that wants it.

    The caller holds the order's row, and its commit sends the deliveries on their way.
    """
    written = await conn.execute(
        _PUBLISH,
        {
            "company_id": event.company_id,
            "event_id": new_id(),
            "partner_id": event.partner_id,
            "order_id": event.order_id,
            "submission": event.submission,
            "event_name": str(event.name),
            "payload": {
                "orderId": str(event.order_id),
                "buyFromOrderReference": event.buy_from_order_reference,
                "status": event.status,
            },
        },
    )
    for subscription_id in written.scalars():
        announce_delivery(conn, event.company_id, subscription_id)


async def publish_ping(conn: AsyncConnection, company_id: UUID, subscription_id: UUID) -> UUID:
    """Write a test event for one subscription; returns the delivery's id."""
    delivery_id = new_id()
    await conn.execute(
        _PUBLISH_PING,
        {
            "company_id": company_id,
            "event_id": new_id(),
            "delivery_id": delivery_id,
            "subscription_id": subscription_id,
            "event_name": PING,
            "payload": {"subscriptionId": str(subscription_id)},
        },
    )
    announce_delivery(conn, company_id, subscription_id)
    return delivery_id


def announce_delivery(conn: AsyncConnection, company_id: UUID, subscription_id: UUID) -> None:
    """Tell the workers, once this transaction has committed, that something is due."""
    announce(conn, f"{company_id}:{subscription_id}")
