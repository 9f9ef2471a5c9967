"""Managing keys: make, list, rotate, revoke (contract: Key). Every finder is scoped."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.audit import record
from channel_manager.access.models import ApiKey
from channel_manager.access.permissions import ALL_PERMISSIONS
from channel_manager.access.service import Access, new_key, stored
from channel_manager.db import AnyRow, AnySelect, new_id
from channel_manager.errors import Forbidden, InvalidInput, NotFound, Problem
from channel_manager.partners.models import Partner
from channel_manager.schemas import parse_uuid

KEY = ApiKey.__table__


@dataclass(frozen=True, slots=True)
class WantedKey:
    """What a new key shall be."""

    name: str = ""
    partner_id: UUID | None = None
    # None: what its maker may do.
    permissions: Sequence[str] | None = None
    rate_limit: int | None = None


async def make_key(conn: AsyncConnection, access: Access, wanted: WantedKey) -> tuple[AnyRow, str]:
    """Make a key: its row, and the key itself, which can't be shown again.

    Nobody gives away more than they have. Errors: `InvalidInput`, `Forbidden`.
    """
    partner_id = wanted.partner_id or access.partner_id
    await _check_partner(conn, access, partner_id)
    held = [name for name in ALL_PERMISSIONS if name in access.permissions]
    permissions = list(dict.fromkeys(wanted.permissions or held))
    lacking = [name for name in permissions if name not in access.permissions]
    if lacking:
        raise Forbidden(f"This key lacks {', '.join(lacking)}, so it can't give it to another.")
    values = {
        "company_id": access.company.company_id,
        "partner_id": partner_id,
        "name": wanted.name,
        "permissions": permissions,
        "rate_limit": wanted.rate_limit,
    }
    row, key = await _insert(conn, values)
    await record(conn, access, "key.create", f"key {row.key_id}", after=_told(row))
    return row, key


async def list_keys(conn: AsyncConnection, access: Access) -> list[AnyRow]:
    """The keys that the caller may manage, revoked ones too, oldest first."""
    query = _in_scope(select(KEY), access).order_by(ApiKey.created_at, ApiKey.key_id)
    return list(await conn.execute(query))


async def rotate_key(
    conn: AsyncConnection, access: Access, key_id: str, overlap: timedelta
) -> tuple[AnyRow, str]:
    """Make a key like this one; the old one stays good for the overlap. Errors: `NotFound`."""
    old = await _lock_good_key(conn, access, key_id)
    lacking = set(old.permissions) - access.permissions
    if lacking:
        raise Forbidden(f"This key lacks {', '.join(sorted(lacking))}, so it can't renew that one.")
    copied = ("company_id", "partner_id", "name", "permissions", "rate_limit")
    row, key = await _insert(conn, {name: getattr(old, name) for name in copied})
    await conn.execute(
        update(ApiKey)
        .where(ApiKey.company_id == old.company_id, ApiKey.key_id == old.key_id)
        # A key that ends sooner by itself still does.
        .values(expires_at=func.least(ApiKey.expires_at, func.now() + overlap))
    )
    await record(
        conn,
        access,
        "key.rotate",
        f"key {old.key_id}",
        before=_told(old),
        after={"newKey": str(row.key_id), "overlapSeconds": int(overlap.total_seconds())},
    )
    return row, key


async def revoke_key(conn: AsyncConnection, access: Access, key_id: str) -> AnyRow:
    """End a key. The next request with it is refused by every process. Errors: `NotFound`."""
    old = await _lock_key(conn, access, key_id)
    if old.revoked_at is not None:
        return old
    revoked = await conn.execute(
        update(ApiKey)
        .where(ApiKey.company_id == old.company_id, ApiKey.key_id == old.key_id)
        .values(revoked_at=func.now())
        .returning(KEY)
    )
    await record(
        conn, access, "key.revoke", f"key {old.key_id}", before=_told(old), after={"revoked": True}
    )
    row: AnyRow = revoked.one()
    return row


def key_out(row: AnyRow) -> dict[str, Any]:
    """A key as the API shows it."""
    return {
        "id": row.key_id,
        "name": row.name,
        "hint": row.hint,
        "partnerId": row.partner_id,
        "permissions": row.permissions,
        "rateLimit": row.rate_limit,
        "createdAt": row.created_at,
        "expiresAt": row.expires_at,
        "revokedAt": row.revoked_at,
        "lastUsedAt": row.last_used_at,
    }


async def _insert(conn: AsyncConnection, values: dict[str, Any]) -> tuple[AnyRow, str]:
    key = new_key()
    inserted = await conn.execute(
        insert(ApiKey).values(key_id=new_id(), **values, **stored(key)).returning(KEY)
    )
    return inserted.one(), key


async def _lock_key(conn: AsyncConnection, access: Access, key_id: str) -> AnyRow:
    try:
        wanted = parse_uuid(key_id)
    except ValueError:
        raise _no_such_key() from None
    query = _in_scope(select(KEY), access).where(ApiKey.key_id == wanted).with_for_update()
    row = (await conn.execute(query)).one_or_none()
    if row is None:
        raise _no_such_key()
    return row


async def _lock_good_key(conn: AsyncConnection, access: Access, key_id: str) -> AnyRow:
    row = await _lock_key(conn, access, key_id)
    good = await conn.scalar(
        select(
            or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now())
            & ApiKey.revoked_at.is_(None)
        ).where(ApiKey.company_id == row.company_id, ApiKey.key_id == row.key_id)
    )
    if not good:
        raise InvalidInput("This key has ended; make a new one.", code="key_ended")
    return row


async def _check_partner(conn: AsyncConnection, access: Access, partner_id: UUID | None) -> None:
    if partner_id is None:
        return
    mine = access.partner_id in (None, partner_id)
    found = await conn.scalar(
        select(Partner.partner_id).where(
            Partner.company_id == access.company.company_id, Partner.partner_id == partner_id
        )
    )
    if not mine or found is None:
        raise InvalidInput.of([Problem("partnerId", "no such partner", "unknown_partner")])


def _in_scope(query: AnySelect, access: Access) -> AnySelect:
    mine = true() if access.partner_id is None else ApiKey.partner_id == access.partner_id
    return query.where(ApiKey.company_id == access.company.company_id, mine)


def _told(row: AnyRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "hint": row.hint,
        "partnerId": str(row.partner_id) if row.partner_id else None,
        "permissions": row.permissions,
    }


def _no_such_key() -> NotFound:
    return NotFound("There is no such key.")
