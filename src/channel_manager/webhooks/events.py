"""Events, written in the transaction that makes them happen (contract: Webhooks)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.db import AnyRow, announce, new_id
from channel_manager.statements import Statement, json_text
from channel_manager.tracing import traceparent


class EventName(StrEnum):
    """What a partner can subscribe to."""

    PROCESSED = "ota_cm_order_processed"
    CONFIRMED = "ota_cm_order_confirmed"
    CANCELLED = "ota_cm_order_cancelled"


class NotificationType(StrEnum):
    """What a subscription of OCTO's kind can be told of; all of them have one event name."""

    PRODUCT = "PRODUCT_UPDATE"
    AVAILABILITY = "AVAILABILITY_UPDATE"
    BOOKING = "BOOKING_UPDATE"


OCTO = "octo"
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
# What an order takes of a day or gives back concerns whoever sells for the venue, so that each
# subscription to availability is told of the day.
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
        FROM happened),
    moved AS (
        INSERT INTO webhook_events (company_id, event_id, event_name, payload, traceparent)
        SELECT :company_id, gen_random_uuid(), 'AVAILABILITY_UPDATE', jsonb_build_object(
                'localDateStart', min(visit_date), 'localDateEnd', max(visit_date)), ''
        FROM happened JOIN order_lines USING (order_id)
        WHERE company_id = :company_id AND EXISTS (
            SELECT 1 FROM webhook_subscriptions s WHERE s.company_id = :company_id
                AND s.event_name = 'octo' AND s.state <> 'gone'
                AND 'AVAILABILITY_UPDATE' = ANY(s.notification_types))
        HAVING count(*) > 0
        RETURNING event_id),
    told AS (
        SELECT s.company_id, happened.event_id, s.subscription_id
        FROM happened JOIN webhook_subscriptions s
            ON s.event_name IN (happened.event_name, 'octo')
        WHERE s.company_id = :company_id AND s.state <> 'gone'
            AND (s.partner_id IS NULL OR s.partner_id = happened.partner_id)
            AND (s.notification_types IS NULL OR 'BOOKING_UPDATE' = ANY(s.notification_types))
        UNION ALL
        SELECT s.company_id, moved.event_id, s.subscription_id
        FROM moved CROSS JOIN webhook_subscriptions s
        WHERE s.company_id = :company_id AND s.event_name = 'octo' AND s.state <> 'gone'
            AND 'AVAILABILITY_UPDATE' = ANY(s.notification_types))
    INSERT INTO webhook_deliveries (company_id, delivery_id, event_id, subscription_id, state,
        attempts, last_error)
    SELECT company_id, gen_random_uuid(), event_id, subscription_id, 'waiting', 0, ''
    FROM told
    RETURNING subscription_id
""")

_PUBLISH_NOTICE = Statement("""
    WITH told AS MATERIALIZED (
        SELECT subscription_id FROM webhook_subscriptions
        WHERE company_id = :company_id AND event_name = 'octo' AND state <> 'gone'
            AND :kind = ANY(notification_types)),
    event AS (
        INSERT INTO webhook_events (company_id, event_id, event_name, payload)
        SELECT :company_id, :event_id, :kind, CAST(:payload AS jsonb)
        WHERE EXISTS (SELECT 1 FROM told))
    INSERT INTO webhook_deliveries (company_id, delivery_id, event_id, subscription_id, state,
        attempts, last_error)
    SELECT :company_id, gen_random_uuid(), :event_id, subscription_id, 'waiting', 0, ''
    FROM told
    RETURNING subscription_id
""")
# Without a place among the order's events: it says what to fetch, and partners who count the events
# of their orders don't get it.
_PUBLISH_BOOKINGS = Statement("""
    WITH told AS MATERIALIZED (
        SELECT subscription_id, partner_id FROM webhook_subscriptions
        WHERE company_id = :company_id AND event_name = 'octo' AND state <> 'gone'
            AND 'BOOKING_UPDATE' = ANY(notification_types)),
    event AS (
        INSERT INTO webhook_events (company_id, event_id, partner_id, order_id, submission,
            event_name, payload)
        SELECT company_id, gen_random_uuid(), partner_id, order_id, submission, 'BOOKING_UPDATE',
            '{}'
        FROM orders
        WHERE company_id = :company_id AND order_id = ANY(:orders)
            AND partner_id IN (SELECT partner_id FROM told)
        RETURNING company_id, event_id, partner_id)
    INSERT INTO webhook_deliveries (company_id, delivery_id, event_id, subscription_id, state,
        attempts, last_error)
    SELECT company_id, gen_random_uuid(), event_id, subscription_id, 'waiting', 0, ''
    FROM event JOIN told USING (partner_id)
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
    _announce_written(conn, company_id, written)


def _payload(event: OrderEvent) -> str:
    return json_text(
        {
            "orderId": str(event.order_id),
            "buyFromOrderReference": event.buy_from_order_reference,
            "status": event.status,
        }
    )


async def publish_notice(
    conn: AsyncConnection, company_id: UUID, kind: NotificationType, **payload: str
) -> None:
    """Write, for OCTO's subscriptions, that what the venue sells or has room for has changed."""
    written = await _PUBLISH_NOTICE.rows(
        conn,
        company_id=company_id,
        event_id=new_id(),
        kind=str(kind),
        payload=json_text(payload),
    )
    _announce_written(conn, company_id, written)


async def publish_bookings(
    conn: AsyncConnection, company_id: UUID, order_ids: Sequence[UUID]
) -> None:
    """Write, for OCTO's subscriptions alone, that bookings read otherwise now: what no event of the
    orders tells, such as a longer hold.
    """
    written = await _PUBLISH_BOOKINGS.rows(conn, company_id=company_id, orders=list(order_ids))
    _announce_written(conn, company_id, written)


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


def _announce_written(conn: AsyncConnection, company_id: UUID, written: Sequence[AnyRow]) -> None:
    for subscription_id in {row.subscription_id for row in written}:
        announce_delivery(conn, company_id, subscription_id)


def announce_delivery(conn: AsyncConnection, company_id: UUID, subscription_id: UUID) -> None:
    """Tell the workers, once this transaction has committed, that something is due."""
    announce(conn, f"{company_id}:{subscription_id}")
