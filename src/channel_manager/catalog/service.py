"""What a company sells, held in memory per process and renewed when an import changes it."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.catalog.models import CouponType, Item, Store, TicketType
from channel_manager.catalog.models import PriceRule as PriceRuleRow
from channel_manager.catalog.prices import (
    Action,
    PriceChange,
    PriceRule,
    StatedPrice,
    stated_price,
    weekday_numbers,
)
from channel_manager.companies.service import CompanyInfo
from channel_manager.db import AnyRow
from channel_manager.issuance.numbers import NumberPattern
from channel_manager.languages import pick

MAX_CATALOGUES = 2_000


@dataclass(frozen=True, slots=True)
class TicketTypeInfo:
    """How a ticket is numbered and used."""

    code: str
    is_group: bool
    pattern: NumberPattern
    entries: str
    valid_days: int


@dataclass(frozen=True, slots=True)
class CouponTypeInfo:
    """How a coupon is numbered and used."""

    code: str
    pattern: NumberPattern
    gives: Mapping[str, Any]
    uses: int
    valid_days: int


@dataclass(frozen=True, slots=True)
class ComponentInfo:
    """A part of a package: so many of an item, at its price or as the package changes it."""

    item_number: str
    quantity: int
    price: PriceChange | None


@dataclass(frozen=True, slots=True)
class ItemInfo:
    """One item, with all that issuing it needs."""

    number: str
    kind: str
    description: str
    translations: Mapping[str, str]
    sellable: bool
    # None on a package that costs what its components cost.
    price: StatedPrice | None
    ticket_type: TicketTypeInfo | None
    coupon_type: CouponTypeInfo | None
    components: Sequence[ComponentInfo]
    admissions: Sequence[Mapping[str, Any]]
    stores: Sequence[str]
    # None: as the design says.
    code_format: str | None = None
    # How it is sold by OCTO, as the venue file says it.
    octo: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_package(self) -> bool:
        """Whether a wallet of it holds several assets."""
        return self.kind == "package"

    @property
    def is_group(self) -> bool:
        """Whether a line of it makes one wallet that admits `quantity` guests."""
        return self.ticket_type is not None and self.ticket_type.is_group

    @property
    def valid_days(self) -> int:
        """Days from the visit date on which its tickets or coupons are valid."""
        kind = self.ticket_type or self.coupon_type
        return kind.valid_days if kind else 1

    @property
    def terms(self) -> Mapping[str, Any]:
        """What a ticket or coupon is sold with, and keeps whatever the catalogue says later."""
        if self.coupon_type is not None:
            return {"gives": dict(self.coupon_type.gives), "uses": self.coupon_type.uses}
        return {"entries": self.ticket_type.entries} if self.ticket_type else {}

    @property
    def number_pattern(self) -> NumberPattern:
        """How its tickets or coupons are numbered. Errors: `ValueError` for a package."""
        kind = self.ticket_type or self.coupon_type
        if kind is None:
            raise ValueError(f"item {self.number} has no numbers of its own")
        return kind.pattern

    def describe(self, language: str, company_language: str) -> str:
        """The description in the line's language, else the company's, else as it stands."""
        return pick(self.translations, language, company_language, default=self.description)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All items of one company, by number, as of one import."""

    items: Mapping[str, ItemInfo]
    # By the item that they are for; None: for all items.
    price_rules: Mapping[str | None, Sequence[PriceRule]]
    stores: Mapping[str, str]

    def stated_price(self, item: ItemInfo, day: date, at: time, booked_on: date) -> StatedPrice:
        """An item's price by the rules for a venue-local visit, booked on a venue-local day."""
        if item.price is None:
            raise ValueError(f"item {item.number} has no price of its own")
        rules = (*self.price_rules.get(item.number, ()), *self.price_rules.get(None, ()))
        return stated_price(item.price, rules, item.number, day, at, booked_on)


_held: dict[UUID, tuple[int, Catalogue]] = {}


async def catalogue(conn: AsyncConnection, company: CompanyInfo) -> Catalogue:
    """The company's catalogue as of its `catalog_version`; read once per process and version."""
    held = _held.get(company.company_id)
    if held is not None and held[0] == company.catalog_version:
        return held[1]
    loaded = await _load(conn, company)
    if len(_held) >= MAX_CATALOGUES:
        _held.pop(next(iter(_held)))
    _held[company.company_id] = (company.catalog_version, loaded)
    return loaded


async def _load(conn: AsyncConnection, company: CompanyInfo) -> Catalogue:
    company_id = company.company_id
    tickets = {
        row.code: TicketTypeInfo(
            code=row.code,
            is_group=row.is_group,
            pattern=NumberPattern.parse(row.number_pattern),
            entries=row.entries,
            valid_days=row.valid_days,
        )
        for row in await conn.execute(
            select(TicketType.__table__).where(TicketType.company_id == company_id)
        )
    }
    coupons = {
        row.code: CouponTypeInfo(
            code=row.code,
            pattern=NumberPattern.parse(row.number_pattern),
            gives=row.gives,
            uses=row.uses,
            valid_days=row.valid_days,
        )
        for row in await conn.execute(
            select(CouponType.__table__).where(CouponType.company_id == company_id)
        )
    }
    rows = await conn.execute(select(Item.__table__).where(Item.company_id == company_id))
    rules = await conn.execute(
        select(PriceRuleRow.__table__).where(PriceRuleRow.company_id == company_id)
    )
    stores = await conn.execute(
        select(Store.code, Store.description).where(Store.company_id == company_id)
    )
    return Catalogue(
        {row.item_number: _item(row, company.currency, tickets, coupons) for row in rows},
        _by_item(price_rule(row.code, row.item_number, row.rule) for row in rules),
        {store.code: store.description for store in stores},
    )


async def kinds_of(
    conn: AsyncConnection, company_id: UUID
) -> tuple[Sequence[AnyRow], Sequence[AnyRow]]:
    """The company's ticket types and coupon types, as rows in order of their codes."""
    tickets = await conn.execute(
        select(TicketType.__table__)
        .where(TicketType.company_id == company_id)
        .order_by(TicketType.code)
    )
    coupons = await conn.execute(
        select(CouponType.__table__)
        .where(CouponType.company_id == company_id)
        .order_by(CouponType.code)
    )
    return tickets.all(), coupons.all()


def _by_item(rules: Iterable[PriceRule]) -> Mapping[str | None, Sequence[PriceRule]]:
    found = defaultdict(list)
    for rule in rules:
        found[rule.item_number].append(rule)
    return dict(found)


def _item(
    row: AnyRow,
    currency: str,
    tickets: Mapping[str, TicketTypeInfo],
    coupons: Mapping[str, CouponTypeInfo],
) -> ItemInfo:
    return ItemInfo(
        number=row.item_number,
        kind=row.kind,
        description=row.description,
        translations=row.translations,
        sellable=row.sellable,
        price=_stated(row, currency),
        ticket_type=tickets.get(row.ticket_type),
        coupon_type=coupons.get(row.coupon_type),
        components=[_component(part) for part in row.components],
        admissions=row.admissions,
        stores=row.stores,
        code_format=row.code_format,
        octo=row.octo,
    )


def _stated(row: AnyRow, currency: str) -> StatedPrice | None:
    if row.unit_price is None:
        return None
    return StatedPrice(
        amount=row.unit_price,
        includes_vat=row.price_includes_vat,
        vat_percent=row.vat_percent,
        currency=currency,
    )


def _component(part: Mapping[str, Any]) -> ComponentInfo:
    return ComponentInfo(part["item"], part["quantity"], price_change(part.get("price")))


def price_change(stored: Mapping[str, str] | None) -> PriceChange | None:
    """A price setting as stored: one of `fixed`, `relative` and `percent`, or none."""
    if not stored:
        return None
    ((action, value),) = stored.items()
    return PriceChange(Action(action), Decimal(value))


def price_rule(code: str, item_number: str | None, stored: Mapping[str, Any]) -> PriceRule:
    """A price rule as stored: its conditions, and its `change`."""
    change = price_change(stored["change"])
    if change is None:
        raise ValueError(f"price rule {code} changes nothing")
    return PriceRule(
        code=code,
        change=change,
        item_number=item_number,
        visit_from=_date(stored.get("visitFrom")),
        visit_to=_date(stored.get("visitTo")),
        weekdays=weekday_numbers(stored.get("weekdays") or range(7)),
        time_from=_time(stored.get("timeFrom")),
        time_to=_time(stored.get("timeTo")),
        booked_ahead_min=stored.get("bookedAheadMin"),
        booked_ahead_max=stored.get("bookedAheadMax"),
        priority=stored.get("priority", 0),
    )


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)


def _time(text: str | None) -> time | None:
    return None if text is None else time.fromisoformat(text)
