"""The catalogue: what the venue sells and for how much, to look through and to take away."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Any

from fastapi import Depends, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import languages
from channel_manager.access.route import database_of
from channel_manager.beside import beside
from channel_manager.capacity.models import Admission
from channel_manager.capacity.venue import ScheduleSection
from channel_manager.catalog.prices import ALL_DAYS, Action, PriceChange, PriceRule
from channel_manager.catalog.service import Catalogue, ItemInfo, catalogue, kinds_of
from channel_manager.console.catalogue_sheets import (
    description,
    items_sheet,
    kind_of,
    rules_sheet,
)
from channel_manager.console.rendering import ROOT, page, wording_of
from channel_manager.console.roles import Role
from channel_manager.console.route import CurrentVisit, console_router, needs_role
from channel_manager.console.sessions import Visit
from channel_manager.console.wording import ConsoleWording
from channel_manager.errors import NotFound
from channel_manager.spreadsheets import Format, download, file_headers
from channel_manager.venue_export import read_venue, write_yaml

CATALOGUE = f"{ROOT}/catalogue"
ROWS_OF_PAGE = 50
router = console_router("/catalogue")
LOOKS = needs_role(Role.VIEWER)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for. Empty: anything."""

    q: Annotated[str, Query(max_length=200)] = ""
    kind: Annotated[str, Query(max_length=20)] = ""
    store: Annotated[str, Query(max_length=50)] = ""
    item: Annotated[str, Query(max_length=50)] = ""
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1

    def query(self) -> dict[str, str]:
        """It as an address says it, without the page."""
        return {"q": self.q, "kind": self.kind, "store": self.store, "item": self.item}


Filter = Annotated[Wanted, Depends()]


@dataclass(frozen=True, slots=True)
class Pages:
    """Where one is in a list. Pages count from 1."""

    number: int
    count: int
    found: int


@router.get("", openapi_extra=LOOKS)
async def items(request: Request, visit: CurrentVisit, wanted: Filter) -> Response:
    """What is sold."""
    found = await _catalogue(request, visit)
    rows, pages = _one_page(_items(found, wanted), wanted.page)
    return page(
        request,
        "catalogue_items.html",
        catalogue=found,
        items=rows,
        pages_of=pages,
        wanted=wanted,
        kinds=kind_names(wording_of(request).text),
        bcp47=languages.to_bcp47,
        kind_of=kind_of,
        change=_changes(request, visit),
    )


@router.get("/prices", openapi_extra=LOOKS)
async def prices(request: Request, visit: CurrentVisit, wanted: Filter) -> Response:
    """When prices differ from the items' own."""
    found = await _catalogue(request, visit)
    rows, pages = _one_page(_rules(found, wanted), wanted.page)
    words = wording_of(request)
    return page(
        request,
        "catalogue_prices.html",
        catalogue=found,
        rules=rows,
        pages_of=pages,
        wanted=wanted,
        change=_changes(request, visit),
        weekdays=lambda rule: _weekdays(rule, words),
    )


@router.get("/kinds", openapi_extra=LOOKS)
async def kinds(request: Request, visit: CurrentVisit) -> Response:
    """How tickets and coupons are numbered and used, and the stores."""
    found = await _catalogue(request, visit)
    async with database_of(request).read() as conn:
        tickets, coupons = await kinds_of(conn, visit.company.company_id)
    words = wording_of(request)
    return page(
        request,
        "catalogue_kinds.html",
        catalogue=found,
        tickets=tickets,
        coupons=coupons,
        gives=lambda coupon: _gives(coupon.gives, visit, words),
        entries=_entries(words.text),
    )


@router.get("/places", openapi_extra=LOOKS)
async def places(request: Request, visit: CurrentVisit) -> Response:
    """The places that items admit to, with their schedules."""
    async with database_of(request).read() as conn:
        rows = await _admissions(conn, visit)
    return page(request, "catalogue_places.html", places=rows, bcp47=languages.to_bcp47)


@router.get("/items.{kind_of_file}", openapi_extra=LOOKS)
async def items_file(
    request: Request, visit: CurrentVisit, wanted: Filter, kind_of_file: str
) -> Response:
    """The items that are looked for, as a file."""
    found = await _catalogue(request, visit)
    sheet = items_sheet(_items(found, wanted), visit.company.currency)
    return await download(f"{visit.company.name} items", _format(kind_of_file), sheet)


@router.get("/prices.{kind_of_file}", openapi_extra=LOOKS)
async def prices_file(
    request: Request, visit: CurrentVisit, wanted: Filter, kind_of_file: str
) -> Response:
    """The price rules that are looked for, as a file."""
    found = await _catalogue(request, visit)
    sheet = rules_sheet(_rules(found, wanted), found, visit.company.currency)
    return await download(f"{visit.company.name} prices", _format(kind_of_file), sheet)


@router.get("/venue.yaml", openapi_extra=LOOKS)
async def venue_file(request: Request, visit: CurrentVisit) -> Response:
    """The venue file of what is sold now; uploading it again changes nothing."""
    async with database_of(request).snapshot() as conn:
        venue = await read_venue(conn, visit.company.company_id)
    text = await beside(write_yaml, venue)
    headers = file_headers(f"{visit.company.name}.yaml")
    return Response(text, media_type="application/yaml; charset=utf-8", headers=headers)


async def _catalogue(request: Request, visit: Visit) -> Catalogue:
    async with database_of(request).read() as conn:
        return await catalogue(conn, visit.company)


def _items(found: Catalogue, wanted: Wanted) -> list[ItemInfo]:
    words = wanted.q.casefold().split()
    items = [
        item
        for item in found.items.values()
        if (not wanted.kind or kind_of(item) == wanted.kind)
        and (not wanted.store or not item.stores or wanted.store in item.stores)
        and _says((item.number, item.description, *item.translations.values()), words)
    ]
    return sorted(items, key=lambda item: item.number)


def _rules(found: Catalogue, wanted: Wanted) -> list[PriceRule]:
    words = wanted.q.casefold().split()
    rules = [
        rule
        for item, those in found.price_rules.items()
        if not wanted.item or item in (None, wanted.item)
        for rule in those
        if _says((rule.code, rule.item_number or "", description(found, rule)), words)
    ]
    return sorted(rules, key=lambda rule: (rule.item_number or "", rule.code))


def _says(texts: Iterable[str], words: Sequence[str]) -> bool:
    said = "\n".join(texts).casefold() if words else ""
    return all(word in said for word in words)


def _one_page(rows: Sequence[Any], number: int) -> tuple[Sequence[Any], Pages]:
    count = max(1, -(-len(rows) // ROWS_OF_PAGE))
    number = min(number, count)
    start = (number - 1) * ROWS_OF_PAGE
    return rows[start : start + ROWS_OF_PAGE], Pages(number, count, len(rows))


def kind_names(_: Callable[[str], str]) -> dict[str, str]:
    """The kinds of items in the page's language."""
    return {
        "ticket": _("ticket"),
        "group": _("group ticket"),
        "coupon": _("coupon"),
        "package": _("package"),
    }


def _entries(_: Callable[[str], str]) -> dict[str, str]:
    return {"single": _("once"), "once_a_day": _("once a day"), "many": _("any number of times")}


def _changes(request: Request, visit: Visit) -> Callable[[PriceChange], str]:
    words, currency = wording_of(request), visit.company.currency

    def told(change: PriceChange) -> str:
        sign = "+" if change.action is not Action.FIXED and change.value > 0 else ""
        if change.action is Action.PERCENT:
            return f"{sign}{words.number(change.value)} %"
        return f"{sign}{words.money(change.value, currency)}"

    return told


def _gives(gives: Any, visit: Visit, words: ConsoleWording) -> str:  # noqa: ANN401 - as stored
    ((name, value),) = gives.items()
    if name == "percent":
        return f"−{words.number(Decimal(value))} %"
    if name == "amount":
        return f"−{words.money(Decimal(value), visit.company.currency)}"
    return str(value)


def _weekdays(rule: PriceRule, words: ConsoleWording) -> str:
    names = words.locale.days["format"]["abbreviated"]
    return "" if rule.weekdays == ALL_DAYS else ", ".join(names[n] for n in sorted(rule.weekdays))


async def _admissions(conn: AsyncConnection, visit: Visit) -> list[tuple[Any, ScheduleSection]]:
    rows = await conn.execute(
        select(Admission.__table__)
        .where(Admission.company_id == visit.company.company_id)
        .order_by(Admission.code)
    )
    return [(row, ScheduleSection.model_validate(row.schedule)) for row in rows]


def _format(ending: str) -> Format:
    if ending not in tuple(Format):
        raise NotFound("There is no such file; it comes as csv and xlsx.")
    return Format(ending)
