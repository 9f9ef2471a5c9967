"""What crosses the wire about webhook subscriptions (contract: Webhooks)."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    StrictStr,
    StringConstraints,
    model_validator,
)

from channel_manager.schemas import Body, parse_uuid
from channel_manager.webhooks.events import EventName


def _known_event(value: str) -> str:
    if value not in list(EventName):
        raise ValueError(f"no such event; use one of {', '.join(EventName)}")
    return value


class SubscriptionIn(Body):
    """The body of a new subscription."""

    notificationUrl: Annotated[StrictStr, StringConstraints(min_length=1, max_length=2048)]
    eventName: Annotated[StrictStr, AfterValidator(_known_event)]
    eventVersion: Annotated[StrictStr, StringConstraints(max_length=10)] = "1.0"
    appId: Annotated[StrictStr, StringConstraints(max_length=100)] | None = None
    clientState: Annotated[StrictStr, StringConstraints(max_length=50)] | None = None


class SubscriptionOut(BaseModel):
    """A subscription; the secret is only in the reply that made it."""

    id: UUID
    notificationUrl: str
    eventName: str
    eventVersion: str
    appId: str
    clientState: str
    createdAt: str
    state: str
    stateReason: str
    stateChangedAt: str | None
    failingSince: str | None
    overlapUntil: str | None
    secret: str | None = None


def _instant(value: object) -> datetime:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise ValueError("must be ISO 8601 with an offset, like 2026-05-01T00:00:00Z")
    return instant


class ReplayIn(Body):
    """What to send again: one delivery, or all that have failed since an instant."""

    deliveryId: Annotated[UUID, BeforeValidator(parse_uuid)] | None = None
    since: Annotated[datetime, BeforeValidator(_instant)] | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.deliveryId is None) == (self.since is None):
            raise ValueError("give either deliveryId or since")
        return self


class ReplayOut(BaseModel):
    """How many deliveries are on their way again."""

    replayed: int


class PingOut(BaseModel):
    """Where to look for what came of the test event."""

    deliveryId: UUID


class AttemptOut(BaseModel):
    """One try at a delivery, and what came of it."""

    attemptedAt: str
    outcome: str
    status: int | None
    error: str
    durationMs: int
    reply: str


class DeliveryOut(BaseModel):
    """One event on its way to the subscription."""

    deliveryId: UUID
    webhookId: UUID
    eventName: str
    orderId: UUID | None
    state: str
    createdAt: str
    nextAttemptAt: str | None
    deliveredAt: str | None
    attempts: list[AttemptOut]


class DeliveryPage(BaseModel):
    """A page of the delivery log, newest first."""

    morePages: bool
    nextPageKey: str
    nextPageURL: str
    data: list[DeliveryOut]
