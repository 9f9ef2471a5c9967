"""The orders of one time slot, for the people who look after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.statements import Statement

MOST = 500
_ORDERS = Statement("""
    SELECT o.order_id, o.sell_to_order_reference, o.buy_from_order_reference, o.status,
        o.sell_to_name, o.sell_to_email, o.received_at, p.name AS partner,
        sum(r.quantity) AS guests
    FROM reservations r
    JOIN orders o USING (company_id, order_id)
    JOIN partners p ON p.company_id = o.company_id AND p.partner_id = o.partner_id
    WHERE r.company_id = :company AND r.slot_id = :slot AND r.released_at IS NULL
    GROUP BY o.company_id, o.order_id, p.company_id, p.partner_id
    ORDER BY o.received_at DESC, o.order_id LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class BookedOrder:
    """An order that holds places in a slot. `received_at` is UTC."""

    order_id: UUID
    sell_to_order_reference: str
    buy_from_order_reference: str
    status: str
    sell_to_name: str
    sell_to_email: str
    received_at: datetime
    partner: str
    guests: int


async def slots_orders(
    conn: AsyncConnection, company_id: UUID, slot_id: UUID
) -> Sequence[BookedOrder]:
    """The newest orders that hold places in a slot, at most `MOST`."""
    rows = await _ORDERS.rows(conn, company=company_id, slot=slot_id, most=MOST)
    return [BookedOrder(**row._asdict()) for row in rows]
