"""Subscriptions of OCTO's kind: the same engine, with several types of notice in one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.audit import record
from channel_manager.access.service import Access
from channel_manager.db import AnyRow
from channel_manager.errors import InvalidInput, NotFound
from channel_manager.schemas import parse_uuid
from channel_manager.webhooks.events import OCTO
from channel_manager.webhooks.models import Subscription
from channel_manager.webhooks.service import delete_subscription
from channel_manager.webhooks.signing import new_secret

MOST_OF_A_PARTNER = 50
_COLUMNS = (
    Subscription.company_id,
    Subscription.subscription_id,
    Subscription.notification_url,
    Subscription.notification_types,
    Subscription.headers,
)


@dataclass(frozen=True, slots=True)
class Notices:
    """Where to tell of what; None: as it is. The address has been checked already."""

    url: str | None = None
    types: Sequence[str] | None = None
    headers: Mapping[str, str] | None = None

    @property
    def values(self) -> dict[str, Any]:
        """The columns that are said."""
        said = {
            "notification_url": self.url,
            "notification_types": self.types and sorted(set(self.types)),
            "headers": None if self.headers is None else dict(self.headers),
        }
        return {name: value for name, value in said.items() if value is not None}


async def subscribe(conn: AsyncConnection, access: Access, notices: Notices) -> dict[str, Any]:
    """Write a subscription; its reply is the only one that shows the secret.

    Errors: `InvalidInput` where the partner has too many.
    """
    if len(await list_all(conn, access)) >= MOST_OF_A_PARTNER:
        raise InvalidInput(f"There are {MOST_OF_A_PARTNER} subscriptions; delete one first.")
    secret = new_secret()
    made = await conn.execute(
        insert(Subscription)
        .values(
            company_id=access.company.company_id,
            partner_id=access.partner_id,
            event_name=OCTO,
            secrets=[secret],
            **notices.values,
        )
        .returning(*_COLUMNS)
    )
    shown = _out(made.one())
    await record(conn, access, "webhook.create", f"webhook {shown['id']}", after=_told(shown))
    return shown | {"secret": secret}


async def list_all(conn: AsyncConnection, access: Access) -> list[dict[str, Any]]:
    """The caller's subscriptions, oldest first."""
    query = select(*_COLUMNS).where(*_scope(access))
    rows = await conn.execute(query.order_by(Subscription.created_at, Subscription.subscription_id))
    return [_out(row) for row in rows]


async def find(conn: AsyncConnection, access: Access, subscription_id: str) -> dict[str, Any]:
    """One of the caller's subscriptions. Errors: `NotFound`."""
    return _out(await _in_scope(conn, access, subscription_id))


async def change(
    conn: AsyncConnection, access: Access, subscription_id: str, notices: Notices
) -> dict[str, Any]:
    """Change what is said. Errors: `NotFound`."""
    before = _out(await _in_scope(conn, access, subscription_id))
    if not notices.values:
        return before
    changed = await conn.execute(
        update(Subscription)
        .where(*_scope(access), Subscription.subscription_id == _wanted(subscription_id))
        .values(**notices.values)
        .returning(*_COLUMNS)
    )
    shown = _out(changed.one())
    subject = f"webhook {shown['id']}"
    told = {"before": _told(before), "after": _told(shown)}
    await record(conn, access, "webhook.change", subject, **told)
    return shown


async def unsubscribe(
    conn: AsyncConnection, access: Access, subscription_id: str
) -> dict[str, Any]:
    """Delete a subscription and what waits for it. Errors: `NotFound`."""
    row = await _in_scope(conn, access, subscription_id)
    await delete_subscription(conn, row)
    shown = _out(row)
    await record(conn, access, "webhook.delete", f"webhook {shown['id']}", before=_told(shown))
    return shown


async def _in_scope(conn: AsyncConnection, access: Access, subscription_id: str) -> AnyRow:
    """The only way to one by its id; locked, since it is changed or read once."""
    query = select(*_COLUMNS).where(
        *_scope(access), Subscription.subscription_id == _wanted(subscription_id)
    )
    row = (await conn.execute(query.with_for_update())).one_or_none()
    if row is None:
        raise NotFound("There is no such subscription.")
    return row


def _scope(access: Access) -> tuple[ColumnElement[bool], ...]:
    return (
        Subscription.company_id == access.company.company_id,
        Subscription.partner_id == access.partner_id,
        Subscription.notification_types.is_not(None),
    )


def _wanted(subscription_id: str) -> UUID:
    try:
        return parse_uuid(subscription_id)
    except ValueError:
        raise NotFound("There is no such subscription.") from None


def _out(row: AnyRow) -> dict[str, Any]:
    return {
        "id": str(row.subscription_id),
        "url": row.notification_url,
        "notificationTypes": list(row.notification_types),
        "headers": dict(row.headers),
    }


def _told(shown: dict[str, Any]) -> dict[str, Any]:
    # An address may carry a secret in its query, and so may headers.
    url = shown["url"].partition("?")[0]
    return {"notificationUrl": url, "notificationTypes": shown["notificationTypes"]}
