"""Taking an accepted order to its end: Issued, Draft or Error (design: One order)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID, uuid4

import structlog
from sqlalchemy import Sequence as DatabaseSequence
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.capacity import service as capacity
from channel_manager.capacity.service import Plan
from channel_manager.catalog.service import Catalogue, catalogue
from channel_manager.companies.service import CompanyInfo, company_info
from channel_manager.db import AnyRow, Database, Table
from channel_manager.errors import Refused, Unavailable
from channel_manager.issuance.contents import LineToIssue
from channel_manager.issuance.service import Minting, mint
from channel_manager.measures import ISSUANCE_SECONDS, ORDERS_SETTLED
from channel_manager.orders.checks import CheckedOrder
from channel_manager.orders.in_flight import hold_end, line_to_issue, lock_in_flight, read_lines
from channel_manager.orders.places import wants
from channel_manager.orders.states import Status
from channel_manager.orders.submissions import Submission, submission_of
from channel_manager.statements import Statement
from channel_manager.webhooks.events import EventName, OrderEvent, publish

log = structlog.get_logger(__name__)

# An order of more is issued alone, since all in one transaction wait for its end.
MANY_WALLETS = 500
JOB_NUMBERS = DatabaseSequence("job_number_seq", metadata=Table.metadata)


@dataclass(frozen=True, slots=True)
class _Settled:
    order: AnyRow
    status: Status
    message: str = ""
    hold_expires_at: datetime | None = None
    # The guest's page; None where there is nothing to show.
    manifest_id: UUID | None = None
    traceparent: str = ""


@dataclass(slots=True)
class _Left:
    """What a transaction has left out, of which it has written nothing."""

    refused: dict[Submission, str] = field(default_factory=dict)
    alone: list[Submission] = field(default_factory=list)
    # What it has settled instead.
    settled: list[_Settled] = field(default_factory=list)


async def settle(
    database: Database, *submissions: Submission, traces: Mapping[Submission, str] | None = None
) -> None:
    """Issue submissions of one company, or set them to Error; nothing where they have settled.

    All in one transaction, which is what makes many orders at once cheap; where that fails, each
    in its own, so that no order suffers for another.
    Errors: `Unavailable` for a passing fault; the same call may then succeed later.
    """
    try:
        async with database.transaction(planned_once=True) as conn:
            left = await _issue(conn, submissions, traces or {})
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001 - told in the order's message, and logged there
        left = _Left()
        if len(submissions) > 1:
            left.alone += submissions
        else:
            left.refused[submissions[0]] = _reason(submissions[0], error)
    for one in left.settled:
        _count(one)
    for submission, message in left.refused.items():
        await _fail(database, submission, message, (traces or {}).get(submission, ""))
    for submission in left.alone:
        await settle(database, submission, traces=traces)


async def settle_within(
    conn: AsyncConnection,
    company: CompanyInfo,
    order: AnyRow,
    checked: CheckedOrder,
    hold_until: datetime | None,
) -> None:
    """Issue an order in the transaction that has just written it, so that its tickets are told.

    A Draft is held until `hold_until`; None: for ever.
    Errors: `Refused` for what the venue's rules don't allow; the caller rolls back.
    """
    submission = submission_of(order)
    items = await catalogue(conn, company)
    left = _Left()
    lines = {submission: [line.to_issue for line in checked.lines]}
    settled = _settled(order, "", hold_until)
    await _issue_lines(conn, company, items, lines, {submission: settled}, left)
    for message in left.refused.values():
        raise Refused(message)
    ORDERS_SETTLED.labels(settled.status).inc()


def _reason(submission: Submission, error: Exception) -> str:
    if isinstance(error, Refused):
        return error.message
    incident = uuid4().hex[:12]
    log.error(
        "issuance_failed", order_id=str(submission.order_id), incident=incident, exc_info=error
    )
    return (
        f"The order could not be issued because of a fault at the venue (incident {incident})."
        " Ask the venue to reprocess it, or replace it."
    )


async def _issue(
    conn: AsyncConnection,
    submissions: Sequence[Submission],
    traces: Mapping[Submission, str],
) -> _Left:
    left = _Left()
    orders = await lock_in_flight(conn, submissions)
    if not orders:
        return left
    company = company_info(next(iter(orders.values())))
    items = await catalogue(conn, company)
    lines: dict[Submission, list[LineToIssue]] = {}
    for submission, rows in (await read_lines(conn, list(orders))).items():
        if len(orders) > 1 and sum(row.wallet_count for row in rows) > MANY_WALLETS:
            left.alone.append(submission)
            continue
        try:
            lines[submission] = [line_to_issue(row, items) for row in rows]
        except Refused as refusal:
            left.refused[submission] = refusal.message
    settled = {
        submission: _settled(order, traces.get(submission, ""), hold_end(order))
        for submission, order in orders.items()
    }
    await _issue_lines(conn, company, items, lines, settled, left)
    return left


async def _issue_lines(
    conn: AsyncConnection,
    company: CompanyInfo,
    items: Catalogue,
    lines: Mapping[Submission, Sequence[LineToIssue]],
    orders: Mapping[Submission, _Settled],
    left: _Left,
) -> None:
    """Issue what there is room for, and note in `left` what there is not and what was settled."""
    wanted = {one.holder: wants(of_it, items) for one, of_it in lines.items()}
    plans = await capacity.plan(conn, company.company_id, company.zone, wanted)
    mintings, taken = [], {}
    for submission, of_it in lines.items():
        planned = plans[submission.holder]
        if isinstance(planned, Refused):
            left.refused[submission] = planned.message
            continue
        taken[submission.holder] = planned
        mintings.append(_minting(orders[submission].order, company, items, of_it, planned))
        left.settled.append(orders[submission])
    await mint(conn, mintings)
    # Late, so that a slot that many want is locked for as short as can be.
    await capacity.take(conn, company.company_id, taken)
    await _finish(conn, left.settled)


def _minting(
    order: AnyRow,
    company: CompanyInfo,
    items: Catalogue,
    lines: Sequence[LineToIssue],
    planned: Plan,
) -> Minting:
    return Minting(
        company=company,
        items=items,
        order_id=order.order_id,
        submission=order.submission,
        lines=lines,
        paid=bool(order.payment_reference),
        booked_on=local_time.today(company.zone, order.received_at),
        slots=planned.slots,
    )


def _settled(order: AnyRow, trace: str, hold_until: datetime | None) -> _Settled:
    status = Status.ISSUED if order.payment_reference else Status.DRAFT
    hold = None if order.payment_reference else hold_until
    return _Settled(order, status, hold_expires_at=hold, manifest_id=uuid4(), traceparent=trace)


def _count(settled: _Settled) -> None:
    ORDERS_SETTLED.labels(settled.status).inc()
    if settled.order.submission == 1:
        ISSUANCE_SECONDS.observe((settled.order.now - settled.order.received_at).total_seconds())


async def _fail(database: Database, submission: Submission, message: str, trace: str) -> None:
    # The attempt was rolled back, so this locks and looks again: another worker may have
    # settled the order in between.
    async with database.transaction() as conn:
        for order in (await lock_in_flight(conn, [submission])).values():
            log.info("order_refused", order_id=str(submission.order_id), reason=message)
            # What a replace had handed on.
            await capacity.release(conn, order.company_id, [order.order_id], "failed")
            failed = _Settled(order, Status.ERROR, message, traceparent=trace)
            await _finish(conn, [failed])
            _count(failed)


_FINISH = Statement("""
    UPDATE orders SET status = done.status, status_message = done.message,
        job_number = nextval('job_number_seq'), manifest_id = done.manifest_id,
        hold_expires_at = done.hold_expires_at, changed_at = now()
    FROM unnest(CAST(:orders AS uuid[]), CAST(:statuses AS text[]), CAST(:messages AS text[]),
            CAST(:manifests AS uuid[]), CAST(:holds AS timestamptz[]))
        AS done (order_id, status, message, manifest_id, hold_expires_at)
    WHERE orders.company_id = :company_id AND orders.order_id = done.order_id
""")


async def _finish(conn: AsyncConnection, settled: Sequence[_Settled]) -> None:
    if not settled:
        return
    await _FINISH.run(
        conn,
        company_id=settled[0].order.company_id,
        orders=[one.order.order_id for one in settled],
        statuses=[str(one.status) for one in settled],
        messages=[one.message for one in settled],
        manifests=[one.manifest_id for one in settled],
        holds=[one.hold_expires_at for one in settled],
    )
    await publish(conn, *(_processed(one) for one in settled))


def _processed(settled: _Settled) -> OrderEvent:
    order = settled.order
    return OrderEvent(
        company_id=order.company_id,
        partner_id=order.partner_id,
        name=EventName.PROCESSED,
        order_id=order.order_id,
        submission=order.submission,
        buy_from_order_reference=order.buy_from_order_reference,
        status=settled.status,
        traceparent=settled.traceparent,
    )
