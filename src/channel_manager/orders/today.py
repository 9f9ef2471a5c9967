"""How a venue's day goes: figures for the people who look after it, cheap however many orders."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.companies.service import CompanyInfo
from channel_manager.orders.states import Status
from channel_manager.statements import Statement

# More than so many of a kind are not counted: nobody handles them one by one.
MOST_COUNTED = 1_000
_SHOWN = 10

# By partner, since orders are indexed by partner and time.
_RECEIVED = Statement("""
    SELECT p.partner_id, p.name, o.status, count(*) AS number
    FROM partners p
    CROSS JOIN LATERAL (
        SELECT status FROM orders
        WHERE company_id = p.company_id AND partner_id = p.partner_id
            AND received_at >= :since AND removed_at IS NULL) o
    WHERE p.company_id = :company
    GROUP BY 1, 2, 3 ORDER BY p.name, p.partner_id
""")
_IN_FLIGHT = Statement("""
    SELECT count(*) AS number, extract(epoch FROM now() - min(received_at)) AS oldest
    FROM orders
    WHERE company_id = :company AND status IN ('Submitted', 'Scheduled', 'Processing')
""")
# By the index of what is neither issued nor in flight; ids are in the order in which orders came.
_FAILED = Statement("""
    SELECT order_id, sell_to_order_reference, status_message, received_at,
        count(*) OVER () AS number
    FROM (
        SELECT * FROM orders
        WHERE company_id = :company AND status = 'Error' AND removed_at IS NULL
        ORDER BY order_id DESC LIMIT :most) failed
    ORDER BY order_id DESC LIMIT :shown
""")
_HOLDS = Statement("""
    SELECT count(*) AS number FROM (
        SELECT 1 FROM orders
        WHERE status = 'Draft' AND hold_ended_at IS NULL AND company_id = :company
            AND hold_expires_at < now() + interval '30 minutes'
        LIMIT :most) soon
""")


@dataclass(frozen=True, slots=True)
class PartnersDay:
    """One partner's orders of the day, by state."""

    partner_id: UUID
    name: str
    by_status: dict[Status, int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_status.values())


@dataclass(frozen=True, slots=True)
class FailedOrder:
    """An order that needs a person. `received_at` is UTC."""

    order_id: UUID
    reference: str
    message: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class Today:
    """The venue-local day so far, and what is under way whenever it came."""

    partners: Sequence[PartnersDay]
    in_flight: int
    # Seconds since the oldest order in flight came; None where there is none.
    oldest_in_flight: float | None
    failed: int
    newest_failed: Sequence[FailedOrder]
    # Drafts whose hold runs out within half an hour.
    holds_ending: int

    def total(self, status: Status) -> int:
        """The day's orders in a state."""
        return sum(partner.by_status.get(status, 0) for partner in self.partners)


async def todays_figures(conn: AsyncConnection, company: CompanyInfo, now: datetime) -> Today:
    """How the company's day goes; it began at the venue's midnight."""
    since = local_time.day_start(local_time.today(company.zone, now), company.zone)
    here = {"company": company.company_id}
    received = await _RECEIVED.rows(conn, **here, since=since)
    in_flight = await _IN_FLIGHT.one(conn, **here)
    failed = await _FAILED.rows(conn, **here, most=MOST_COUNTED, shown=_SHOWN)
    holds = await _HOLDS.one(conn, **here, most=MOST_COUNTED)
    days: dict[UUID, PartnersDay] = {}
    for row in received:
        day = days.setdefault(row.partner_id, PartnersDay(row.partner_id, row.name, {}))
        day.by_status[Status(row.status)] = row.number
    return Today(
        partners=list(days.values()),
        in_flight=in_flight.number,
        oldest_in_flight=None if in_flight.oldest is None else float(in_flight.oldest),
        failed=failed[0].number if failed else 0,
        newest_failed=[
            FailedOrder(
                row.order_id, row.sell_to_order_reference, row.status_message, row.received_at
            )
            for row in failed
        ],
        holds_ending=holds.number,
    )
