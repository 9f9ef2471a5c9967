"""What the audit trail keeps of an order: nothing of its guests, since the trail can't forget."""

from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.audit import record
from channel_manager.access.service import Access
from channel_manager.db import AnyRow

Fields = dict[str, Any]


async def record_new(conn: AsyncConnection, access: Access, order: AnyRow) -> None:
    """Write that an order was created."""
    await record(conn, access, "order.create", f"order {order.order_id}", after=_told(order))


async def record_change(
    conn: AsyncConnection, access: Access, action: str, before: AnyRow, after: AnyRow | Fields
) -> None:
    """Write what was done to an order."""
    told = after if isinstance(after, dict) else _told(after)
    subject = f"order {before.order_id}"
    await record(conn, access, action, subject, before=_told(before), after=told)


def _told(order: AnyRow) -> Fields:
    return {
        "status": order.status,
        "submission": order.submission,
        "partnerId": str(order.partner_id),
        "sellToOrderReference": order.sell_to_order_reference,
        "paymentReference": order.payment_reference,
    }
