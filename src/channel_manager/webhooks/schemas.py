"""What crosses the wire about webhook subscriptions (contract: Webhooks)."""

from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BaseModel, StrictStr, StringConstraints

from channel_manager.schemas import Body
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
    """A subscription; the secret is only in the reply that created it."""

    id: UUID
    notificationUrl: str
    eventName: str
    eventVersion: str
    appId: str
    clientState: str
    createdAt: str
    secret: str | None = None
