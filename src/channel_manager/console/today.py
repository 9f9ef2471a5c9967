"""The first page: how the day goes, what needs a person, how full it is and what was sold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import groupby

from fastapi import Request, Response

from channel_manager import local_time
from channel_manager.access.route import database_of
from channel_manager.capacity.calendar import admissions_with_slots
from channel_manager.console.charts import bars
from channel_manager.console.heat import heat
from channel_manager.console.rendering import page, wording_of
from channel_manager.console.roles import Role
from channel_manager.console.route import CurrentVisit, console_router, needs_role
from channel_manager.console.wording import ConsoleWording
from channel_manager.gate.queries import admitted_since
from channel_manager.orders.sales import Sale, sales
from channel_manager.orders.states import Status
from channel_manager.orders.today import todays_figures
from channel_manager.webhooks.health import subscriptions_health

SALES_DAYS = 14
MOST_CHARTS = 6

router = console_router()


@router.get("", openapi_extra=needs_role(Role.VIEWER))
async def show(request: Request, visit: CurrentVisit, admission: str = "") -> Response:
    """How the day goes."""
    company = visit.company
    now = request.app.state.clock()
    day = local_time.today(company.zone, now)
    async with database_of(request).read() as conn:
        figures = await todays_figures(conn, company, now)
        health = await subscriptions_health(conn, company.company_id)
        midnight = local_time.day_start(day, company.zone)
        admitted = await admitted_since(conn, company.company_id, midnight)
        admissions = await admissions_with_slots(conn, company.company_id)
        chosen = admission if admission in admissions else next(iter(admissions), "")
        how_full = await heat(conn, company.company_id, chosen, day)
        first = day - timedelta(days=SALES_DAYS - 1)
        sold = await sales(conn, company.company_id, first, day)
    return page(
        request,
        "today.html",
        day=day,
        figures=figures,
        statuses=list(Status),
        health=health,
        admitted=admitted,
        admissions=admissions,
        admission=chosen,
        heat=how_full,
        sales=_by_partner(sold, first, wording_of(request)),
        counted_at=max((sale.counted_at for sale in sold), default=None),
    )


@dataclass(frozen=True, slots=True)
class PartnersSales:
    """One partner's sales, day by day, and as a chart. Amounts with VAT, in the currency."""

    partner: str
    by_day: Mapping[date, Sale]
    orders: int
    guests: int
    amount: Decimal
    currency: str
    # The address of the picture; "" for a partner in the table alone.
    chart: str


def _by_partner(sold: Sequence[Sale], first: date, words: ConsoleWording) -> list[PartnersSales]:
    grouped = [list(group) for _, group in groupby(sold, key=lambda sale: sale.partner_id)]
    grouped.sort(key=lambda group: sum(sale.amount_incl_vat for sale in group), reverse=True)
    return [
        _partners_sales(group, first, words, drawn=place < MOST_CHARTS)
        for place, group in enumerate(grouped)
    ]


def _partners_sales(
    group: Sequence[Sale], first: date, words: ConsoleWording, *, drawn: bool
) -> PartnersSales:
    by_day = {sale.day: sale for sale in group}
    days = [first + timedelta(days=n) for n in range(SALES_DAYS)]
    amounts = [by_day[day].amount_incl_vat if day in by_day else Decimal() for day in days]
    return PartnersSales(
        partner=group[0].partner,
        by_day=by_day,
        orders=sum(sale.orders for sale in group),
        guests=sum(sale.guests for sale in group),
        amount=sum(amounts, Decimal()),
        currency=group[0].currency,
        chart=bars(
            tuple(float(amount) for amount in amounts),
            tuple(words.date(day) for day in days),
            tuple(words.compact(amount) if amount else "" for amount in amounts),
        )
        if drawn
        else "",
    )
