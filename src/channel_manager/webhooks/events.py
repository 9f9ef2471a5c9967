"""Events, written in the transaction that makes them happen (contract: Webhooks)."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.db import announce, new_id
from channel_manager.statements import Statement, json_text
from channel_manager.tracing import traceparent


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
    # Where it is not what is under way that caused it: the trace of what did.
    traceparent: str = ""


# One statement, since it is on the path of every order. A sequence can't be drawn twice: whoever
# publishes holds the order's row. A paused subscription is written for, one that is gone is not.
_PUBLISH = Statement("""
    WITH happened AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:events AS uuid[]), CAST(:partners AS uuid[]),
            CAST(:orders AS uuid[]), CAST(:submissions AS int[]), CAST(:names AS text[]),
            CAST(:payloads AS jsonb[]), CAST(:traces AS text[]))
        AS one (event_id, partner_id, order_id, submission, event_name, payload, traceparent)),
    event AS (
        INSERT INTO webhook_events (company_id, event_id, partner_id, order_id, submission,
            sequence, event_name, payload, traceparent)
        SELECT :company_id, event_id, partner_id, order_id, submission,
            (SELECT coalesce(max(sequence), 0) + 1 FROM webhook_events earlier
                WHERE earlier.company_id = :company_id
                    AND earlier.order_id = happened.order_id),
            event_name, payload, traceparent
        FROM happened)
    INSERT INTO webhook_deliveries (company_id, delivery_id, event_id, subscription_id, state,
        attempts, last_error)
    SELECT company_id, gen_random_uuid(), event_id, subscription_id, 'waiting', 0, ''
    FROM happened JOIN webhook_subscriptions USING (event_name)
    WHERE company_id = :company_id AND state <> 'gone'
        AND (webhook_subscriptions.partner_id IS NULL
            OR webhook_subscriptions.partner_id = happened.partner_id)
    RETURNING subscription_id
""")

_PUBLISH_PING = text("""
    WITH event AS (
        INSERT INTO webhook_events (company_id, event_id, event_name, payload)
        VALUES (:company_id, :event_id, :event_name, :payload))
    INSERT INTO webhook_deliveries (company_id, delivery_id, event_id, subscription_id, state,
        attempts, last_error)
    VALUES (:company_id, :delivery_id, :event_id, :subscription_id, 'waiting', 0, '')
""").bindparams(bindparam("payload", type_=JSONB))


async def publish(conn: AsyncConnection, *events: OrderEvent) -> None:
    """Write events of one company's orders, and a delivery for each subscription that wants one.

    No two are of one order. The caller holds the orders' rows, and its commit sends the deliveries
    on their way.
    """
    if not events:
        return
    company_id = events[0].company_id
    written = await _PUBLISH.rows(
        conn,
        company_id=company_id,
        events=[new_id() for _ in events],
        partners=[event.partner_id for event in events],
        orders=[event.order_id for event in events],
        submissions=[event.submission for event in events],
        names=[str(event.name) for event in events],
        payloads=[_payload(event) for event in events],
        traces=[event.traceparent or traceparent() for event in events],
    )
    for subscription_id in {row.subscription_id for row in written}:
        announce_delivery(conn, company_id, subscription_id)


def _payload(event: OrderEvent) -> str:
    return json_text(
        {
            "orderId": str(event.order_id),
            "buyFromOrderReference": event.buy_from_order_reference,
            "status": event.status,
        }
    )


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
