"""What partners do with orders: create, replace, confirm, delete (contract: Addresses, States).

Each function works inside the caller's transaction, which is committed at the edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.service import Access
from channel_manager.capacity import service as capacity
from channel_manager.capacity.service import Holder
from channel_manager.db import AnyRow, new_id
from channel_manager.errors import ChannelError, InvalidInput, InvalidStatus, Problem, Unavailable
from channel_manager.issuance import service as issuance
from channel_manager.issuance.numbers import NumberPattern, order_reference
from channel_manager.jobs import Job, enqueue, issue_job
from channel_manager.orders.checks import CheckedLine, CheckedOrder, check_order
from channel_manager.orders.models import Order, OrderLine
from channel_manager.orders.places import line_path
from channel_manager.orders.queries import ORDER, lock_order_in_scope
from channel_manager.orders.schemas import OrderIn
from channel_manager.orders.states import IN_FLIGHT, Operation, Status, change
from channel_manager.partners.models import Partner
from channel_manager.webhooks.events import EventName, OrderEvent, publish

# A synchronous request issues its order itself; the job is there for when it dies on the way.
SYNC_JOB_DELAY = 15.0
REFERENCE_TRIES = 20


@dataclass(frozen=True, slots=True)
class Submission:
    """One submission of an order: what a job is about."""

    company_id: UUID
    order_id: UUID
    number: int

    @property
    def holder(self) -> Holder:
        """As what holds places at the venue."""
        return Holder(self.company_id, self.order_id, self.number)


class DuplicateOrder(ChannelError):
    """400: the partner has an order of this reference; the body names it."""

    code = "duplicate_order"


async def create_order(
    conn: AsyncConnection, access: Access, body: OrderIn, now: datetime, *, sync: bool
) -> AnyRow:
    """Accept an order: write it, its lines and the job that will issue it.

    Errors: `InvalidInput`, `DuplicateOrder`.
    """
    checked = await check_order(conn, access, body, now)
    company_id = access.company.company_id
    order = await _insert_order(conn, company_id, checked, now)
    submission = submission_of(order)
    await _write_lines(conn, submission, checked.lines)
    await enqueue(conn, [_job(submission, sync=sync)])
    return order


async def replace_order(
    conn: AsyncConnection,
    access: Access,
    order_id: str,
    body: OrderIn,
    now: datetime,
    *,
    sync: bool,
) -> AnyRow:
    """Take an order's contents back and submit new ones under the same id.

    Errors: `NotFound`, `InvalidStatus`, `InvalidInput`; after any of them nothing has changed.
    """
    order = await lock_order_in_scope(conn, access, order_id)
    _check_immutable(order, body)
    change(Status(order.status), Operation.REPLACE)
    checked = await check_order(conn, access, body, now)
    await issuance.void(conn, order.company_id, order.order_id)
    replaced = await _resubmit(conn, order, _header(checked))
    submission = submission_of(replaced)
    await capacity.move(
        conn,
        submission_of(order).holder,
        submission.holder,
        access.company.zone,
        checked.wants,
    )
    await _write_lines(conn, submission, checked.lines)
    await enqueue(conn, [_job(submission, sync=sync)])
    return replaced


async def confirm_order(
    conn: AsyncConnection, access: Access, order_id: str, payment_reference: str
) -> Submission:
    """Take payment of a Draft: it becomes Issued and its assets valid. Issued: no change.

    Errors: `NotFound`, `InvalidStatus`, `Refused` where its hold has run out and the place is gone.
    """
    order = await lock_order_in_scope(conn, access, order_id)
    done = change(Status(order.status), Operation.CONFIRM)
    if done.changes:
        await _check_partner_active(conn, order)
        if order.hold_ended_at is not None:
            await capacity.take_again(conn, submission_of(order).holder)
        await issuance.validate(conn, order.company_id, order.order_id)
        await _set_status(
            conn,
            order,
            done.to,
            {
                "payment_reference": payment_reference,
                "hold_expires_at": None,
                "hold_ended_at": None,
            },
        )
        await _publish(conn, order, EventName.CONFIRMED, done.to)
    return submission_of(order)


async def delete_order(conn: AsyncConnection, access: Access, order_id: str) -> Submission:
    """Cancel an order: its wallets, tickets and coupons are void.

    An Issued order stays as Cancelled; a Draft or Error is gone from the API afterwards.
    Errors: `NotFound`, `InvalidStatus`.
    """
    order = await lock_order_in_scope(conn, access, order_id)
    done = change(Status(order.status), Operation.DELETE)
    if done.changes:
        await _check_not_admitted(conn, order)
        await issuance.void(conn, order.company_id, order.order_id)
        await capacity.release(conn, order.company_id, [order.order_id], "deleted")
        removed = {"removed_at": func.now(), "manifest_id": None} if done.removes else {}
        await _set_status(conn, order, done.to, {"hold_expires_at": None, **removed})
        await _publish(conn, order, EventName.CANCELLED, done.to)
    return submission_of(order)


async def reprocess_order(conn: AsyncConnection, access: Access, order_id: str) -> Submission:
    """Submit an order that failed once more as it stands, or wake one that is in flight.

    Errors: `NotFound`, `InvalidStatus`.
    """
    order = await lock_order_in_scope(conn, access, order_id)
    if Status(order.status) is Status.ERROR:
        await _copy_lines(conn, order, order.submission + 1)
        order = await _resubmit(conn, order, {})
    elif Status(order.status) not in IN_FLIGHT:
        raise InvalidStatus(
            f"An order that is {order.status} can't be reprocessed; only one that failed can.",
            details={"status": order.status},
        )
    submission = submission_of(order)
    await enqueue(conn, [_job(submission, sync=False)])
    return submission


def submission_of(order: AnyRow) -> Submission:
    """The current submission of an order."""
    return Submission(order.company_id, order.order_id, order.submission)


def _job(submission: Submission, *, sync: bool) -> Job:
    return issue_job(
        submission.company_id,
        submission.order_id,
        submission.number,
        delay=SYNC_JOB_DELAY if sync else 0,
    )


def _header(checked: CheckedOrder) -> dict[str, Any]:
    body = checked.body
    return {
        "sell_to_email": body.sellToEmail or "",
        "sell_to_name": body.sellToName or "",
        "sell_to_language": body.sellToLanguage or "",
        "payment_reference": body.paymentReference or "",
    }


async def _resubmit(conn: AsyncConnection, order: AnyRow, header: dict[str, Any]) -> AnyRow:
    done = await conn.execute(
        update(Order)
        .where(Order.company_id == order.company_id, Order.order_id == order.order_id)
        .values(
            **header,
            status=Status.SUBMITTED,
            status_message="",
            submission=order.submission + 1,
            job_number=None,
            manifest_id=None,
            hold_expires_at=None,
            hold_ended_at=None,
            changed_at=func.now(),
        )
        .returning(ORDER)
    )
    resubmitted: AnyRow = done.one()
    return resubmitted


async def _insert_order(
    conn: AsyncConnection, company_id: UUID, checked: CheckedOrder, now: datetime
) -> AnyRow:
    body = checked.body
    for _ in range(REFERENCE_TRIES):
        inserted = await conn.execute(
            pg_insert(Order)
            .values(
                company_id=company_id,
                order_id=new_id(),
                partner_id=body.partnerId,
                sell_to_order_reference=body.sellToOrderReference,
                reference_key=body.sellToOrderReference.casefold(),
                buy_from_order_reference=await _draw_reference(conn, checked, now),
                status=Status.SUBMITTED,
                **_header(checked),
            )
            .on_conflict_do_nothing()
            .returning(ORDER)
        )
        order: AnyRow | None = inserted.one_or_none()
        if order is not None:
            return order
        await _refuse_duplicate(conn, company_id, body)
        # Not the partner's reference, so ours clashed: 4 characters a second are few.
    raise Unavailable(
        "The venue has no free order references left; ask it to widen its orderReferencePattern."
    )


async def _draw_reference(conn: AsyncConnection, checked: CheckedOrder, now: datetime) -> str:
    own = checked.partner.order_reference_pattern
    if not own:
        return order_reference(now)
    pattern = NumberPattern.parse(own)
    sequence = await issuance.next_in_sequence(conn, 1) if pattern.needs_sequence else None
    return pattern.draw(1, sequence)[0]


async def _refuse_duplicate(conn: AsyncConnection, company_id: UUID, body: OrderIn) -> None:
    found = await conn.execute(
        select(Order.order_id).where(
            Order.company_id == company_id,
            Order.partner_id == body.partnerId,
            Order.reference_key == body.sellToOrderReference.casefold(),
            Order.removed_at.is_(None),
        )
    )
    existing = found.scalar_one_or_none()
    if existing is not None:
        raise DuplicateOrder(
            f"sellToOrderReference: {body.sellToOrderReference} is order {existing} already;"
            " read that order, or send another reference.",
            details={"orderId": str(existing)},
        )


async def _write_lines(
    conn: AsyncConnection, submission: Submission, lines: Sequence[CheckedLine]
) -> None:
    await conn.execute(insert(OrderLine), [_line_row(submission, line) for line in lines])
    claims = [
        issuance.Claim(line.line_no, seq_no, reference)
        for line in lines
        for seq_no, reference in enumerate(line.external_references or (), start=1)
        if reference
    ]
    taken = await issuance.claim_references(
        conn, submission.company_id, submission.order_id, claims
    )
    if taken:
        raise InvalidInput.of([_taken(claim) for claim in taken])


def _line_row(submission: Submission, line: CheckedLine) -> dict[str, Any]:
    return {
        "company_id": submission.company_id,
        "order_id": submission.order_id,
        "submission": submission.number,
        "line_no": line.line_no,
        "item_number": line.item.number,
        "description": line.description,
        "is_package": line.item.is_package,
        "quantity": line.source.quantity,
        "wallet_count": line.wallet_count,
        "visit_date": line.source.visitDate,
        "visit_time": line.source.visitTime,
        "sell_to_email": line.sell_to_email,
        "sell_to_name": line.sell_to_name,
        "sell_to_language": line.sell_to_language,
        "names": line.names,
        "external_references": line.external_references,
        "component_schedule": line.component_schedule,
    }


def _taken(claim: issuance.Claim) -> Problem:
    return Problem(
        f"{line_path(claim.line_no)}.wallet.externalReferenceNumbers[{claim.seq_no - 1}]",
        f"{claim.reference} is used by another wallet; give each wallet its own reference",
        "wallet_reference_taken",
    )


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


def _check_immutable(order: AnyRow, body: OrderIn) -> None:
    problems = []
    if body.partnerId != order.partner_id:
        problems.append(
            Problem("partnerId", f"must stay {order.partner_id} in a replace", "immutable_field")
        )
    if body.sellToOrderReference.casefold() != order.reference_key:
        problems.append(
            Problem(
                "sellToOrderReference",
                f"must stay {order.sell_to_order_reference} in a replace",
                "immutable_field",
            )
        )
    if problems:
        raise InvalidInput.of(problems)


async def _check_not_admitted(conn: AsyncConnection, order: AnyRow) -> None:
    if await issuance.lock_admitted(conn, order.company_id, order.order_id):
        raise InvalidStatus(
            "A ticket of this order has been admitted, so the order can't be deleted.",
            details={"status": order.status},
        )


async def _check_partner_active(conn: AsyncConnection, order: AnyRow) -> None:
    active = await conn.scalar(
        select(Partner.active).where(
            Partner.company_id == order.company_id, Partner.partner_id == order.partner_id
        )
    )
    if not active:
        raise InvalidInput(
            "This partner is inactive; ask the venue to activate it.", code="partner_inactive"
        )


async def _set_status(
    conn: AsyncConnection, order: AnyRow, status: Status, values: dict[str, Any]
) -> None:
    await conn.execute(
        update(Order)
        .where(Order.company_id == order.company_id, Order.order_id == order.order_id)
        .values(status=status, status_message="", changed_at=func.now(), **values)
    )


async def _publish(conn: AsyncConnection, order: AnyRow, name: EventName, status: Status) -> None:
    await publish(
        conn,
        OrderEvent(
            company_id=order.company_id,
            partner_id=order.partner_id,
            name=name,
            order_id=order.order_id,
            buy_from_order_reference=order.buy_from_order_reference,
            status=status,
        ),
    )
