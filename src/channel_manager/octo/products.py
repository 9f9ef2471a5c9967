"""OCTO's products, options and units: a company's items, grouped (decision 0024)."""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.availability.needs import Need, needs
from channel_manager.availability.prices import ItemPrices
from channel_manager.availability.times import find_start_times
from channel_manager.catalog.service import Catalogue, ItemInfo, catalogue
from channel_manager.companies.service import CompanyInfo
from channel_manager.octo.errors import invalid_option, invalid_product, invalid_unit

DEFAULT_OPTION = "DEFAULT"
# What a visit that is bound to no time of day is priced and ordered at; no clock skips it.
ANY_TIME = time(12)
MAX_OFFERINGS = 2_000
MAX_TIMES = 50_000


@dataclass(frozen=True, slots=True)
class Option:
    """One option: the units that a booking of it may have, and the places that one takes."""

    id: str
    head: ItemInfo
    # By the unit's id, which is its item's number.
    units: Mapping[str, ItemInfo]
    needed: Counter[Need]
    # HH:MM, venue-local; empty where the visit is bound to no time of day.
    start_times: Sequence[str]
    # Whether it is booked for a time of day, or for a day.
    is_timed: bool

    def unit(self, unit_id: str) -> ItemInfo:
        """One of its units. Errors: `INVALID_UNIT_ID`."""
        if unit_id not in self.units:
            raise invalid_unit(unit_id)
        return self.units[unit_id]


@dataclass(frozen=True, slots=True)
class Product:
    """One product, with its options by id."""

    id: str
    head: ItemInfo
    options: Mapping[str, Option]

    def option(self, option_id: str) -> Option:
        """One of its options. Errors: `INVALID_OPTION_ID`."""
        if option_id not in self.options:
            raise invalid_option(option_id)
        return self.options[option_id]


@dataclass(frozen=True, slots=True)
class Offering:
    """All that a company sells by OCTO, as of one import and one venue-local day."""

    company: CompanyInfo
    items: Catalogue
    today: date
    products: Mapping[str, Product]
    # Where an item is found, by its number.
    places: Mapping[str, tuple[Product, Option]]
    _prices: dict[str, ItemPrices] = field(default_factory=dict)
    # What of a time stays as it is from one call to the next; to be read and added to.
    _times: dict[Hashable, dict[str, Any]] = field(default_factory=dict)

    def product(self, product_id: str) -> Product:
        """One product. Errors: `INVALID_PRODUCT_ID`."""
        if product_id not in self.products:
            raise invalid_product(product_id)
        return self.products[product_id]

    def kept_times(self) -> dict[Hashable, dict[str, Any]]:
        """Where `availability` keeps what it has made of times; emptied when it has grown large."""
        if len(self._times) > MAX_TIMES:
            self._times.clear()
        return self._times

    def prices(self, item: ItemInfo) -> ItemPrices:
        """What one of a unit costs at each time, booked today."""
        if item.number not in self._prices:
            self._prices[item.number] = ItemPrices(item, self.items, self.company, self.today)
        return self._prices[item.number]


_held: dict[UUID, tuple[tuple[int, date], Offering]] = {}


async def find_offering(conn: AsyncConnection, company: CompanyInfo, now: datetime) -> Offering:
    """What a company sells by OCTO; read once per process, import and day."""
    today = local_time.today(company.zone, now)
    key = (company.catalog_version, today)
    held = _held.get(company.company_id)
    if held is not None and held[0] == key:
        return held[1]
    items = await catalogue(conn, company)
    starts = await find_start_times(conn, company.company_id)
    offering = group(items, company, today, starts)
    if len(_held) >= MAX_OFFERINGS:
        _held.pop(next(iter(_held)))
    _held[company.company_id] = (key, offering)
    return offering


def group(
    items: Catalogue, company: CompanyInfo, today: date, starts: Mapping[str, Sequence[str]]
) -> Offering:
    """Items as units of the options that they belong to, and these as options of products."""
    offered = [
        item for item in items.items.values() if item.sellable and item.octo.get("offered", True)
    ]
    units: dict[str, dict[str, ItemInfo]] = {}
    # Whoever heads an option comes first in it.
    for item in sorted(offered, key=lambda item: "variantOf" in item.octo):
        units.setdefault(item.octo.get("variantOf", item.number), {})[item.number] = item
    options: dict[str, dict[str, Option]] = {}
    for number, members in units.items():
        head = members.get(number)
        if head is None:
            # Its head is not offered, so neither are they.
            continue
        product_id = head.octo.get("optionOf", number)
        option_id = DEFAULT_OPTION if product_id == number else number
        needed = needs(head, items)
        timed = any(not whole_day for _, whole_day in needed)
        option = Option(option_id, head, members, needed, _starts(needed, starts), timed)
        options.setdefault(product_id, {})[option_id] = option
    products = {
        number: Product(number, items.items[number], _default_first(found))
        for number, found in sorted(options.items())
        if DEFAULT_OPTION in found
    }
    places = {
        unit: (product, option)
        for product in products.values()
        for option in product.options.values()
        for unit in option.units
    }
    return Offering(company, items, today, products, places)


def _default_first(options: Mapping[str, Option]) -> dict[str, Option]:
    return dict(sorted(options.items(), key=lambda pair: (pair[0] != DEFAULT_OPTION, pair[0])))


def _starts(needed: Counter[Need], starts: Mapping[str, Sequence[str]]) -> list[str]:
    # A time is the start of a slot of any of its places.
    return sorted({at for code, whole in needed if not whole for at in starts.get(code, ())})


def setting(item: ItemInfo, name: str, default: Any = None) -> Any:  # noqa: ANN401 - of any type
    """One setting of the item's `octo` part, as the venue file says it."""
    return item.octo.get(name, default)
