"""Subscriptions: who is told of what, and where (contract: Webhooks)."""

from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.audit import record
from channel_manager.access.service import Access
from channel_manager.db import AnyRow, AnySelect
from channel_manager.errors import NotFound
from channel_manager.schemas import parse_uuid
from channel_manager.webhooks.models import Subscription
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
    query = _in_scope(select(*_SHOWN), access).where(
        Subscription.subscription_id == _wanted(subscription_id)
    )
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        raise _no_such_subscription()
    return subscription_out(row)


async def unsubscribe(
    conn: AsyncConnection, access: Access, subscription_id: str
) -> dict[str, Any]:
    """Delete a subscription; what waits for it is dropped. Errors: `NotFound`."""
    shown = await get_subscription(conn, access, subscription_id)
    await conn.execute(
        delete(Subscription).where(
            Subscription.company_id == access.company.company_id,
            Subscription.subscription_id == shown["id"],
        )
    )
    await record(conn, access, "webhook.delete", f"webhook {shown['id']}", before=_told(shown))
    return shown


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
    }


_SHOWN = (
    Subscription.subscription_id,
    Subscription.notification_url,
    Subscription.event_name,
    Subscription.event_version,
    Subscription.app_id,
    Subscription.client_state,
    Subscription.created_at,
)


def _in_scope(query: AnySelect, access: Access) -> AnySelect:
    mine = true() if access.partner_id is None else Subscription.partner_id == access.partner_id
    return query.where(Subscription.company_id == access.company.company_id, mine)


def _wanted(subscription_id: str) -> UUID:
    try:
        return parse_uuid(subscription_id)
    except ValueError:
        raise _no_such_subscription() from None


def _no_such_subscription() -> NotFound:
    return NotFound("There is no such webhook subscription.")
