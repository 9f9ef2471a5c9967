"""Events, written in the transaction that makes them happen (contract: Webhooks)."""

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from sqlalchemy import func, insert, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.db import new_id
from channel_manager.jobs import Job, JobName, enqueue
from channel_manager.webhooks.models import Delivery, Event, Subscription


class EventName(StrEnum):
    """What a partner can subscribe to."""

    PROCESSED = "ota_cm_order_processed"
    CONFIRMED = "ota_cm_order_confirmed"
    CANCELLED = "ota_cm_order_cancelled"


@dataclass(frozen=True, slots=True)
class OrderEvent:
    """What happened to which order; small by design, the partner reads the rest."""

    company_id: UUID
    partner_id: UUID
    name: EventName
    order_id: UUID
    buy_from_order_reference: str
    status: str


async def publish(conn: AsyncConnection, event: OrderEvent) -> None:
    """Write the event and a delivery with its job for each subscription that wants it."""
    event_id = new_id()
    await conn.execute(
        insert(Event).values(
            company_id=event.company_id,
            event_id=event_id,
            partner_id=event.partner_id,
            event_name=event.name,
            payload={
                "orderId": str(event.order_id),
                "buyFromOrderReference": event.buy_from_order_reference,
                "status": event.status,
            },
        )
    )
    deliveries = await conn.execute(
        insert(Delivery)
        .from_select(
            ["company_id", "delivery_id", "event_id", "subscription_id"],
            select(
                Subscription.company_id,
                func.gen_random_uuid(),
                literal(event_id),
                Subscription.subscription_id,
            ).where(
                Subscription.company_id == event.company_id,
                Subscription.event_name == event.name,
                or_(
                    Subscription.partner_id.is_(None),
                    Subscription.partner_id == event.partner_id,
                ),
            ),
        )
        .returning(Delivery.delivery_id)
    )
    await enqueue(conn, [delivery_job(event.company_id, row) for row in deliveries.scalars()])


def delivery_job(company_id: UUID, delivery_id: UUID) -> Job:
    """The job that takes one delivery to its receiver."""
    return Job(
        name=JobName.DELIVER_WEBHOOK,
        key=f"delivery:{delivery_id}",
        ids={"company": str(company_id), "delivery": str(delivery_id)},
    )
