from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, func, text
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
    # Until when the second secret signs too.
    overlap_until: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # Paused: nothing is sent, and what happens meanwhile waits. Gone: the receiver answered 410,
    # so nothing new is written for it either.
    state: Mapped[str] = mapped_column(default="active", server_default="active")
    state_reason: Mapped[str] = mapped_column(default="", server_default="")
    state_changed_at: Mapped[datetime | None]
    # Since when every attempt has failed; None after a success.
    failing_since: Mapped[datetime | None]
    # Of OCTO's kind, whose `event_name` is "octo": what it is told of, and what is sent with it.
    notification_types: Mapped[list[str] | None]
    headers: Mapped[dict[str, str]] = mapped_column(default=dict, server_default=text("'{}'"))

    __table_args__ = (
        CheckConstraint("state IN ('active', 'paused', 'gone')", name="state"),
        Index("ix_webhook_subscriptions_event", "company_id", "event_name"),
    )


class Event(Table):
    """Something that happened to an order, written in the transaction that made it happen."""

    __tablename__ = "webhook_events"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    # No partner, order, submission or sequence: what belongs to no order, such as a test event.
    partner_id: Mapped[UUID | None]
    order_id: Mapped[UUID | None]
    submission: Mapped[int | None]
    # 1, 2, 3 … for the events of one order, in the order in which they happened; None for what
    # OCTO's subscriptions alone are told of it.
    sequence: Mapped[int | None]
    # Of what caused it (W3C); "" where nothing is traced.
    traceparent: Mapped[str] = mapped_column(default="", server_default="")
    event_name: Mapped[str]
    payload: Mapped[dict[str, Any]]
    happened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())

    __table_args__ = (
        Index("uq_webhook_events_sequence", "company_id", "order_id", "sequence", unique=True),
    )


class Delivery(Table):
    """One event on its way to one subscription."""

    __tablename__ = "webhook_deliveries"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    event_id: Mapped[UUID]
    subscription_id: Mapped[UUID]
    state: Mapped[str] = mapped_column(default="waiting")
    attempts: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    next_attempt_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # A worker has it until then, and moves this on for as long as it lives. In no index, so that
    # claiming and renewing touch the row alone.
    claimed_until: Mapped[datetime | None]
    last_status: Mapped[int | None]
    last_error: Mapped[str] = mapped_column(default="")
    delivered_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="state"),
        Index("ix_webhook_deliveries_event", "company_id", "event_id"),
        Index("ix_webhook_deliveries_log", "company_id", "subscription_id", "created_at"),
        Index("ix_webhook_deliveries_created_at", "created_at"),
        Index(
            "ix_webhook_deliveries_waiting",
            "company_id",
            "subscription_id",
            "next_attempt_at",
            postgresql_where=text("state = 'waiting'"),
        ),
    )


class Attempt(Table):
    """One try at a delivery, and what came of it."""

    __tablename__ = "webhook_attempts"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    delivery_id: Mapped[UUID] = mapped_column(primary_key=True)
    attempt_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    attempted_at: Mapped[datetime]
    outcome: Mapped[str]
    status: Mapped[int | None]
    error: Mapped[str]
    duration_ms: Mapped[int]
    # The beginning of what the receiver answered, for a person to read.
    reply: Mapped[str]

    __table_args__ = (Index("ix_webhook_attempts_attempted_at", "attempted_at"),)
