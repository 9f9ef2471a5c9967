"""What things cost (domain: Price, Package). Pure, and exact until the one rounding.

The rounding rule: an amount is rounded once, half up, to its currency's own number of decimals
(JPY 0, DKK 2, KWD 3). VAT is split per ticket or coupon: the side of the price that the venue
states stays as stated, the other is derived and rounded, and the VAT is their difference. Every
sum is the sum of such rounded amounts, so that lines always add up to totals.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cache, lru_cache
from math import floor

from babel.numbers import get_currency_precision

HUNDRED = 100
DAY_NAMES = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ALL_DAYS = frozenset(range(7))
DAY_SECONDS = 24 * 60 * 60
CACHED_PRICES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount without and with VAT, in one currency and rounded to its decimals."""

    excl_vat: Decimal
    incl_vat: Decimal
    currency: str

    @property
    def vat(self) -> Decimal:
        """The VAT in it."""
        return self.incl_vat - self.excl_vat


@dataclass(frozen=True, slots=True, kw_only=True)
class Price(Money):
    """What one ticket or coupon costs, with its own VAT rate."""

    vat_percent: Decimal

    def times(self, quantity: int) -> "Price":
        """The price of a group ticket: `quantity` times the rounded price."""
        return replace(self, excl_vat=self.excl_vat * quantity, incl_vat=self.incl_vat * quantity)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedPrice:
    """A price as the venue states it, with or without VAT.

    Errors: `ValueError` with the remedy where the currency has no such amount.
    """

    amount: Decimal
    includes_vat: bool
    vat_percent: Decimal
    currency: str

    def __post_init__(self) -> None:
        check_amount(self.amount, self.currency)
        if self.amount < 0:
            raise ValueError(f"a price can't be negative: {self.amount}")
        if not self.vat_percent.is_finite() or self.vat_percent < 0:
            raise ValueError(f"VAT must be 0 % or more: {self.vat_percent}")

    def price(self) -> Price:
        """Both sides of it: the stated one as it stands, the other derived and rounded."""
        return _both_sides(self)


@lru_cache(maxsize=CACHED_PRICES)
def _both_sides(price: StatedPrice) -> Price:
    stated = round_half_up(price.amount, price.currency)
    rate = 1 + Fraction(price.vat_percent) / HUNDRED
    other = Fraction(stated) / rate if price.includes_vat else Fraction(stated) * rate
    derived = round_half_up(other, price.currency)
    return Price(
        excl_vat=derived if price.includes_vat else stated,
        incl_vat=stated if price.includes_vat else derived,
        vat_percent=price.vat_percent,
        currency=price.currency,
    )


class Action(StrEnum):
    """What a change does with a price."""

    FIXED = "fixed"
    RELATIVE = "relative"
    PERCENT = "percent"


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A price set anew, moved by an amount (-10: 10 off) or by percent (-20: 20 % off).

    An amount counts on the side, with or without VAT, on which the item's own price is stated.
    """

    action: Action
    value: Decimal

    def __post_init__(self) -> None:
        if not self.value.is_finite():
            raise ValueError(f"{self.value} is not an amount; give a number")
        if self.action is Action.FIXED and self.value < 0:
            raise ValueError(f"a price can't be negative: {self.value}")

    def apply(self, base: StatedPrice) -> StatedPrice:
        """The changed price, rounded, and never below 0."""
        amount, value = Fraction(base.amount), Fraction(self.value)
        changed = {
            Action.FIXED: value,
            Action.RELATIVE: amount + value,
            Action.PERCENT: amount * (HUNDRED + value) / HUNDRED,
        }[self.action]
        return replace(base, amount=round_half_up(max(changed, Fraction(0)), base.currency))


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceRule:
    """A change to prices, and when it holds. All conditions are venue-local; None means any.

    Both ends of the visit dates and of the days booked ahead are included; the slot time is
    `time_from` ≤ time < `time_to`. Weekdays count from 0 = Monday. Errors: `ValueError` for a
    range that ends before it starts.
    """

    code: str
    change: PriceChange
    item_number: str | None = None
    visit_from: date | None = None
    visit_to: date | None = None
    weekdays: frozenset[int] = ALL_DAYS
    time_from: time | None = None
    time_to: time | None = None
    booked_ahead_min: int | None = None
    booked_ahead_max: int | None = None
    priority: int = 0

    def __post_init__(self) -> None:
        if not self.weekdays or not self.weekdays <= ALL_DAYS:
            raise ValueError("weekdays must be some of 0 (Monday) to 6; leave them out for all")
        if self._date_days < 0:
            raise ValueError("the visit dates end before they start; swap them")
        if self._slot_seconds <= 0:
            raise ValueError(
                "the slot times end before they start; swap them, or leave out the end for midnight"
            )
        if min(self.booked_ahead_min or 0, self.booked_ahead_max or 0) < 0:
            raise ValueError("days booked ahead count from 0, the day of the visit")
        if self._ahead_days < 0:
            raise ValueError("the days booked ahead end before they start; swap them")

    def matches(
        self, item_number: str, visit_date: date, visit_time: time, booked_on: date
    ) -> bool:
        """Whether it holds for this item and visit, booked on that venue-local day."""
        ahead = (visit_date - booked_on).days
        return (
            self.item_number in (None, item_number)
            and (self.visit_from or date.min) <= visit_date <= (self.visit_to or date.max)
            and visit_date.weekday() in self.weekdays
            and (self.time_from or time.min) <= visit_time
            and (self.time_to is None or visit_time < self.time_to)
            and (self.booked_ahead_min is None or self.booked_ahead_min <= ahead)
            and (self.booked_ahead_max is None or ahead <= self.booked_ahead_max)
        )

    @property
    def rank(self) -> tuple[bool, int, int, int, int, int, str]:
        """The place in the order of `best_rule`: the least wins."""
        return (
            self.item_number is None,
            self._date_days,
            len(self.weekdays),
            self._slot_seconds,
            self._ahead_days,
            -self.priority,
            self.code,
        )

    @property
    def _date_days(self) -> int:
        return ((self.visit_to or date.max) - (self.visit_from or date.min)).days

    @property
    def _slot_seconds(self) -> int:
        end = _seconds(self.time_to) if self.time_to is not None else DAY_SECONDS
        return end - _seconds(self.time_from or time.min)

    @property
    def _ahead_days(self) -> int:
        longest = (date.max - date.min).days
        most = longest if self.booked_ahead_max is None else self.booked_ahead_max
        # No least is one wider than 0: it holds for a visit before the booking too.
        return most - (-1 if self.booked_ahead_min is None else self.booked_ahead_min)


@dataclass(frozen=True, slots=True)
class ComponentPrice:
    """One component instance of a package: its item's price by the rules, and its own setting.

    The setting is how the package changes that price; None leaves it.
    """

    item_price: StatedPrice
    setting: PriceChange | None = None

    @property
    def stated(self) -> StatedPrice:
        """What the component costs in this package."""
        return self.setting.apply(self.item_price) if self.setting else self.item_price


def best_rule(
    rules: Iterable[PriceRule],
    item_number: str,
    visit_date: date,
    visit_time: time,
    booked_on: date,
) -> PriceRule | None:
    """The narrowest of the rules that match; None where none does.

    Narrower is, in this order, until one differs:
    1. a rule for this item, before one for all;
    2. fewer days from its first to its last visit date (an open end runs to the calendar's:
       of two rules "from" a day, the later is narrower);
    3. fewer weekdays;
    4. a shorter window of slot times (an open end runs to midnight);
    5. fewer days between least and most booked ahead (no most is without end);
    6. the higher priority;
    7. the code that comes first in the alphabet.

    So a rule whose conditions lie within another's always wins over it, and the order of `rules`
    never matters. Dates and times are venue-local.
    """
    matching = (
        rule for rule in rules if rule.matches(item_number, visit_date, visit_time, booked_on)
    )
    return min(matching, key=lambda rule: rule.rank, default=None)


def stated_price(
    base: StatedPrice,
    rules: Iterable[PriceRule],
    item_number: str,
    visit_date: date,
    visit_time: time,
    booked_on: date,
) -> StatedPrice:
    """The item's price for this visit by its best rule, as stated: what a package builds on."""
    rule = best_rule(rules, item_number, visit_date, visit_time, booked_on)
    return rule.change.apply(base) if rule else base


def unit_price(
    base: StatedPrice,
    rules: Iterable[PriceRule],
    item_number: str,
    visit_date: date,
    visit_time: time,
    booked_on: date,
) -> Price:
    """What one of the item costs for this visit; never below 0. Dates are venue-local."""
    return stated_price(base, rules, item_number, visit_date, visit_time, booked_on).price()


def package_prices(
    components: Sequence[ComponentPrice], own: StatedPrice | None = None
) -> list[Price]:
    """What each component instance of one package costs, in order; the wallet costs their `total`.

    Where the package states its `own` price, that is spread over the components in proportion to
    what each would cost, so that their sum is `own` exactly: 100.00 over three equal ones is
    33.34 + 33.33 + 33.33. VAT is each component's own, so `own.vat_percent` has no part in it.
    """
    if not components:
        raise ValueError("a package has no components; give it some")
    return list(_package_prices(tuple(components), own))


# Exact arithmetic is slow, and the lines of an order are often alike.
@lru_cache(maxsize=CACHED_PRICES)
def _package_prices(
    components: tuple[ComponentPrice, ...], own: StatedPrice | None
) -> tuple[Price, ...]:
    stated = [component.stated for component in components]
    return tuple(price.price() for price in (_sharing(own, stated) if own else stated))


def _sharing(own: StatedPrice, parts: Sequence[StatedPrice]) -> list[StatedPrice]:
    prices = [part.price() for part in parts]
    if any(price.currency != own.currency for price in prices):
        raise ValueError(f"a package in {own.currency} can't have components in other currencies")
    weights = [price.incl_vat if own.includes_vat else price.excl_vat for price in prices]
    shares = spread(own.amount, weights, own.currency)
    return [
        replace(own, amount=share, vat_percent=price.vat_percent)
        for share, price in zip(shares, prices, strict=True)
    ]


def spread(amount: Decimal, weights: Sequence[Decimal], currency: str) -> list[Decimal]:
    """`amount` in whole smallest units of the currency, in proportion to `weights`.

    By largest remainder; of equal remainders, the first gets the unit. All weights 0 count as
    equal.
    """
    units = _in_units(amount, currency)
    parts = [Fraction(weight) for weight in weights]
    if not any(parts):
        parts = [Fraction(1)] * len(parts)
    exact = [units * part / sum(parts) for part in parts]
    shares = [floor(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: shares[i] - exact[i])
    for i in by_remainder[: units - sum(shares)]:
        shares[i] += 1
    return [_from_units(share, currency) for share in shares]


def total(prices: Iterable[Money], currency: str) -> Money:
    """The sum of rounded prices. Errors: `ValueError` for a price in another currency."""
    excl_vat = incl_vat = _from_units(0, currency)
    for price in prices:
        if price.currency != currency:
            raise ValueError(f"{price.currency} can't be added to {currency}")
        excl_vat += price.excl_vat
        incl_vat += price.incl_vat
    return Money(excl_vat=excl_vat, incl_vat=incl_vat, currency=currency)


def round_half_up(amount: Decimal | Fraction, currency: str) -> Decimal:
    """The amount (not below 0) in the currency's own decimals; a tie goes up."""
    return _from_units(floor(Fraction(amount) * _units_in_one(currency) + Fraction(1, 2)), currency)


def check_amount(amount: Decimal, currency: str) -> None:
    """`ValueError` with the remedy where the currency can't express the amount."""
    if not amount.is_finite():
        raise ValueError(f"{amount} is not an amount; give a number")
    _in_units(amount, currency)


@cache
def currency_decimals(currency: str) -> int:
    """How many decimals the currency has: JPY 0, DKK 2, KWD 3."""
    return get_currency_precision(currency)


def weekday_numbers(days: Iterable[int | str]) -> frozenset[int]:
    """Weekdays by number (0 = Monday) or English name (`Mon`, `monday`). Errors: `ValueError`."""
    return frozenset(_weekday(day) for day in days)


def _weekday(day: int | str) -> int:
    if isinstance(day, int) and day in ALL_DAYS:
        return day
    short = str(day).strip().lower()
    for number, name in enumerate(DAY_NAMES):
        if short in (name, name[:3]):
            return number
    raise ValueError(f"{day!r} is not a weekday; use 0 (Monday) to 6, or Mon to Sun")


def _seconds(of_day: time) -> int:
    return (of_day.hour * 60 + of_day.minute) * 60 + of_day.second


def _in_units(amount: Decimal, currency: str) -> int:
    units = Fraction(amount) * _units_in_one(currency)
    if units.denominator != 1:
        raise ValueError(
            f"{amount} has more decimals than {currency}, which has "
            f"{currency_decimals(currency)}; round it"
        )
    return units.numerator


def _from_units(units: int, currency: str) -> Decimal:
    return Decimal(units).scaleb(-currency_decimals(currency))


@cache
def _units_in_one(currency: str) -> int:
    return int(10 ** currency_decimals(currency))
