"""Finding orders for the people at the venue, quick however many there are (decision 0027).

Whatever was typed is looked up in the indexes that fit, and gives a few candidates; else the newest
orders are looked through, a bounded number for each page, so that no question takes for ever.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.companies.service import CompanyInfo
from channel_manager.db import Database
from channel_manager.orders.search_terms import Term, read_term
from channel_manager.orders.states import IN_FLIGHT, Status
from channel_manager.statements import Statement

PAGE = 50
# More that match are no longer looked up one by one: a common name's are found among the newest.
# Of orders, of their lines, and of their wallets, which may each bear the name.
MOST_CANDIDATES = 5_000
# How many orders a page looks through at most; fewer where each is asked for its guests' names.
LOOKED_THROUGH = 5_000
ASKED_FOR_NAMES = 3_000
# By how much machines' clocks may differ: an order's id has its API process's time in it.
CLOCKS = timedelta(hours=1)
UNUSUAL = frozenset({Status.DRAFT, Status.ERROR, Status.CANCELLED})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for: all that is given must hold. Days are the venue's own."""

    term: str = ""
    statuses: frozenset[Status] = frozenset()
    partner_id: UUID | None = None
    item: str = ""
    visit_from: date | None = None
    visit_to: date | None = None
    came_from: date | None = None
    came_to: date | None = None


@dataclass(frozen=True, slots=True)
class FoundOrder:
    """An order as a list shows it. `received_at` is UTC, `visit_date` venue-local, `total` with
    VAT in `currency`, both None where nothing has been issued.
    """

    order_id: UUID
    sell_to_order_reference: str
    buy_from_order_reference: str
    partner: str
    status: str
    status_message: str
    sell_to_name: str
    sell_to_email: str
    received_at: datetime
    removed_at: datetime | None
    visit_date: date | None
    guests: int
    total: Decimal | None
    currency: str | None


@dataclass(frozen=True, slots=True)
class FoundPage:
    """Orders, newest first. `after` is where the next page begins; None on the last.

    A page with few orders or none may have one after it: so many were looked through.
    """

    orders: Sequence[FoundOrder]
    after: UUID | None
    # How far back this page has looked, where it found less than a page; UTC.
    looked_back_to: datetime | None


_PLAN_ANEW = text("SET LOCAL plan_cache_mode = force_custom_plan")
# Each look-up is by an index of its own.
_EXACT = Statement("""
    SELECT order_id FROM orders
    WHERE company_id = :company AND order_id = :id
    UNION SELECT order_id FROM orders WHERE company_id = :company AND manifest_id = :id
    UNION SELECT order_id FROM wallets
        WHERE company_id = :company AND (wallet_id = :id OR manifest_id = :id)
    UNION SELECT order_id FROM orders WHERE company_id = :company AND reference_key = :folded
        AND removed_at IS NULL AND partner_id IN (
            SELECT partner_id FROM partners WHERE company_id = :company)
    UNION SELECT order_id FROM orders
        WHERE company_id = :company AND buy_from_order_reference IN (:said, upper(:said))
    UNION SELECT order_id FROM orders
        WHERE company_id = :company AND payment_reference = :said AND payment_reference <> ''
    UNION SELECT order_id FROM wallets
        WHERE company_id = :company AND reference_number IN (:said, :plain)
    UNION SELECT order_id FROM wallets
        WHERE company_id = :company AND external_reference = :said AND external_reference <> ''
    UNION SELECT order_id FROM assets WHERE company_id = :company
        AND reference_number IN (:said, :plain, upper(:said), upper(:plain))
    UNION SELECT order_id FROM orders WHERE company_id = :company AND job_number = :job
    LIMIT 1000
""")
_WORDS = """
    WITH wanted AS MATERIALIZED (
        SELECT CAST(string_agg(quote_literal(word) || ':*', ' & ') AS tsquery) AS query,
            -- Without the company's mark before it.
            (array_agg(substr(word, 10) ORDER BY length(word) DESC))[1] AS longest
        FROM unnest(guest_words(:company, :said, '')) AS word)
"""
# The fence keeps the planner from walking all orders by time for one that it takes for common.
_GUESTS = [
    Statement(f"""
        {_WORDS}
        SELECT order_id FROM (
            SELECT order_id FROM {table}
            WHERE array_to_tsvector(guest_words(company_id, {columns}))
                @@ (SELECT query FROM wanted) AND company_id = :company
            OFFSET 0) found
        LIMIT :most
    """)  # noqa: S608 - our own text
    for table, columns in (
        ("orders", "sell_to_name, sell_to_email"),
        ("order_lines", "sell_to_name, sell_to_email"),
        ("wallets", "name, ''"),
    )
]
_VISITS = Statement("""
    SELECT order_id FROM (
        SELECT order_id FROM order_lines
        WHERE company_id = :company AND visit_date BETWEEN :first AND :last OFFSET 0) found
    LIMIT :most
""")
_SHOWN = Statement("""
    SELECT o.order_id, o.sell_to_order_reference, o.buy_from_order_reference, p.name AS partner,
        o.status, o.status_message, o.sell_to_name, o.sell_to_email, o.received_at, o.removed_at,
        l.visit_date, coalesce(l.guests, 0) AS guests, w.total, w.currency
    FROM orders o
    JOIN partners p ON p.company_id = o.company_id AND p.partner_id = o.partner_id
    CROSS JOIN LATERAL (
        SELECT min(visit_date) AS visit_date, sum(quantity) AS guests FROM order_lines
        WHERE company_id = o.company_id AND order_id = o.order_id
            AND submission = o.submission) l
    CROSS JOIN LATERAL (
        SELECT sum(price_incl_vat) AS total, min(currency) AS currency FROM wallets
        WHERE company_id = o.company_id AND order_id = o.order_id
            AND submission = o.submission) w
    WHERE o.company_id = :company AND o.order_id = ANY(:orders)
    ORDER BY o.order_id DESC
""")


async def search_orders(
    conn: AsyncConnection,
    company: CompanyInfo,
    wanted: Wanted,
    *,
    after: UUID | None = None,
    size: int = PAGE,
) -> FoundPage:
    """A page of the company's orders that are what is wanted, newest first.

    In a transaction of the caller's (`Database.snapshot`).
    """
    # What is rare and what is common want different plans, and a kept one fits but one of them.
    await conn.execute(_PLAN_ANEW)
    term = read_term(wanted.term)
    candidates = await _candidates(conn, company, wanted, term)
    narrowed = _Narrowed(company, wanted, term, candidates)
    if candidates is not None and not candidates:
        return FoundPage([], None, None)
    rows = await narrowed.statement.rows(
        conn, **narrowed.values, after=after or _LAST, size=size + 1
    )
    ids = [row.order_id for row in rows if row.matches]
    shown = await _SHOWN.rows(conn, company=company.company_id, orders=ids[:size])
    orders = [FoundOrder(**row._asdict()) for row in shown]
    if len(ids) > size:
        return FoundPage(orders, ids[size - 1], None)
    # The last row says where looking through ended, where there would have been more.
    ended = next((row for row in rows if row.looked_through), None)
    return FoundPage(
        orders, ended.order_id if ended else None, ended.received_at if ended else None
    )


async def all_orders(
    database: Database, company: CompanyInfo, wanted: Wanted
) -> AsyncIterator[FoundOrder]:
    """Every order that is what is wanted, newest first, read a part at a time."""
    after: UUID | None = None
    while True:
        async with database.snapshot() as conn:
            page = await search_orders(conn, company, wanted, after=after, size=500)
        for order in page.orders:
            yield order
        after = page.after
        if after is None:
            return


_LAST = UUID(int=2**128 - 1)
# Each behind a fence: the planner would else read all lines that match, however few it then needs.
_LINES = """EXISTS (
    SELECT 1 FROM order_lines l
    WHERE l.company_id = o.company_id AND l.order_id = o.order_id AND l.submission = o.submission
        AND {} OFFSET 0)"""
# What is plain, and hasn't the letters in it, is passed over without taking it apart.
_SAYS = """(
    (octet_length({text}) > length({text})
        OR strpos(lower({text}), (SELECT longest FROM wanted)) > 0)
    AND array_to_tsvector(guest_words({one}.company_id, {columns}))
        @@ (SELECT query FROM wanted))"""
_BY_ORDER, _BY_LINE, _BY_WALLET = (
    _SAYS.format(one=one, text=f"({' || '.join(columns)})", columns=", ".join(columns))
    for one, columns in (
        ("o", ("o.sell_to_name", "o.sell_to_email")),
        ("l", ("l.sell_to_name", "l.sell_to_email")),
        ("w", ("w.name", "''")),
    )
)
_NAME = f"""(
    {_BY_ORDER}
    OR EXISTS (
        SELECT 1 FROM order_lines l WHERE l.company_id = o.company_id AND l.order_id = o.order_id
            AND {_BY_LINE} OFFSET 0)
    OR EXISTS (
        SELECT 1 FROM wallets w WHERE w.company_id = o.company_id AND w.order_id = o.order_id
            AND {_BY_WALLET} OFFSET 0))"""  # noqa: S608 - our own text


async def _candidates(
    conn: AsyncConnection, company: CompanyInfo, wanted: Wanted, term: Term | None
) -> Sequence[UUID] | None:
    """The few orders that alone can be meant; None where it may be any."""
    here = company.company_id
    if term is not None:
        exact = await _EXACT.rows(
            conn,
            company=here,
            id=term.uuid,
            folded=term.said.casefold(),
            said=term.said,
            plain=term.plain,
            job=term.job_number,
        )
        if exact or not term.words:
            return [row.order_id for row in exact]
        guests = await _guests(conn, here, term)
        if guests is not None:
            return guests
    if wanted.visit_from is not None and wanted.visit_to is not None:
        lines = await _VISITS.rows(
            conn,
            company=here,
            first=wanted.visit_from,
            last=wanted.visit_to,
            most=MOST_CANDIDATES + 1,
        )
        if len(lines) <= MOST_CANDIDATES:
            return list({row.order_id for row in lines})
    return None


async def _guests(conn: AsyncConnection, company: UUID, term: Term) -> Sequence[UUID] | None:
    """The orders with this guest; None where there are many."""
    found: set[UUID] = set()
    for statement in _GUESTS:
        rows = await statement.rows(conn, company=company, said=term.said, most=MOST_CANDIDATES + 1)
        if len(rows) > MOST_CANDIDATES:
            return None
        found.update(row.order_id for row in rows)
    return list(found)


class _Narrowed:
    """The statement that looks through the fewest orders, with its values.

    What narrows best is inside, where an index gives it in order; the rest is asked of each.
    """

    def __init__(
        self,
        company: CompanyInfo,
        wanted: Wanted,
        term: Term | None,
        candidates: Sequence[UUID] | None,
    ) -> None:
        self.values: dict[str, Any] = {"company": company.company_id}
        self._within = ["o.company_id = :company", "o.order_id < :after"]
        self._asked: list[str] = []
        # Whether an index gives what is within by itself.
        self._narrowed = False
        self._by_statuses(wanted.statuses, alone=candidates is None)
        self._by_partner(wanted.partner_id, narrows=candidates is None)
        self._by_days(company, wanted)
        self._by_lines(wanted)
        if candidates is not None:
            self._within.append("o.order_id = ANY(:candidates)")
            self.values["candidates"] = list(candidates)
        elif term is not None:
            self._by_name(term)
        self.statement = _statement(" AND ".join(self._within), " AND ".join(self._asked) or "true")

    def _by_statuses(self, statuses: frozenset[Status], *, alone: bool) -> None:
        if not statuses or statuses == frozenset(Status):
            return
        # Written out, and not as values: the planner then sees which index is made for them.
        told = ", ".join(f"'{status}'" for status in sorted(statuses))
        self._narrowed = alone and (statuses <= UNUSUAL or statuses <= IN_FLIGHT)
        (self._within if self._narrowed else self._asked).append(f"o.status IN ({told})")

    def _by_partner(self, partner_id: UUID | None, *, narrows: bool) -> None:
        if partner_id is None:
            return
        self.values["partner"] = partner_id
        place = self._within if narrows and not self._narrowed else self._asked
        place.append("o.partner_id = :partner")

    def _by_days(self, company: CompanyInfo, wanted: Wanted) -> None:
        if wanted.came_from is not None:
            start = local_time.day_start(wanted.came_from, company.zone)
            self.values |= {"came_from": start, "first_id": _id_at(start - CLOCKS)}
            self._within.append("o.order_id >= :first_id")
            self._asked.append("o.received_at >= :came_from")
        if wanted.came_to is not None:
            end = local_time.day_start(wanted.came_to + timedelta(days=1), company.zone)
            self.values |= {"came_to": end, "last_id": _id_at(end + CLOCKS)}
            self._within.append("o.order_id < :last_id")
            self._asked.append("o.received_at < :came_to")

    def _by_lines(self, wanted: Wanted) -> None:
        lines = []
        if wanted.item:
            lines.append("l.item_number = :item")
            self.values["item"] = wanted.item
        if wanted.visit_from is not None:
            lines.append("l.visit_date >= :visit_from")
            self.values["visit_from"] = wanted.visit_from
        if wanted.visit_to is not None:
            lines.append("l.visit_date <= :visit_to")
            self.values["visit_to"] = wanted.visit_to
        if lines:
            self._asked.append(_LINES.format(" AND ".join(lines)))

    def _by_name(self, term: Term) -> None:
        # So common that the newest of them are found by looking.
        self._asked.append(_NAME)
        self.values["said"] = term.said


_statements: dict[tuple[str, str], Statement] = {}


def _statement(within: str, asked: str) -> Statement:
    """Orders that match, and the last one looked through where that was the most allowed."""
    key = (within, asked)
    if key not in _statements:
        _statements[key] = Statement(_sql(within, asked))
    return _statements[key]


def _sql(within: str, asked: str) -> str:
    by_name = "wanted" in asked
    most = ASKED_FOR_NAMES if by_name else LOOKED_THROUGH
    return f"""
        {_WORDS if by_name else ""}
        SELECT order_id, received_at, matches, place = {most} AS looked_through
        FROM (
            SELECT o.order_id, o.received_at, ({asked}) AS matches, o.place
            FROM (
                SELECT o.*, row_number() OVER (ORDER BY o.order_id DESC) AS place
                FROM orders o
                WHERE {within}
                ORDER BY o.order_id DESC LIMIT {most}) o
            -- So that each is asked once, and not again for the line below.
            OFFSET 0) looked
        WHERE matches OR place = {most}
        LIMIT :size
    """  # noqa: S608 - put together from the texts above


def _id_at(moment: datetime) -> UUID:
    """The first id that could have been made at this instant (UUIDv7: milliseconds first)."""
    return UUID(int=max(0, int(moment.timestamp() * 1000)) << 80)
