"""What one wallet of a line holds, and what each part of it costs. Pure (domain: Package)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, time

from channel_manager.catalog.prices import ComponentPrice, Price, PriceChange, package_prices
from channel_manager.catalog.service import Catalogue, ItemInfo
from channel_manager.errors import Refused
from channel_manager.issuance.numbers import NumberPattern


@dataclass(frozen=True, slots=True)
class Visit:
    """When an item is visited; venue-local."""

    day: date
    at: time


@dataclass(frozen=True, slots=True)
class ScheduledComponent:
    """When one instance of a package's component is visited, where the order says so."""

    item_number: str
    visit: Visit


@dataclass(frozen=True, slots=True)
class LineToIssue:
    """A line whose wallets are to be minted."""

    line_no: int
    item: ItemInfo
    quantity: int
    wallet_count: int
    visit: Visit
    language: str
    description: str
    names: Sequence[str] | None
    external_references: Sequence[str] | None
    component_schedule: Sequence[ScheduledComponent] = ()


@dataclass(frozen=True, slots=True)
class AssetPlan:
    """One ticket or coupon of a wallet, before it has a number."""

    item: ItemInfo
    visit: Visit
    admits: int
    price: Price
    description: str

    @property
    def kind(self) -> str:
        """Ticket or coupon."""
        return self.item.kind

    @property
    def pattern(self) -> NumberPattern:
        """How its number is drawn."""
        return self.item.number_pattern


def contents(
    line: LineToIssue, items: Catalogue, booked_on: date, company_language: str
) -> list[AssetPlan]:
    """What each wallet of the line holds; the same for all of them.

    `booked_on` is the venue-local day of the order.
    """
    if line.item.is_package:
        return _package(line, items, booked_on, company_language)
    price = items.stated_price(line.item, line.visit.day, line.visit.at, booked_on).price()
    admits = line.quantity if line.item.is_group else 1
    return [AssetPlan(line.item, line.visit, admits, price.times(admits), line.description)]


def _package(
    line: LineToIssue, items: Catalogue, booked_on: date, company_language: str
) -> list[AssetPlan]:
    parts = list(_parts(line, items))
    own = None
    if line.item.price is not None:
        own = items.stated_price(line.item, line.visit.day, line.visit.at, booked_on)
    prices = package_prices(
        [
            ComponentPrice(items.stated_price(item, visit.day, visit.at, booked_on), setting)
            for item, visit, setting in parts
        ],
        own,
    )
    return [
        AssetPlan(item, visit, 1, price, item.describe(line.language, company_language))
        for (item, visit, _), price in zip(parts, prices, strict=True)
    ]


def _parts(
    line: LineToIssue, items: Catalogue
) -> Iterator[tuple[ItemInfo, Visit, PriceChange | None]]:
    # Scheduled instances of a component are the first of it, in the order they came.
    scheduled = defaultdict(list)
    for entry in line.component_schedule:
        scheduled[entry.item_number].append(entry.visit)
    for component in line.item.components:
        item = items.items[component.item_number]
        for _ in range(component.quantity):
            waiting = scheduled[item.number]
            yield item, waiting.pop(0) if waiting else line.visit, component.price
    left = [number for number, visits in scheduled.items() if visits]
    if left:
        raise Refused(
            f"Package {line.item.number} no longer holds {left[0]} as often as the order schedules"
            " it; replace the order."
        )
