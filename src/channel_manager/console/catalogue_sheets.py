"""Items and price rules as tables to take away. Their headings are the same in every language."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import time
from decimal import Decimal

from channel_manager.catalog.prices import Action, PriceRule
from channel_manager.catalog.service import Catalogue, ItemInfo
from channel_manager.spreadsheets import Row, Sheet

ROWS_AT_ONCE = 50
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_ITEM = [
    *("Item", "Kind", "Description", "Sold by itself", "Price", "Currency", "With VAT", "VAT %"),
    *("Ticket type", "Coupon type", "Contents", "Places", "Stores"),
]
_RULE = [
    *("Rule", "Item", "Description", "Change", "Value", "Currency", "Visit from", "Visit to"),
    *("Weekdays", "Time from", "Time to", "Booked ahead from", "Booked ahead to", "Priority"),
]


def items_sheet(items: Sequence[ItemInfo], currency: str) -> Sheet:
    """A row for each item, with a column for each language that any of them is described in."""
    spoken = sorted({code for item in items for code in item.translations})
    rows = (_item_row(item, currency, spoken) for item in items)
    return Sheet([*_ITEM, *spoken], _each(rows))


def rules_sheet(rules: Sequence[PriceRule], found: Catalogue, currency: str) -> Sheet:
    """A row for each price rule. An amount has its currency; a percentage has none."""
    return Sheet(_RULE, _each(_rule_row(rule, found, currency) for rule in rules))


def kind_of(item: ItemInfo) -> str:
    """What an item is: a group ticket is a kind of its own to people."""
    return "group" if item.is_group else item.kind


def description(found: Catalogue, rule: PriceRule) -> str:
    """What the rule's item is; "" for a rule about all items."""
    item = found.items.get(rule.item_number or "")
    return item.description if item else ""


def _item_row(item: ItemInfo, currency: str, spoken: Sequence[str]) -> Row:
    price = item.price
    return [
        item.number,
        kind_of(item),
        item.description,
        item.sellable,
        _with_decimals(price.amount) if price else None,
        currency if price else None,
        price.includes_vat if price else None,
        None if price is None or item.is_package else price.vat_percent.normalize(),
        item.ticket_type.code if item.ticket_type else None,
        item.coupon_type.code if item.coupon_type else None,
        ", ".join(f"{part.quantity} × {part.item_number}" for part in item.components),
        ", ".join(f"{use['admission']} ({use['slots']})" for use in item.admissions),
        ", ".join(item.stores),
        *(item.translations.get(code) for code in spoken),
    ]


def _rule_row(rule: PriceRule, found: Catalogue, currency: str) -> Row:
    return [
        rule.code,
        rule.item_number,
        description(found, rule),
        str(rule.change.action),
        rule.change.value,
        None if rule.change.action is Action.PERCENT else currency,
        rule.visit_from,
        rule.visit_to,
        " ".join(DAYS[day] for day in sorted(rule.weekdays)),
        _clock(rule.time_from),
        _clock(rule.time_to),
        rule.booked_ahead_min,
        rule.booked_ahead_max,
        rule.priority,
    ]


def _clock(at: time | None) -> str | None:
    return None if at is None else f"{at:%H:%M}"


def _with_decimals(amount: Decimal) -> Decimal:
    # 100.0000 in the database; two decimals read as money, and more stay where they are given.
    short = amount.quantize(Decimal("0.01"))
    return short if short == amount else amount


async def _each(rows: Iterable[Row]) -> AsyncIterator[Row]:
    for number, row in enumerate(rows):
        if number % ROWS_AT_ONCE == 0:
            # Lets others have their turn.
            await asyncio.sleep(0)
        yield row
