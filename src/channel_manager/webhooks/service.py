"""Subscriptions: who is told of what, and where (contract: Webhooks)."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.audit import record
from channel_manager.access.service import Access
from channel_manager.db import AnyRow, AnySelect
from channel_manager.errors import InvalidStatus, NotFound
from channel_manager.schemas import parse_uuid
from channel_manager.webhooks.events import announce_delivery, publish_ping
from channel_manager.webhooks.models import Attempt, Delivery, Subscription
from channel_manager.webhooks.schemas import SubscriptionIn
from channel_manager.webhooks.signing import new_secret


async def subscribe(conn: AsyncConnection, access: Access, body: SubscriptionIn) -> dict[str, Any]:
    """Write a subscription; its reply is the only one that shows the secret.

    The address has been checked already (`outbound.check_url`), outside the transaction.
    """
    secret = new_secret()
    inserted = await conn.execute(
        insert(Subscription)
        .values(
            company_id=access.company.company_id,
            partner_id=access.partner_id,
            notification_url=body.notificationUrl,
            event_name=body.eventName,
            event_version=body.eventVersion,
            app_id=body.appId or "",
            client_state=body.clientState or "",
            secrets=[secret],
        )
        .returning(*_SHOWN)
    )
    shown = subscription_out(inserted.one())
    await record(conn, access, "webhook.create", f"webhook {shown['id']}", after=_told(shown))
    return shown | {"secret": secret}


async def list_subscriptions(conn: AsyncConnection, access: Access) -> list[dict[str, Any]]:
    """The caller's subscriptions, oldest first."""
    query = _in_scope(select(*_SHOWN), access).order_by(
        Subscription.created_at, Subscription.subscription_id
    )
    return [subscription_out(row) for row in await conn.execute(query)]


async def get_subscription(
    conn: AsyncConnection, access: Access, subscription_id: str
) -> dict[str, Any]:
    """One of the caller's subscriptions. Errors: `NotFound`."""
    return subscription_out(await subscription_in_scope(conn, access, subscription_id))


async def subscription_in_scope(
    conn: AsyncConnection, access: Access, subscription_id: str, *, lock: bool = False
) -> AnyRow:
    """The only way to a subscription by its id; another partner's looks like none at all.

    Errors: `NotFound`.
    """
    query = _in_scope(select(*_SHOWN, Subscription.secrets), access).where(
        Subscription.subscription_id == _wanted(subscription_id)
    )
    row = (await conn.execute(query.with_for_update() if lock else query)).one_or_none()
    if row is None:
        raise _no_such_subscription()
    return row


async def unsubscribe(
    conn: AsyncConnection, access: Access, subscription_id: str
) -> dict[str, Any]:
    """Delete a subscription, what waits for it and its log. Errors: `NotFound`."""
    row = await subscription_in_scope(conn, access, subscription_id, lock=True)
    await delete_subscription(conn, row)
    shown = subscription_out(row)
    await record(conn, access, "webhook.delete", f"webhook {shown['id']}", before=_told(shown))
    return shown


async def delete_subscription(conn: AsyncConnection, row: AnyRow) -> None:
    """Delete a subscription that the caller has found in its scope and locked."""
    mine = (
        Delivery.company_id == row.company_id,
        Delivery.subscription_id == row.subscription_id,
    )
    await conn.execute(
        delete(Attempt).where(
            Attempt.company_id == row.company_id,
            Attempt.delivery_id.in_(select(Delivery.delivery_id).where(*mine)),
        )
    )
    await conn.execute(delete(Delivery).where(*mine))
    await conn.execute(delete(Subscription).where(*_is(row)))


async def rotate(
    conn: AsyncConnection, access: Access, subscription_id: str, overlap: timedelta
) -> dict[str, Any]:
    """Give a subscription a new secret; the one before signs too until `overlap` has passed.

    The reply is the only one that shows the new secret. Errors: `NotFound`.
    """
    row = await subscription_in_scope(conn, access, subscription_id, lock=True)
    secret = new_secret()
    kept = [secret, row.secrets[0]] if overlap else [secret]
    await record(conn, access, "webhook.rotate", f"webhook {row.subscription_id}")
    until = func.now() + overlap if overlap else None
    return await _change(conn, row, secrets=kept, overlap_until=until) | {"secret": secret}


async def ping(conn: AsyncConnection, access: Access, subscription_id: str) -> UUID:
    """Send a test event; returns its delivery's id. Errors: `NotFound`, `InvalidStatus`."""
    row = await subscription_in_scope(conn, access, subscription_id)
    if row.state != "active":
        raise InvalidStatus(f"The subscription is {row.state}; resume it first.")
    return await publish_ping(conn, row.company_id, row.subscription_id)


async def pause(conn: AsyncConnection, access: Access, subscription_id: str) -> dict[str, Any]:
    """Stop sending until it is resumed; what happens meanwhile waits. Errors: `NotFound`."""
    row = await subscription_in_scope(conn, access, subscription_id, lock=True)
    if row.state != "active":
        return subscription_out(row)
    await record(conn, access, "webhook.pause", f"webhook {row.subscription_id}")
    return await _change(
        conn, row, state="paused", state_reason="on request", state_changed_at=func.now()
    )


async def resume(conn: AsyncConnection, access: Access, subscription_id: str) -> dict[str, Any]:
    """Send again, beginning with what waits, with all its tries anew. Errors: `NotFound`."""
    row = await subscription_in_scope(conn, access, subscription_id, lock=True)
    if row.state == "active":
        return subscription_out(row)
    await conn.execute(
        update(Delivery)
        .where(
            Delivery.company_id == row.company_id,
            Delivery.subscription_id == row.subscription_id,
            Delivery.state == "waiting",
        )
        .values(next_attempt_at=func.least(Delivery.next_attempt_at, func.now()), attempts=0)
    )
    announce_delivery(conn, row.company_id, row.subscription_id)
    await record(conn, access, "webhook.resume", f"webhook {row.subscription_id}")
    return await _change(
        conn,
        row,
        state="active",
        state_reason="",
        state_changed_at=func.now(),
        failing_since=None,
    )


async def _change(conn: AsyncConnection, row: AnyRow, **values: Any) -> dict[str, Any]:  # noqa: ANN401 - columns of all types
    changed = await conn.execute(
        update(Subscription).where(*_is(row)).values(**values).returning(*_SHOWN)
    )
    return subscription_out(changed.one())


def _is(row: AnyRow) -> Sequence[Any]:
    return (
        Subscription.company_id == row.company_id,
        Subscription.subscription_id == row.subscription_id,
    )


def _told(shown: dict[str, Any]) -> dict[str, Any]:
    # An address may carry a secret in its query.
    url = shown["notificationUrl"].partition("?")[0]
    return {"notificationUrl": url, "eventName": shown["eventName"]}


def subscription_out(row: AnyRow) -> dict[str, Any]:
    """A subscription as the API shows it."""
    return {
        "id": row.subscription_id,
        "notificationUrl": row.notification_url,
        "eventName": row.event_name,
        "eventVersion": row.event_version,
        "appId": row.app_id,
        "clientState": row.client_state,
        "createdAt": row.created_at,
        "state": row.state,
        "stateReason": row.state_reason,
        "stateChangedAt": row.state_changed_at,
        "failingSince": row.failing_since,
        "overlapUntil": row.overlap_until,
    }


_SHOWN = (
    Subscription.company_id,
    Subscription.subscription_id,
    Subscription.notification_url,
    Subscription.event_name,
    Subscription.event_version,
    Subscription.app_id,
    Subscription.client_state,
    Subscription.created_at,
    Subscription.state,
    Subscription.state_reason,
    Subscription.state_changed_at,
    Subscription.failing_since,
    Subscription.overlap_until,
)


def _in_scope(query: AnySelect, access: Access) -> AnySelect:
    mine = true() if access.partner_id is None else Subscription.partner_id == access.partner_id
    # Those of OCTO's kind are reached by OCTO alone.
    own = Subscription.notification_types.is_(None)
    return query.where(Subscription.company_id == access.company.company_id, mine, own)


def _wanted(subscription_id: str) -> UUID:
    try:
        return parse_uuid(subscription_id)
    except ValueError:
        raise _no_such_subscription() from None


def _no_such_subscription() -> NotFound:
    return NotFound("There is no such webhook subscription.")
