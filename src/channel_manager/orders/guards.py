"""What stands in the way of changing an order, beyond its status."""

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.db import AnyRow
from channel_manager.errors import InvalidInput, InvalidStatus
from channel_manager.issuance import service as issuance
from channel_manager.statements import Statement

_PARTNER_ACTIVE = Statement("""
    SELECT active FROM partners WHERE company_id = :company AND partner_id = :partner
""")


async def check_not_admitted(conn: AsyncConnection, order: AnyRow, done: str) -> None:
    """Lock the order's tickets against the gate. Errors: `InvalidStatus` where one was let in.

    `done` says what can't be: "deleted".
    """
    if await issuance.lock_admitted(conn, order.company_id, order.order_id):
        raise InvalidStatus(
            f"A ticket of this order has been admitted, so the order can't be {done}.",
            details={"status": order.status},
        )


async def check_partner_active(conn: AsyncConnection, order: AnyRow) -> None:
    """Errors: `InvalidInput` where the order's partner may no longer sell."""
    partner = await _PARTNER_ACTIVE.one(conn, company=order.company_id, partner=order.partner_id)
    if partner is None or not partner.active:
        raise InvalidInput(
            "This partner is inactive; ask the venue to activate it.", code="partner_inactive"
        )
