"""What one of an item costs at each time. Pure."""

from datetime import date, time

from channel_manager.catalog.prices import Money, best_rule, total
from channel_manager.catalog.service import Catalogue, ItemInfo
from channel_manager.companies.service import CompanyInfo
from channel_manager.issuance.contents import LineToIssue, Visit, contents, parts


class ItemPrices:
    """One item's prices, booked on one venue-local day. Times with the same rules share one."""

    def __init__(
        self, item: ItemInfo, items: Catalogue, company: CompanyInfo, booked_on: date
    ) -> None:
        self._item, self._items, self._company = item, items, company
        self._booked_on = booked_on
        inner = parts(item, Visit(booked_on, time.min), (), items)
        self._numbers = sorted({item.number, *(part.item.number for part in inner)})
        names = (*self._numbers, None)
        self._rules = [rule for name in names for rule in items.price_rules.get(name, ())]
        self._known: dict[tuple[str | None, ...], Money] = {}

    def at(self, day: date, start: time) -> Money:
        """The price of one, visited then."""
        key = self._rules_at(day, start)
        if key not in self._known:
            self._known[key] = self._price(Visit(day, start))
        return self._known[key]

    def _rules_at(self, day: date, start: time) -> tuple[str | None, ...]:
        if not self._rules:
            return ()
        found = (
            best_rule(self._rules, number, day, start, self._booked_on) for number in self._numbers
        )
        return tuple(rule.code if rule else None for rule in found)

    def _price(self, visit: Visit) -> Money:
        line = LineToIssue(
            line_no=0,
            item=self._item,
            quantity=1,
            wallet_count=1,
            visit=visit,
            language="",
            description="",
            names=None,
            external_references=None,
        )
        plan = contents(line, self._items, self._booked_on, self._company.language)
        return total((asset.price for asset in plan), self._company.currency)
