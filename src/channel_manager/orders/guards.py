"""What stands in the way of changing an order, beyond its status."""

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.db import AnyRow
from channel_manager.errors import InvalidInput, InvalidStatus
from channel_manager.issuance import service as issuance


async def check_not_admitted(conn: AsyncConnection, order: AnyRow, done: str) -> None:
    """Lock the order's tickets against the gate. Errors: `InvalidStatus` where one was let in.

    `done` says what can't be: "deleted".
    """
    if await issuance.lock_admitted(conn, order.company_id, order.order_id):
        raise InvalidStatus(
            f"A ticket of this order has been admitted, so the order can't be {done}.",
            details={"status": order.status},
        )


def check_partner_active(order: AnyRow) -> None:
    """Errors: `InvalidInput` where the partner of a locked order may no longer sell."""
    if not order.partner_active:
        raise InvalidInput(
            "This partner is inactive; ask the venue to activate it.", code="partner_inactive"
        )
