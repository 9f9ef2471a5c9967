from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table, new_id


class Subscription(Table):
    """Where a partner wants to be told of an event (contract: Webhooks)."""

    __tablename__ = "webhook_subscriptions"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    subscription_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    # None: the company's own, told of every partner's orders.
    partner_id: Mapped[UUID | None]
    notification_url: Mapped[str]
    event_name: Mapped[str]
    event_version: Mapped[str] = mapped_column(default="1.0")
    app_id: Mapped[str] = mapped_column(default="")
    client_state: Mapped[str] = mapped_column(default="")
    # Newest first; a second one only while a rotation overlaps.
    secrets: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (Index("ix_webhook_subscriptions_event", "company_id", "event_name"),)


class Event(Table):
    """Something that happened to an order, written in the transaction that made it happen."""

    __tablename__ = "webhook_events"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    partner_id: Mapped[UUID]
    event_name: Mapped[str]
    payload: Mapped[dict[str, Any]]
    happened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())


class Delivery(Table):
    """One event on its way to one subscription."""

    __tablename__ = "webhook_deliveries"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    event_id: Mapped[UUID]
    subscription_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    last_status: Mapped[int | None]
    last_error: Mapped[str] = mapped_column(default="")
    delivered_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="state"),
        Index("ix_webhook_deliveries_event", "company_id", "event_id"),
    )
