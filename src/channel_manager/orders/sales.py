"""What was sold, by partner and day, counted by a worker so that nobody waits for it.

A sale is an order that is Issued, by the venue-local day on which it came, with the prices that its
wallets were issued at; a cancelled one is none. Today and yesterday are counted each minute, the
days before each hour, since orders of then may still be cancelled.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import structlog
from sqlalchemy import Numeric, func, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.clock import system_clock
from channel_manager.db import Database, Table
from channel_manager.statements import Statement

log = structlog.get_logger(__name__)

KEPT_FRESH_DAYS = 35
RECENT_DAYS = 2
RECENT_SECONDS = 60.0
ALL_EVERY = timedelta(hours=1)
# So that of many workers one counts at a time.
_LOCK = 7_242_016


class SalesDay(Table):
    """A partner's sales of one venue-local day, as last counted."""

    __tablename__ = "sales_days"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    partner_id: Mapped[UUID] = mapped_column(primary_key=True)
    orders: Mapped[int]
    guests: Mapped[int]
    # In `currency`, the company's.
    amount_excl_vat: Mapped[Decimal] = mapped_column(Numeric(18, 4))
    amount_incl_vat: Mapped[Decimal] = mapped_column(Numeric(18, 4))
    currency: Mapped[str]
    counted_at: Mapped[datetime] = mapped_column(server_default=func.now())


_FORGET = text("""
    DELETE FROM sales_days s USING companies c
    WHERE c.company_id = s.company_id
        AND s.day = (now() AT TIME ZONE c.time_zone)::date - CAST(:ago AS int)
""")
# By partner, since orders are indexed by partner and time.
_COUNT = text("""
    INSERT INTO sales_days (company_id, day, partner_id, orders, guests, amount_excl_vat,
        amount_incl_vat, currency)
    SELECT p.company_id, d.day, p.partner_id, count(*), coalesce(sum(l.guests), 0),
        coalesce(sum(w.excl), 0), coalesce(sum(w.incl), 0),
        c.currency
    FROM companies c
    CROSS JOIN LATERAL (
        SELECT (now() AT TIME ZONE c.time_zone)::date - CAST(:ago AS int) AS day) d
    JOIN partners p ON p.company_id = c.company_id
    JOIN orders o ON o.company_id = p.company_id AND o.partner_id = p.partner_id
        AND o.received_at >= d.day::timestamp AT TIME ZONE c.time_zone
        AND o.received_at < (d.day + 1)::timestamp AT TIME ZONE c.time_zone
        AND o.status = 'Issued' AND o.removed_at IS NULL
    CROSS JOIN LATERAL (
        SELECT sum(price_excl_vat) AS excl, sum(price_incl_vat) AS incl FROM wallets
        WHERE company_id = o.company_id AND order_id = o.order_id AND submission = o.submission
            AND voided_at IS NULL) w
    CROSS JOIN LATERAL (
        SELECT sum(quantity) AS guests FROM order_lines
        WHERE company_id = o.company_id AND order_id = o.order_id
            AND submission = o.submission) l
    GROUP BY 1, 2, 3, c.currency
""")
_SALES = Statement("""
    SELECT s.day, s.partner_id, p.name, s.orders, s.guests, s.amount_excl_vat, s.amount_incl_vat,
        s.currency, s.counted_at
    FROM sales_days s
    JOIN partners p ON p.company_id = s.company_id AND p.partner_id = s.partner_id
    WHERE s.company_id = :company AND s.day BETWEEN :first AND :last
    ORDER BY p.name, s.partner_id, s.day
""")


@dataclass(frozen=True, slots=True)
class Sale:
    """One partner's sales of one day. Amounts are in `currency`; `counted_at` is UTC."""

    day: date
    partner_id: UUID
    partner: str
    orders: int
    guests: int
    amount_excl_vat: Decimal
    amount_incl_vat: Decimal
    currency: str
    counted_at: datetime


async def sales(conn: AsyncConnection, company_id: UUID, first: date, last: date) -> Sequence[Sale]:
    """The sales of these days, by partner and day; days without any are left out."""
    rows = await _SALES.rows(conn, company=company_id, first=first, last=last)
    return [
        Sale(
            day=row.day,
            partner_id=row.partner_id,
            partner=row.name,
            orders=row.orders,
            guests=row.guests,
            amount_excl_vat=row.amount_excl_vat,
            amount_incl_vat=row.amount_incl_vat,
            currency=row.currency,
            counted_at=row.counted_at,
        )
        for row in rows
    ]


async def count_sales(database: Database, days: int) -> None:
    """Count the last so many venue-local days anew, today first, each in a transaction."""
    for ago in range(days):
        async with database.transaction() as conn:
            mine = await conn.scalar(
                text("SELECT pg_try_advisory_xact_lock(:lock)"), {"lock": _LOCK}
            )
            if not mine:
                return
            await conn.execute(_FORGET, {"ago": ago})
            await conn.execute(_COUNT, {"ago": ago})


async def keep_sales(database: Database) -> None:
    """Count until cancelled."""
    next_all = system_clock()
    while True:
        try:
            if system_clock() >= next_all:
                await count_sales(database, KEPT_FRESH_DAYS)
                next_all = system_clock() + ALL_EVERY
            else:
                await count_sales(database, RECENT_DAYS)
        except Exception:
            # The database is away, or a bug: the next round tries again.
            log.warning("sales_not_counted", exc_info=True)
        await asyncio.sleep(RECENT_SECONDS)
