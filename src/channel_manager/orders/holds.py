"""Drafts whose hold has run out: their capacity goes back, the orders stay (domain: Capacity)."""

from collections import defaultdict
from datetime import datetime
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.service import Access
from channel_manager.capacity import service as capacity
from channel_manager.db import AnyRow, Database
from channel_manager.orders.trail import record_change
from channel_manager.statements import Statement
from channel_manager.webhooks.events import (
    NotificationType,
    publish_bookings,
    publish_notice,
)

log = structlog.get_logger(__name__)

HOLDS_AT_ONCE = 100

# An order that someone is confirming, replacing or deleting is passed over: they decide. Several
# workers share the work, and none does the same order twice.
_EXPIRE = text("""
    WITH lapsed AS (
        SELECT company_id, order_id FROM orders
        WHERE status = 'Draft' AND hold_ended_at IS NULL AND hold_expires_at <= now()
        ORDER BY hold_expires_at LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
    UPDATE orders SET hold_ended_at = now() FROM lapsed
    WHERE orders.company_id = lapsed.company_id AND orders.order_id = lapsed.order_id
    RETURNING orders.company_id, orders.order_id
""")


_DAYS = Statement("""
    SELECT min(visit_date) AS first, max(visit_date) AS last FROM order_lines
    WHERE company_id = :company AND order_id = ANY(:orders)
""")
_EXTEND = Statement("""
    UPDATE orders SET hold_expires_at = :until, changed_at = now()
    WHERE company_id = :company AND order_id = :order
""")


async def extend_hold(
    conn: AsyncConnection, access: Access, order: AnyRow, until: datetime
) -> None:
    """Hold the places of a Draft for longer; the caller has locked it and looked at its hold."""
    await _EXTEND.run(conn, company=order.company_id, order=order.order_id, until=until)
    told = {"status": order.status, "holdExpiresAt": until.isoformat(timespec="seconds")}
    await record_change(conn, access, "order.extend", order, told)
    await publish_bookings(conn, order.company_id, [order.order_id])


async def expire_holds(database: Database) -> int:
    """Give back what Drafts hold whose time is over; returns how many Drafts."""
    total = 0
    while done := await _expire_some(database):
        total += done
    return total


async def _expire_some(database: Database) -> int:
    async with database.transaction() as conn:
        rows = (await conn.execute(_EXPIRE, {"limit": HOLDS_AT_ONCE})).all()
        by_company = defaultdict(list)
        for row in rows:
            by_company[row.company_id].append(row.order_id)
        # Companies share no slots, but their order is kept too, so that the locks' is.
        for company_id in sorted(by_company):
            await capacity.release(conn, company_id, by_company[company_id], "hold_expired")
            await _tell(conn, company_id, by_company[company_id])
    if rows:
        log.info("holds_expired", count=len(rows))
    return len(rows)


async def _tell(conn: AsyncConnection, company_id: UUID, order_ids: list[UUID]) -> None:
    await publish_bookings(conn, company_id, order_ids)
    days = await _DAYS.one(conn, company=company_id, orders=order_ids)
    await publish_notice(
        conn,
        company_id,
        NotificationType.AVAILABILITY,
        localDateStart=days.first.isoformat(),
        localDateEnd=days.last.isoformat(),
    )
