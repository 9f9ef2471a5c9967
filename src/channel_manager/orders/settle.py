"""Taking an accepted order to its end: Issued, Draft or Error (design: One order)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Sequence as DatabaseSequence
from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.capacity import service as capacity
from channel_manager.catalog.service import Catalogue, catalogue
from channel_manager.companies.models import Company
from channel_manager.companies.service import COMPANY_COLUMNS, company_info
from channel_manager.db import AnyRow, Database, Table
from channel_manager.errors import Refused, Unavailable
from channel_manager.issuance.contents import LineToIssue, ScheduledComponent, Visit
from channel_manager.issuance.service import Minting, mint
from channel_manager.orders.models import Order, OrderLine
from channel_manager.orders.places import wants
from channel_manager.orders.service import Submission
from channel_manager.orders.states import IN_FLIGHT, Status
from channel_manager.partners.models import Partner
from channel_manager.webhooks.events import EventName, OrderEvent, publish

log = structlog.get_logger(__name__)

JOB_NUMBERS = DatabaseSequence("job_number_seq", metadata=Table.metadata)


@dataclass(frozen=True, slots=True)
class _Outcome:
    status: Status
    message: str = ""
    hold_expires_at: datetime | None = None


async def settle(database: Database, submission: Submission) -> None:
    """Issue one submission, or set it to Error; nothing where it has settled already.

    Errors: `Unavailable` for a passing fault; the same call may then succeed later.
    """
    try:
        async with database.transaction() as conn:
            await _issue(conn, submission)
    except Refused as refusal:
        await _fail(database, submission, refusal.message)
    except Unavailable:
        raise
    except Exception:
        incident = uuid4().hex[:12]
        log.exception("issuance_failed", order_id=str(submission.order_id), incident=incident)
        await _fail(
            database,
            submission,
            f"The order could not be issued because of a fault at the venue (incident {incident})."
            " Ask the venue to reprocess it, or replace it.",
        )


async def _issue(conn: AsyncConnection, submission: Submission) -> None:
    order = await _lock_in_flight(conn, submission)
    if order is None:
        return
    company = company_info(order)
    items = await catalogue(conn, company)
    lines = await _lines_to_issue(conn, submission, items)
    paid = bool(order.payment_reference)
    wanted = wants(lines, items)
    planned = await capacity.plan(conn, submission.holder, company.zone, wanted)
    minting = Minting(
        company=company,
        items=items,
        order_id=submission.order_id,
        submission=submission.number,
        paid=paid,
        booked_on=local_time.today(company.zone, order.received_at),
        slots=planned.slots,
    )
    await mint(conn, minting, lines)
    # Last, so that a slot that many want is locked for as short as can be.
    await capacity.take(conn, submission.holder, planned)
    if paid:
        outcome = _Outcome(Status.ISSUED)
    else:
        outcome = _Outcome(Status.DRAFT, hold_expires_at=_hold_end(order))
    await _finish(conn, order, outcome, manifest_id=uuid4())


async def _fail(database: Database, submission: Submission, message: str) -> None:
    # The attempt was rolled back, so this locks and looks again: another worker may have
    # settled the order in between.
    async with database.transaction() as conn:
        order = await _lock_in_flight(conn, submission)
        if order is not None:
            log.info("order_refused", order_id=str(submission.order_id), reason=message)
            # What a replace had handed on.
            await capacity.release(conn, order.company_id, [order.order_id], "failed")
            await _finish(conn, order, _Outcome(Status.ERROR, message), manifest_id=None)


async def _lock_in_flight(conn: AsyncConnection, submission: Submission) -> AnyRow | None:
    found = await conn.execute(
        select(
            Order.company_id,
            Order.order_id,
            Order.partner_id,
            Order.status,
            Order.submission,
            Order.received_at,
            Order.payment_reference,
            Order.buy_from_order_reference,
            *COMPANY_COLUMNS[1:],
            Partner.hold_minutes,
            func.now().label("now"),
        )
        .join(Company, Company.company_id == Order.company_id)
        .join(
            Partner,
            (Partner.company_id == Order.company_id) & (Partner.partner_id == Order.partner_id),
        )
        .where(Order.company_id == submission.company_id, Order.order_id == submission.order_id)
        .with_for_update(of=Order)
    )
    order = found.one_or_none()
    if order is None or order.submission != submission.number or order.status not in IN_FLIGHT:
        return None
    return order


async def _lines_to_issue(
    conn: AsyncConnection, submission: Submission, items: Catalogue
) -> Sequence[LineToIssue]:
    rows = await conn.execute(
        select(OrderLine.__table__)
        .where(
            OrderLine.company_id == submission.company_id,
            OrderLine.order_id == submission.order_id,
            OrderLine.submission == submission.number,
        )
        .order_by(OrderLine.line_no)
    )
    return [_line_to_issue(row, items) for row in rows]


def _line_to_issue(row: AnyRow, items: Catalogue) -> LineToIssue:
    item = items.items.get(row.item_number)
    if item is None:
        raise Refused(f"Item {row.item_number} is no longer sold; replace the order without it.")
    # Between the order and now an import may have made a group ticket of it, or a package.
    wallets = 1 if item.is_group else row.quantity
    if (row.wallet_count, row.is_package) != (wallets, item.is_package):
        raise Refused(f"Item {row.item_number} is sold in another way now; replace the order.")
    return LineToIssue(
        line_no=row.line_no,
        item=item,
        quantity=row.quantity,
        wallet_count=row.wallet_count,
        visit=Visit(row.visit_date, row.visit_time),
        language=row.sell_to_language,
        description=row.description,
        names=row.names,
        external_references=row.external_references,
        component_schedule=[_scheduled(entry) for entry in row.component_schedule or ()],
    )


def _scheduled(entry: dict[str, str]) -> ScheduledComponent:
    visit = Visit(date.fromisoformat(entry["visitDate"]), time.fromisoformat(entry["visitTime"]))
    return ScheduledComponent(entry["itemNumber"], visit)


def _hold_end(order: AnyRow) -> datetime | None:
    if order.hold_minutes == 0:
        return None
    end: datetime = order.now + timedelta(minutes=order.hold_minutes)
    return end


async def _finish(
    conn: AsyncConnection, order: AnyRow, outcome: _Outcome, *, manifest_id: UUID | None
) -> None:
    await conn.execute(
        update(Order)
        .where(Order.company_id == order.company_id, Order.order_id == order.order_id)
        .values(
            status=outcome.status,
            status_message=outcome.message,
            job_number=JOB_NUMBERS.next_value(),
            manifest_id=manifest_id,
            hold_expires_at=outcome.hold_expires_at,
            changed_at=func.now(),
        )
    )
    await publish(
        conn,
        OrderEvent(
            company_id=order.company_id,
            partner_id=order.partner_id,
            name=EventName.PROCESSED,
            order_id=order.order_id,
            submission=order.submission,
            buy_from_order_reference=order.buy_from_order_reference,
            status=outcome.status,
        ),
    )
