"""Taking one delivery to its receiver: read, POST outside any transaction, record."""

import random
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import structlog
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job as QueuedJob
from sqlalchemy import func, select, update

from channel_manager.clock import system_clock
from channel_manager.companies.models import Company
from channel_manager.db import AnyRow, Database
from channel_manager.outbound import AddressPolicy, Outbound, Reply
from channel_manager.settings import Settings
from channel_manager.strict_json import dumps
from channel_manager.webhooks.backoff import Outcome, classify, next_delay
from channel_manager.webhooks.models import Delivery, Event, Subscription
from channel_manager.webhooks.signing import sign

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DeliveryId:
    """Which delivery a job is about."""

    company_id: UUID
    delivery_id: UUID


def read_delivery(job: QueuedJob) -> DeliveryId:
    """The ids in a job's payload."""
    ids: dict[str, Any] = orjson.loads(job.payload or b"{}")
    return DeliveryId(UUID(ids["company"]), UUID(ids["delivery"]))


async def deliver(
    database: Database, outbound: Outbound, settings: Settings, wanted: DeliveryId
) -> None:
    """Send one delivery once. Errors: `RetryRequested` where it is to be tried again later."""
    async with database.transaction() as conn:
        found = await conn.execute(_waiting_delivery(wanted))
        delivery = found.one_or_none()
    if delivery is None:
        return
    body = event_body(delivery)
    headers = sign(delivery.secrets, str(delivery.event_id), system_clock(), body)
    policy = AddressPolicy(development=settings.development)
    reply = await outbound.post(delivery.notification_url, body, headers, policy=policy)
    await _record(database, wanted, delivery, reply)


def event_body(delivery: AnyRow) -> bytes:
    """The bytes that are signed and sent; the same on every attempt (contract: Delivery)."""
    return dumps(
        {
            "value": [
                {
                    "appId": delivery.app_id,
                    "clientState": delivery.client_state,
                    "companyId": delivery.company_id,
                    "companyName": delivery.company_name,
                    "eventName": delivery.event_name,
                    "eventVersion": delivery.event_version,
                    "timestamp": delivery.happened_at,
                    "payload": delivery.payload,
                }
            ]
        }
    )


def _waiting_delivery(wanted: DeliveryId) -> Any:  # noqa: ANN401 - a Select of many columns
    return (
        select(
            Delivery.company_id,
            Delivery.event_id,
            Delivery.attempts,
            Event.event_name,
            Event.payload,
            Event.happened_at,
            Subscription.app_id,
            Subscription.client_state,
            Subscription.event_version,
            Subscription.notification_url,
            Subscription.secrets,
            Company.name.label("company_name"),
        )
        .join(
            Event,
            (Event.company_id == Delivery.company_id) & (Event.event_id == Delivery.event_id),
        )
        .join(
            Subscription,
            (Subscription.company_id == Delivery.company_id)
            & (Subscription.subscription_id == Delivery.subscription_id),
        )
        .join(Company, Company.company_id == Delivery.company_id)
        .where(
            Delivery.company_id == wanted.company_id,
            Delivery.delivery_id == wanted.delivery_id,
            Delivery.state == "waiting",
        )
    )


async def _record(database: Database, wanted: DeliveryId, delivery: AnyRow, reply: Reply) -> None:
    attempt = delivery.attempts + 1
    delay = None
    state = "failed"
    match classify(reply.status, reply.error):
        case Outcome.DELIVERED:
            state = "delivered"
        case Outcome.RETRY:
            delay = next_delay(
                attempt, reply.retry_after, random.SystemRandom(), now=system_clock()
            )
            state = "failed" if delay is None else "waiting"
        case Outcome.GONE:
            pass
    async with database.transaction() as conn:
        await conn.execute(
            update(Delivery)
            .where(
                Delivery.company_id == wanted.company_id,
                Delivery.delivery_id == wanted.delivery_id,
            )
            .values(
                state=state,
                attempts=attempt,
                last_status=reply.status,
                last_error=reply.error or "",
                delivered_at=func.now() if state == "delivered" else None,
            )
        )
    log.info(
        "webhook_attempted",
        event_id=str(delivery.event_id),
        attempt=attempt,
        status=reply.status,
        error=reply.error,
        state=state,
    )
    if delay is not None:
        raise RetryRequested(delay=delay, reason=reply.error or f"status {reply.status}")
