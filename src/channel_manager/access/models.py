from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, LargeBinary, func
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.db import Table, new_id


class ApiKey(Table):
    """A key to one company, and for a partner's key to one partner (contract: Key).

    The key itself isn't stored: only its hash, and a hint to tell keys apart.
    """

    __tablename__ = "api_keys"

    company_id: Mapped[UUID] = mapped_column(ForeignKey("companies.company_id"), primary_key=True)
    key_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    partner_id: Mapped[UUID | None]
    name: Mapped[str] = mapped_column(default="")
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary, index=True)
    hint: Mapped[str]
    permissions: Mapped[list[str]]
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    # Requests per window of its own; None: the installation's default.
    rate_limit: Mapped[int | None]
    # To the minute: written in batches, not with each request.
    last_used_at: Mapped[datetime | None]


class RateCount(Table):
    """How often a key was used in one window, by all processes together (decision 0008).

    Unlogged: a crash of the database forgets the current window's counts, and nothing else.
    """

    __tablename__ = "rate_counts"

    key_id: Mapped[UUID] = mapped_column(primary_key=True)
    window_start: Mapped[datetime] = mapped_column(primary_key=True)
    requests: Mapped[int]

    __table_args__ = ({"prefixes": ["UNLOGGED"]},)


class AuditEvent(Table):
    """One change: who, what, when, before and after. Rows can only be added."""

    __tablename__ = "audit_events"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    happened_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    # "key <id>", "operator <login>", "user <login>" or "service".
    actor: Mapped[str]
    action: Mapped[str]
    # "order <id>", "key <id>", …
    subject: Mapped[str]
    before: Mapped[dict[str, Any]]
    after: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_audit_events_subject", "company_id", "subject"),)


class IdempotentReply(Table):
    """The first reply to an `Idempotency-Key`, given again byte for byte."""

    __tablename__ = "idempotent_replies"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    # For orders, the partner that the key is bound to, or the company; at the gate, the scanner's
    # own key.
    caller_id: Mapped[UUID] = mapped_column(primary_key=True)
    idempotency_key: Mapped[str] = mapped_column(primary_key=True)
    request_hash: Mapped[bytes] = mapped_column(LargeBinary)
    # What the request did; None inside its own transaction, and at the gate.
    order_id: Mapped[UUID | None]
    submission: Mapped[int | None]
    status: Mapped[int | None]
    # None only while the first request is still settling its order (?sync=1).
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
