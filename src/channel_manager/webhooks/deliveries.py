"""The delivery log of a subscription, and sending from it again (contract: Webhooks)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import Select, and_, func, or_, select, true, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.service import Access
from channel_manager.db import AnyRow
from channel_manager.errors import InvalidInput, NotFound, Problem
from channel_manager.schemas import parse_uuid
from channel_manager.webhooks.events import announce_delivery
from channel_manager.webhooks.models import Attempt, Delivery, Event, Subscription
from channel_manager.webhooks.service import subscription_in_scope

MAX_PAGE = 500


class State(StrEnum):
    """Where a delivery stands."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Which part of the log is asked for."""

    state: State | None = None
    size: int = 100
    key: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of the log; the key is empty where it is the last."""

    data: list[dict[str, Any]]
    next_key: str


async def list_deliveries(
    conn: AsyncConnection, access: Access, subscription_id: str, wanted: PageRequest
) -> Page:
    """A page of the log, newest first. Errors: `NotFound`, `InvalidInput` for a foreign key."""
    subscription = await subscription_in_scope(conn, access, subscription_id)
    query = (
        select(Delivery.__table__, Event.event_name, Event.order_id)
        .join(
            Event,
            and_(Event.company_id == Delivery.company_id, Event.event_id == Delivery.event_id),
        )
        .where(*_of(subscription))
        .order_by(Delivery.created_at.desc(), Delivery.delivery_id.desc())
        .limit(wanted.size + 1)
    )
    if wanted.state is not None:
        query = query.where(Delivery.state == str(wanted.state))
    if wanted.key:
        place = await _place(conn, subscription, wanted.key)
        query = query.where(tuple_(Delivery.created_at, Delivery.delivery_id) < func.row(*place))
    rows = (await conn.execute(query)).all()
    shown = rows[: wanted.size]
    attempts = await _attempts(conn, subscription.company_id, [row.delivery_id for row in shown])
    key = str(shown[-1].delivery_id) if len(rows) > wanted.size else ""
    return Page([_delivery_out(row, attempts[row.delivery_id]) for row in shown], key)


async def replay(
    conn: AsyncConnection,
    access: Access,
    subscription_id: str,
    *,
    delivery_id: UUID | None = None,
    since: datetime | None = None,
) -> int:
    """Send one delivery again, or all created since then that have failed; returns how many.

    Each gets all its tries anew. On a subscription that is paused they wait until it is resumed.
    Errors: `NotFound` for the subscription or the one delivery.
    """
    subscription = await subscription_in_scope(conn, access, subscription_id)
    if delivery_id is not None:
        which = Delivery.delivery_id == delivery_id
    else:
        tried = and_(Delivery.state == "waiting", Delivery.attempts > 0)
        which = and_(Delivery.created_at >= since, or_(Delivery.state == "failed", tried))
    done = await conn.execute(
        update(Delivery)
        .where(*_of(subscription), which)
        .values(state="waiting", attempts=0, next_attempt_at=func.now(), delivered_at=None)
    )
    if delivery_id is not None and done.rowcount == 0:
        raise NotFound("There is no such delivery.")
    announce_delivery(conn, subscription.company_id, subscription.subscription_id)
    return done.rowcount


async def replay_event(conn: AsyncConnection, access: Access, event_id: UUID) -> int:
    """Send one event again to each receiver that it was for; returns how many there are.

    Errors: `NotFound` for an event of another company or partner.
    """
    known = await conn.scalar(
        select(Event.event_id).where(
            Event.company_id == access.company.company_id,
            Event.event_id == event_id,
            true() if access.partner_id is None else Event.partner_id == access.partner_id,
        )
    )
    if known is None:
        raise NotFound("There is no such event.")
    done = await conn.execute(
        update(Delivery)
        .where(
            Delivery.company_id == access.company.company_id,
            Delivery.event_id == event_id,
            Delivery.subscription_id.in_(_receiving(access)),
        )
        .values(state="waiting", attempts=0, next_attempt_at=func.now(), delivered_at=None)
        .returning(Delivery.subscription_id)
    )
    receivers = list(done.scalars())
    for subscription_id in receivers:
        announce_delivery(conn, access.company.company_id, subscription_id)
    return len(receivers)


def _receiving(access: Access) -> Select[UUID]:
    mine = true() if access.partner_id is None else Subscription.partner_id == access.partner_id
    return select(Subscription.subscription_id).where(
        Subscription.company_id == access.company.company_id, Subscription.state != "gone", mine
    )


def _of(subscription: AnyRow) -> Sequence[Any]:
    return (
        Delivery.company_id == subscription.company_id,
        Delivery.subscription_id == subscription.subscription_id,
    )


async def _place(conn: AsyncConnection, subscription: AnyRow, key: str) -> tuple[datetime, UUID]:
    try:
        wanted = parse_uuid(key)
    except ValueError:
        found = None
    else:
        query = select(Delivery.created_at, Delivery.delivery_id)
        query = query.where(*_of(subscription), Delivery.delivery_id == wanted)
        found = (await conn.execute(query)).one_or_none()
    if found is None:
        raise InvalidInput.of(
            [Problem("pageKey", "is not a key of this log; use nextPageKey, or start anew")]
        )
    return found.created_at, found.delivery_id


async def _attempts(
    conn: AsyncConnection, company_id: UUID, deliveries: Sequence[UUID]
) -> dict[UUID, list[dict[str, Any]]]:
    found: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
    rows = await conn.execute(
        select(Attempt.__table__)
        .where(Attempt.company_id == company_id, Attempt.delivery_id.in_(deliveries))
        .order_by(Attempt.attempted_at, Attempt.attempt_id)
    )
    for row in rows:
        found[row.delivery_id].append(_attempt_out(row))
    return found


def _attempt_out(row: AnyRow) -> dict[str, Any]:
    return {
        "attemptedAt": row.attempted_at,
        "outcome": row.outcome,
        "status": row.status,
        "error": row.error,
        "durationMs": row.duration_ms,
        "reply": row.reply,
    }


def _delivery_out(row: AnyRow, attempts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "deliveryId": row.delivery_id,
        "webhookId": row.event_id,
        "eventName": row.event_name,
        "orderId": row.order_id,
        "state": row.state,
        "createdAt": row.created_at,
        "nextAttemptAt": row.next_attempt_at if row.state == "waiting" else None,
        "deliveredAt": row.delivered_at,
        "attempts": attempts,
    }
