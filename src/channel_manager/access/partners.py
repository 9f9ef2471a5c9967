"""A company's partners, for the people who look after them (domain: Partner)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.audit import record
from channel_manager.access.service import Access
from channel_manager.errors import NotFound
from channel_manager.partners.models import Partner
from channel_manager.statements import Statement

_PARTNERS = Statement("""
    SELECT p.partner_id, p.name, p.active, p.hold_minutes, p.order_reference_pattern,
        p.orders_per_year, p.reject_unknown_fields,
        k.keys, k.last_used_at, s.subscriptions, s.stopped
    FROM partners p
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE revoked_at IS NULL
                AND (expires_at IS NULL OR expires_at > now())) AS keys,
            max(last_used_at) AS last_used_at
        FROM api_keys WHERE company_id = p.company_id AND partner_id = p.partner_id) k
    CROSS JOIN LATERAL (
        SELECT count(*) AS subscriptions, count(*) FILTER (WHERE state <> 'active') AS stopped
        FROM webhook_subscriptions
        WHERE company_id = p.company_id AND partner_id = p.partner_id) s
    WHERE p.company_id = :company
    ORDER BY p.active DESC, p.name, p.partner_id
""")


@dataclass(frozen=True, slots=True)
class PartnerOverview:
    """A partner with how it reaches the service. Instants are UTC, to the minute."""

    partner_id: UUID
    name: str
    active: bool
    # How long a Draft holds its places; 0 means for ever.
    hold_minutes: int
    order_reference_pattern: str | None
    orders_per_year: int | None
    reject_unknown_fields: bool
    # Those that are good now.
    keys: int
    last_used_at: datetime | None
    subscriptions: int
    stopped: int


async def list_partners(conn: AsyncConnection, company_id: UUID) -> Sequence[PartnerOverview]:
    """All partners of a company, active ones first, by name."""
    rows = await _PARTNERS.rows(conn, company=company_id)
    return [PartnerOverview(**row._asdict()) for row in rows]


async def find_partner(
    conn: AsyncConnection, company_id: UUID, partner_id: UUID
) -> PartnerOverview:
    """One partner. Errors: `NotFound`."""
    for partner in await list_partners(conn, company_id):
        if partner.partner_id == partner_id:
            return partner
    raise NotFound("There is no such partner.")


async def set_active(
    conn: AsyncConnection, access: Access, partner_id: UUID, *, active: bool
) -> None:
    """Let a partner order, or no longer; its orders stay as they are, and can be read and
    cancelled. The venue file's next import sets it as the file says. Errors: `NotFound`.
    """
    changed = await conn.execute(
        update(Partner)
        .where(
            Partner.company_id == access.company.company_id,
            Partner.partner_id == partner_id,
            Partner.active.is_not(active),
        )
        .values(active=active)
    )
    if changed.rowcount:
        told = {"active": active}
        await record(conn, access, "partner.active", f"partner {partner_id}", after=told)
        return
    await find_partner(conn, access.company.company_id, partner_id)
