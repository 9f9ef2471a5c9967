"""What a company sells, held in memory per process and renewed when an import changes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.catalog.models import CouponType, Item, TicketType
from channel_manager.companies.service import CompanyInfo
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
class ItemInfo:
    """One item, with all that issuing it needs."""

    number: str
    kind: str
    description: str
    translations: Mapping[str, str]
    sellable: bool
    unit_price: Decimal | None
    price_includes_vat: bool
    vat_percent: Decimal
    ticket_type: TicketTypeInfo | None
    coupon_type: CouponTypeInfo | None
    components: Sequence[Mapping[str, Any]]
    admissions: Sequence[Mapping[str, Any]]
    stores: Sequence[str]

    @property
    def is_package(self) -> bool:
        """Whether a wallet of it holds several assets."""
        return self.kind == "package"

    @property
    def is_group(self) -> bool:
        """Whether a line of it makes one wallet that admits `quantity` guests."""
        return self.ticket_type is not None and self.ticket_type.is_group

    def describe(self, language: str, company_language: str) -> str:
        """The description in the line's language, else the company's, else as it stands."""
        return pick(self.translations, language, company_language, default=self.description)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All items of one company, by number, as of one import."""

    items: Mapping[str, ItemInfo]


_held: dict[UUID, tuple[int, Catalogue]] = {}


async def catalogue(conn: AsyncConnection, company: CompanyInfo) -> Catalogue:
    """The company's catalogue as of its `catalog_version`; read once per process and version."""
    held = _held.get(company.company_id)
    if held is not None and held[0] == company.catalog_version:
        return held[1]
    loaded = await _load(conn, company.company_id)
    if len(_held) >= MAX_CATALOGUES:
        _held.pop(next(iter(_held)))
    _held[company.company_id] = (company.catalog_version, loaded)
    return loaded


async def _load(conn: AsyncConnection, company_id: UUID) -> Catalogue:
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
    return Catalogue({row.item_number: _item(row, tickets, coupons) for row in rows})


def _item(
    row: Any,  # noqa: ANN401 - a row of a Core query has no type of its own
    tickets: Mapping[str, TicketTypeInfo],
    coupons: Mapping[str, CouponTypeInfo],
) -> ItemInfo:
    return ItemInfo(
        number=row.item_number,
        kind=row.kind,
        description=row.description,
        translations=row.translations,
        sellable=row.sellable,
        unit_price=row.unit_price,
        price_includes_vat=row.price_includes_vat,
        vat_percent=row.vat_percent,
        ticket_type=tickets.get(row.ticket_type),
        coupon_type=coupons.get(row.coupon_type),
        components=row.components,
        admissions=row.admissions,
        stores=row.stores,
    )
