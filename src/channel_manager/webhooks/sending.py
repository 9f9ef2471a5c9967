"""One attempt: the bytes, their headers, the POST, and what its answer means."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from channel_manager.clock import Clock
from channel_manager.db import AnyRow, new_id
from channel_manager.outbound import Outbound, Reply
from channel_manager.outbound_addresses import AddressPolicy
from channel_manager.strict_json import dumps
from channel_manager.tracing import span, traceparent
from channel_manager.webhooks.backoff import Outcome, classify, next_delay
from channel_manager.webhooks.events import NotificationType
from channel_manager.webhooks.signing import sign


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt that was made, and what becomes of its delivery."""

    delivery: AnyRow
    attempt_id: UUID
    attempted_at: datetime
    reply: Reply
    outcome: Outcome
    delay: timedelta | None
    """Until the next attempt; None after the last one, and where none is needed."""

    @property
    def state(self) -> str:
        """The delivery's state from now on."""
        if self.outcome is Outcome.DELIVERED:
            return "delivered"
        return "failed" if self.delay is None else "waiting"

    @property
    def asked(self) -> timedelta | None:
        """How long the receiver asked to be left alone, if it did."""
        return self.delay if self.reply.retry_after else None


async def attempt(
    outbound: Outbound, delivery: AnyRow, *, policy: AddressPolicy, clock: Clock
) -> Attempted:
    """Send a claimed delivery once."""
    body = event_body(delivery)
    at = clock()
    with span("deliver webhook", delivery.traceparent, event=delivery.event_name):
        headers = event_headers(delivery, at, body)
        if trace := traceparent():
            headers["traceparent"] = trace
        reply = await outbound.post(delivery.notification_url, body, headers, policy=policy)
    outcome = classify(reply.status, reply.error)
    delay = None
    if outcome is Outcome.RETRY:
        delay = next_delay(
            delivery.attempts + 1, reply.retry_after, random.SystemRandom(), now=clock()
        )
    return Attempted(delivery, new_id(), at, reply, outcome, delay)


def event_body(delivery: AnyRow) -> bytes:
    """The bytes that are signed and sent; the same on every attempt (contract: Delivery)."""
    if delivery.notification_types is not None:
        return dumps(_octo_body(delivery))
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


def _octo_body(delivery: AnyRow) -> dict[str, Any]:
    """What to fetch, and nothing else."""
    head = {"supplierId": delivery.company_id, "utcCreatedAt": delivery.happened_at}
    if delivery.order_id is None:
        return {"notificationType": delivery.event_name, **head, **delivery.payload}
    booking = {"id": delivery.order_id, "uuid": delivery.booking_uuid}
    return {"notificationType": str(NotificationType.BOOKING), **head, "booking": booking}


def event_headers(delivery: AnyRow, at: datetime, body: bytes) -> dict[str, str]:
    """Who sent these bytes, and which place the event has among those of its order."""
    signed = sign(delivery.secrets, str(delivery.event_id), at, body)
    headers = {**delivery.headers, **signed}
    if delivery.order_id is not None:
        headers["webhook-order-submission"] = str(delivery.submission)
    if delivery.sequence is not None:
        headers["webhook-order-sequence"] = str(delivery.sequence)
    return headers
