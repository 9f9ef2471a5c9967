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
class Part:
    """One visit that a wallet of a line is good for."""

    item: ItemInfo
    visit: Visit
    # How a package changes the item's price.
    setting: PriceChange | None = None
    # The entry of `componentSchedule` that says when, where one does.
    scheduled: int | None = None


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


def parts(
    item: ItemInfo, visit: Visit, schedule: Sequence[ScheduledComponent], items: Catalogue
) -> Iterator[Part]:
    """The visits that one wallet of an item is good for: one, or a package's components'."""
    if not item.is_package:
        yield Part(item, visit)
        return
    # Scheduled instances of a component are the first of it, in the order they came.
    scheduled: dict[str, list[tuple[Visit, int | None]]] = defaultdict(list)
    for position, entry in enumerate(schedule):
        scheduled[entry.item_number].append((entry.visit, position))
    for component in item.components:
        inner = items.items[component.item_number]
        for _ in range(component.quantity):
            waiting = scheduled[inner.number]
            when, spot = waiting.pop(0) if waiting else (visit, None)
            yield Part(inner, when, component.price, spot)
    left = [number for number, visits in scheduled.items() if visits]
    if left:
        raise Refused(
            f"Package {item.number} no longer holds {left[0]} as often as the order schedules it;"
            " replace the order."
        )


def _package(
    line: LineToIssue, items: Catalogue, booked_on: date, company_language: str
) -> list[AssetPlan]:
    inner = list(parts(line.item, line.visit, line.component_schedule, items))
    own = None
    if line.item.price is not None:
        own = items.stated_price(line.item, line.visit.day, line.visit.at, booked_on)
    prices = package_prices(
        [
            ComponentPrice(
                items.stated_price(part.item, part.visit.day, part.visit.at, booked_on),
                part.setting,
            )
            for part in inner
        ],
        own,
    )
    return [
        AssetPlan(
            part.item,
            part.visit,
            1,
            price,
            part.item.describe(line.language, company_language),
        )
        for part, price in zip(inner, prices, strict=True)
    ]
