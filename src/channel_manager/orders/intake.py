"""Taking orders in: new ones, and new contents for one that there is (contract: Addresses).

Each function works inside the caller's transaction, which is committed at the edge.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.service import Access
from channel_manager.capacity import service as capacity
from channel_manager.db import AnyRow, new_id
from channel_manager.errors import ChannelError, InvalidInput, Problem, Unavailable
from channel_manager.issuance import service as issuance
from channel_manager.issuance.numbers import NumberPattern, order_reference
from channel_manager.jobs import enqueue
from channel_manager.orders.checks import CheckedLine, CheckedOrder, check_order
from channel_manager.orders.guards import check_not_admitted
from channel_manager.orders.models import Order
from channel_manager.orders.places import line_path
from channel_manager.orders.queries import ORDER, lock_order_in_scope
from channel_manager.orders.schemas import OrderIn
from channel_manager.orders.states import Operation, Status, change
from channel_manager.orders.submissions import Submission, job_of, resubmit, submission_of
from channel_manager.orders.trail import record_change, record_new
from channel_manager.statements import Statement, json_text

REFERENCE_TRIES = 20


@dataclass(frozen=True, slots=True)
class Accepted:
    """An order's row as it was written, unsettled, and what it was checked to hold."""

    order: AnyRow
    checked: CheckedOrder


class DuplicateOrder(ChannelError):
    """400: the partner has an order of this reference; the body names it."""

    code = "duplicate_order"


async def create_order(
    conn: AsyncConnection, access: Access, body: OrderIn, now: datetime, *, sync: bool
) -> AnyRow:
    """Accept an order: write it, its lines and the job that will issue it.

    Errors: `InvalidInput`, `DuplicateOrder`.
    """
    order = (await accept_order(conn, access, body, now)).order
    await enqueue(conn, [job_of(submission_of(order), sync=sync)])
    return order


async def accept_order(
    conn: AsyncConnection, access: Access, body: OrderIn, now: datetime
) -> Accepted:
    """Write an order and its lines, for whoever settles it in the same transaction.

    Errors: `InvalidInput`, `DuplicateOrder`.
    """
    checked = await check_order(conn, access, body, now)
    order = await _insert_order(conn, access, checked, now)
    await _claim_references(conn, submission_of(order), checked.lines)
    await record_new(conn, access, order)
    return Accepted(order, checked)


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
    replaced = (await rewrite_order(conn, access, order, body, now, Operation.REPLACE)).order
    await enqueue(conn, [job_of(submission_of(replaced), sync=sync)])
    return replaced


async def rewrite_order(
    conn: AsyncConnection,
    access: Access,
    order: AnyRow,
    body: OrderIn,
    now: datetime,
    operation: Operation,
) -> Accepted:
    """Write new contents of an order that the caller has locked: its next submission, unsettled.

    Errors: `InvalidStatus`, `InvalidInput`; the caller rolls back.
    """
    _check_immutable(order, body)
    change(Status(order.status), operation)
    if order.status == Status.ISSUED:
        await check_not_admitted(conn, order, "updated")
    checked = await check_order(conn, access, body, now)
    await issuance.void(conn, order.company_id, order.order_id)
    replaced = await resubmit(conn, order, _header(checked))
    submission = submission_of(replaced)
    await _write_lines(conn, submission, checked.lines)
    await _claim_references(conn, submission, checked.lines)
    # After the references: whoever has locked slots never waits for a reference.
    await capacity.move(
        conn,
        submission_of(order).holder,
        submission.holder,
        access.company.zone,
        checked.wants,
    )
    await record_change(conn, access, f"order.{operation}", order, replaced)
    return Accepted(replaced, checked)


def _header(checked: CheckedOrder) -> dict[str, Any]:
    body = checked.body
    return {
        "sell_to_email": body.sellToEmail or "",
        "sell_to_name": body.sellToName or "",
        "sell_to_language": body.sellToLanguage or "",
        "payment_reference": body.paymentReference or "",
    }


_COLUMNS = ", ".join(column.name for column in ORDER.columns)
_LINES = """
    INSERT INTO order_lines (company_id, order_id, submission, line_no, item_number, description,
        is_package, quantity, wallet_count, visit_date, visit_time, sell_to_email, sell_to_name,
        sell_to_language, names, external_references, component_schedule)
    SELECT accepted.company_id, accepted.order_id, accepted.submission, line.line_no,
        line.item_number, line.description, line.is_package, line.quantity, line.wallet_count,
        line.visit_date, line.visit_time, line.sell_to_email, line.sell_to_name,
        line.sell_to_language, line.names, line.external_references, line.component_schedule
    FROM accepted
    CROSS JOIN jsonb_populate_recordset(CAST(NULL AS order_lines), CAST(:lines AS jsonb)) AS line
"""
_WRITE_LINES = Statement(
    f"""
    WITH accepted AS (
        SELECT CAST(:company AS uuid) AS company_id, CAST(:order AS uuid) AS order_id,
            CAST(:submission AS int) AS submission
    ) {_LINES}
"""
)
# The order and its lines in one, since it is on the path of every order.
_INSERT = Statement(
    f"""
    WITH accepted AS (
        INSERT INTO orders (company_id, order_id, partner_id, sell_to_order_reference,
            reference_key, buy_from_order_reference, status, status_message, sell_to_email,
            sell_to_name, sell_to_language, payment_reference, submission)
        VALUES (:company, :order, :partner, :reference, :reference_key, :own_reference, :status,
            '', :sell_to_email, :sell_to_name, :sell_to_language, :payment_reference, 1)
        ON CONFLICT DO NOTHING
        RETURNING {_COLUMNS}
    ), lines AS ({_LINES})
    SELECT {_COLUMNS} FROM accepted
"""  # noqa: S608 - our own text
)


async def _insert_order(
    conn: AsyncConnection, access: Access, checked: CheckedOrder, now: datetime
) -> AnyRow:
    body, company_id = checked.body, access.company.company_id
    for _ in range(REFERENCE_TRIES):
        order: AnyRow | None = await _INSERT.one(
            conn,
            company=company_id,
            order=new_id(),
            partner=body.partnerId,
            reference=body.sellToOrderReference,
            reference_key=body.sellToOrderReference.casefold(),
            own_reference=await _draw_reference(conn, checked, now),
            status=str(Status.SUBMITTED),
            lines=_lines_json(checked.lines),
            **_header(checked),
        )
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
    await _WRITE_LINES.run(
        conn,
        company=submission.company_id,
        order=submission.order_id,
        submission=submission.number,
        lines=_lines_json(lines),
    )


async def _claim_references(
    conn: AsyncConnection, submission: Submission, lines: Sequence[CheckedLine]
) -> None:
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


def _lines_json(lines: Sequence[CheckedLine]) -> str:
    return json_text([_line_row(line) for line in lines])


def _line_row(line: CheckedLine) -> dict[str, Any]:
    return {
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
