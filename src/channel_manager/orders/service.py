"""What is done with an order that there is: confirm, delete, reprocess (contract: States).

Each function works inside the caller's transaction, which is committed at the edge.
"""

from sqlalchemy import insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.service import Access
from channel_manager.capacity import service as capacity
from channel_manager.db import AnyRow
from channel_manager.errors import InvalidStatus
from channel_manager.issuance import service as issuance
from channel_manager.jobs import enqueue
from channel_manager.orders.guards import check_not_admitted, check_partner_active
from channel_manager.orders.models import OrderLine
from channel_manager.orders.queries import lock_order_in_scope
from channel_manager.orders.states import IN_FLIGHT, Operation, Status, change
from channel_manager.orders.submissions import Submission, job_of, resubmit, submission_of
from channel_manager.orders.trail import record_change
from channel_manager.statements import Statement
from channel_manager.webhooks.events import EventName, OrderEvent, publish

# The order, and with it its tickets and coupons.
_CONFIRM = Statement("""
    WITH valid AS (
        UPDATE assets SET valid_at = now()
        WHERE company_id = :company AND order_id = :order AND voided_at IS NULL
    )
    UPDATE orders SET status = :status, status_message = '', changed_at = now(),
        payment_reference = :payment_reference, hold_expires_at = NULL, hold_ended_at = NULL
    WHERE company_id = :company AND order_id = :order
""")
# What is removed has no page either.
_DELETE = Statement("""
    UPDATE orders SET status = :status, status_message = '', changed_at = now(),
        hold_expires_at = NULL,
        removed_at = CASE WHEN :removes THEN now() ELSE removed_at END,
        manifest_id = CASE WHEN :removes THEN NULL ELSE manifest_id END
    WHERE company_id = :company AND order_id = :order
""")


async def confirm_order(
    conn: AsyncConnection, access: Access, order_id: str, payment_reference: str
) -> Submission:
    """Take payment of a Draft: it becomes Issued and its assets valid. Issued: no change.

    Errors: `NotFound`, `InvalidStatus`, `Refused` where its hold has run out and the place is gone.
    """
    order = await lock_order_in_scope(conn, access, order_id)
    await confirm_locked(conn, access, order, payment_reference)
    return submission_of(order)


async def confirm_locked(
    conn: AsyncConnection, access: Access, order: AnyRow, payment_reference: str
) -> None:
    """Likewise, of an order that the caller has locked by `lock_order_in_scope`."""
    done = change(Status(order.status), Operation.CONFIRM)
    if done.changes:
        check_partner_active(order)
        if order.hold_ended_at is not None:
            await capacity.take_again(conn, submission_of(order).holder)
        await _CONFIRM.run(
            conn,
            company=order.company_id,
            order=order.order_id,
            status=str(done.to),
            payment_reference=payment_reference,
        )
        await _publish(conn, order, EventName.CONFIRMED, done.to)
        told = {"status": done.to, "paymentReference": payment_reference}
        await record_change(conn, access, "order.confirm", order, told)


async def delete_order(conn: AsyncConnection, access: Access, order_id: str) -> Submission:
    """Cancel an order: its wallets, tickets and coupons are void.

    An Issued order stays as Cancelled; a Draft or Error is gone from the API afterwards.
    Errors: `NotFound`, `InvalidStatus`.
    """
    order = await lock_order_in_scope(conn, access, order_id)
    done = change(Status(order.status), Operation.DELETE)
    if done.changes:
        await check_not_admitted(conn, order, "deleted")
        await issuance.void(conn, order.company_id, order.order_id)
        await capacity.release(conn, order.company_id, [order.order_id], "deleted")
        await _DELETE.run(
            conn,
            company=order.company_id,
            order=order.order_id,
            status=str(done.to),
            removes=done.removes,
        )
        await _publish(conn, order, EventName.CANCELLED, done.to)
        told = {"status": done.to, "removed": done.removes}
        await record_change(conn, access, "order.delete", order, told)
    return submission_of(order)


async def reprocess_order(conn: AsyncConnection, access: Access, order_id: str) -> Submission:
    """Submit an order that failed once more as it stands, or wake one that is in flight.

    Errors: `NotFound`, `InvalidStatus`.
    """
    order = await lock_order_in_scope(conn, access, order_id)
    found = order
    if Status(order.status) is Status.ERROR:
        await _copy_lines(conn, order, order.submission + 1)
        order = await resubmit(conn, order, {})
    elif Status(order.status) not in IN_FLIGHT:
        raise InvalidStatus(
            f"An order that is {order.status} can't be reprocessed; only one that failed can.",
            details={"status": order.status},
        )
    submission = submission_of(order)
    await enqueue(conn, [job_of(submission, sync=False)])
    await record_change(conn, access, "order.reprocess", found, order)
    return submission


async def _copy_lines(conn: AsyncConnection, order: AnyRow, submission: int) -> None:
    columns = [column for column in OrderLine.__table__.columns if column.key != "submission"]
    await conn.execute(
        insert(OrderLine).from_select(
            [*(column.key for column in columns), "submission"],
            select(*columns, literal(submission)).where(
                OrderLine.company_id == order.company_id,
                OrderLine.order_id == order.order_id,
                OrderLine.submission == order.submission,
            ),
        )
    )


async def _publish(conn: AsyncConnection, order: AnyRow, name: EventName, status: Status) -> None:
    await publish(
        conn,
        OrderEvent(
            company_id=order.company_id,
            partner_id=order.partner_id,
            name=name,
            order_id=order.order_id,
            submission=order.submission,
            buy_from_order_reference=order.buy_from_order_reference,
            status=status,
        ),
    )
