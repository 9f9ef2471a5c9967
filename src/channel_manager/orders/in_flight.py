"""What is in flight, as it is read to be settled."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta

from sqlalchemy import ARRAY, Uuid, any_, bindparam, func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.catalog.service import Catalogue
from channel_manager.companies.models import Company
from channel_manager.companies.service import COMPANY_COLUMNS
from channel_manager.db import AnyRow
from channel_manager.errors import Refused
from channel_manager.issuance.contents import LineToIssue, ScheduledComponent, Visit
from channel_manager.orders.models import IN_FLIGHT_SQL, Order
from channel_manager.orders.submissions import Submission
from channel_manager.partners.models import Partner
from channel_manager.statements import Statement

# Locked in one order everywhere; what has settled, or was replaced since, is left alone.
_LOCK_IN_FLIGHT = Statement(
    select(
        Order.company_id,
        Order.order_id,
        Order.partner_id,
        Order.submission,
        Order.received_at,
        Order.payment_reference,
        Order.buy_from_order_reference,
        *COMPANY_COLUMNS[1:],
        Partner.hold_minutes,
        func.clock_timestamp().label("now"),
    )
    .join(Company, Company.company_id == Order.company_id)
    .join(
        Partner,
        (Partner.company_id == Order.company_id) & (Partner.partner_id == Order.partner_id),
    )
    .where(
        Order.company_id == bindparam("company_id"),
        Order.order_id == any_(bindparam("orders", type_=ARRAY(Uuid))),
        text(f"orders.{IN_FLIGHT_SQL}"),
    )
    .order_by(Order.order_id)
    .with_for_update(of=Order)
)
_LINES = Statement("""
    SELECT company_id, order_id, submission, line_no, item_number, description, is_package,
        quantity, wallet_count, visit_date, visit_time, sell_to_language, names,
        external_references, component_schedule
    FROM unnest(CAST(:orders AS uuid[]), CAST(:submissions AS int[]))
        AS wanted (order_id, submission)
    JOIN order_lines USING (order_id, submission)
    WHERE company_id = :company_id
    ORDER BY line_no
""")


async def lock_in_flight(
    conn: AsyncConnection, submissions: Sequence[Submission]
) -> dict[Submission, AnyRow]:
    """Those of one company's submissions that haven't settled, locked until the transaction ends.

    Each with its company's columns, its partner's hold, and the database's clock as `now`.
    """
    found = await _LOCK_IN_FLIGHT.rows(
        conn,
        company_id=submissions[0].company_id,
        orders=[submission.order_id for submission in submissions],
    )
    rows = {Submission(row.company_id, row.order_id, row.submission): row for row in found}
    # In the order they came: of two that want the last place, the first gets it.
    return {submission: rows[submission] for submission in submissions if submission in rows}


async def read_lines(
    conn: AsyncConnection, submissions: Sequence[Submission]
) -> dict[Submission, list[AnyRow]]:
    """The lines of one company's submissions, in their order."""
    rows = await _LINES.rows(
        conn,
        company_id=submissions[0].company_id,
        orders=[submission.order_id for submission in submissions],
        submissions=[submission.number for submission in submissions],
    )
    found: dict[Submission, list[AnyRow]] = {submission: [] for submission in submissions}
    for row in rows:
        found[Submission(row.company_id, row.order_id, row.submission)].append(row)
    return found


def line_to_issue(row: AnyRow, items: Catalogue) -> LineToIssue:
    """A line as issuance takes it. Errors: `Refused` where its item is sold no longer, or in
    another way than when it was ordered.
    """
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


def hold_end(order: AnyRow) -> datetime | None:
    """Until when a Draft that settles now holds its places; None: for ever."""
    if order.hold_minutes == 0:
        return None
    end: datetime = order.now + timedelta(minutes=order.hold_minutes)
    return end
