from collections.abc import Sequence
from dataclasses import replace
from datetime import date, time, timedelta
from decimal import Decimal
from fractions import Fraction
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channel_manager.catalog.prices import (
    ALL_DAYS,
    Action,
    ComponentPrice,
    Money,
    Price,
    PriceChange,
    PriceRule,
    StatedPrice,
    best_rule,
    check_amount,
    currency_decimals,
    package_prices,
    round_half_up,
    spread,
    stated_price,
    total,
    unit_price,
    weekday_numbers,
)

D = Decimal
MONDAY = date(2027, 6, 7)
TEN = time(10)
CASTLE = "31001"
NO_CHANGE = PriceChange(Action.RELATIVE, D(0))
CURRENCIES = ("DKK", "EUR", "JPY", "KWD")


def stated(
    amount: str, vat: str = "25", currency: str = "DKK", *, includes_vat: bool = True
) -> StatedPrice:
    return StatedPrice(
        amount=D(amount), includes_vat=includes_vat, vat_percent=D(vat), currency=currency
    )


def rule(code: str, change: PriceChange = NO_CHANGE, **conditions: Any) -> PriceRule:
    return PriceRule(code=code, change=change, **conditions)


def winner(*rules: PriceRule, booked_on: date = MONDAY) -> str | None:
    best = best_rule(rules, CASTLE, MONDAY, TEN, booked_on)
    assert best == best_rule(rules[::-1], CASTLE, MONDAY, TEN, booked_on)
    return best.code if best else None


def half_unit(currency: str) -> Fraction:
    return Fraction(1, 2 * 10 ** currency_decimals(currency))


@st.composite
def stated_prices(draw: st.DrawFn, currency: str | None = None) -> StatedPrice:
    currency = currency or draw(st.sampled_from(CURRENCIES))
    units = draw(st.integers(0, 10**11))
    return StatedPrice(
        amount=D(units).scaleb(-currency_decimals(currency)),
        includes_vat=draw(st.booleans()),
        vat_percent=draw(st.decimals(0, 100, places=4)),
        currency=currency,
    )


changes = st.one_of(
    st.builds(PriceChange, st.just(Action.FIXED), st.decimals(0, 10**6, places=4)),
    st.builds(PriceChange, st.just(Action.RELATIVE), st.decimals(-(10**6), 10**6, places=4)),
    st.builds(PriceChange, st.just(Action.PERCENT), st.decimals(-150, 300, places=4)),
)
components = st.builds(ComponentPrice, stated_prices("DKK"), st.none() | changes)


# Money


def test_three_times_99_99_gross_at_25_percent_sums_line_by_line() -> None:
    one = stated("99.99").price()
    assert (one.excl_vat, one.vat, one.incl_vat) == (D("79.99"), D("20.00"), D("99.99"))
    three = total([one] * 3, "DKK")
    assert (three.excl_vat, three.vat, three.incl_vat) == (D("239.97"), D("60.00"), D("299.97"))
    group = one.times(3)
    assert (group.excl_vat, group.incl_vat) == (three.excl_vat, three.incl_vat)


def test_100_over_three_components_sums_to_100() -> None:
    castle = ComponentPrice(stated("50"))
    prices = package_prices([castle, castle, castle], stated("100"))
    assert [price.incl_vat for price in prices] == [D("33.34"), D("33.33"), D("33.33")]
    assert total(prices, "DKK").incl_vat == D("100.00")


@pytest.mark.parametrize(
    ("currency", "amount", "excl_vat"),
    [
        ("JPY", "1999", "1817"),  # 1817.27…
        ("JPY", "5", "5"),  # 4.5454…
        ("DKK", "100", "90.91"),  # 90.909…
        ("KWD", "1.005", "0.914"),  # 0.91363…
    ],
)
def test_each_currency_has_its_own_decimals(currency: str, amount: str, excl_vat: str) -> None:
    price = stated(amount, "10", currency).price()
    assert price.excl_vat == D(excl_vat)
    for side in (price.excl_vat, price.incl_vat):
        assert side.as_tuple().exponent == -currency_decimals(currency)


@pytest.mark.parametrize(
    ("amount", "currency", "rounded"),
    [
        ("0.5", "JPY", "1"),
        ("1.5", "JPY", "2"),
        ("2.5", "JPY", "3"),
        ("0.125", "DKK", "0.13"),
        ("0.135", "DKK", "0.14"),
        ("1.00499999999999999999999999999999999999", "DKK", "1.00"),
        ("0.0005", "KWD", "0.001"),
        ("0", "KWD", "0.000"),
    ],
)
def test_a_tie_goes_up(amount: str, currency: str, rounded: str) -> None:
    assert str(round_half_up(D(amount), currency)) == rounded


def test_what_rounds_is_exact_and_not_a_quotient_cut_short() -> None:
    assert round_half_up(Fraction(5, 1000) - Fraction(1, 10**60), "DKK") == D("0.00")


@given(stated_prices())
def test_the_stated_side_stays_and_the_other_is_within_half_a_unit(base: StatedPrice) -> None:
    price = base.price()
    rate = 1 + Fraction(base.vat_percent) / 100
    excl, incl = Fraction(price.excl_vat), Fraction(price.incl_vat)
    half = half_unit(base.currency)
    assert (price.incl_vat if base.includes_vat else price.excl_vat) == base.amount
    if base.includes_vat:
        assert -half <= incl / rate - excl < half
    else:
        assert -half <= excl * rate - incl < half
    assert price.incl_vat == price.excl_vat + price.vat
    assert 0 <= price.excl_vat <= price.incl_vat


@given(st.lists(stated_prices("KWD"), max_size=20), st.integers(1, 1000))
def test_lines_sum_to_totals_without_noise(bases: list[StatedPrice], quantity: int) -> None:
    lines = [base.price().times(quantity) for base in bases]
    sums = total(lines, "KWD")
    assert sums.incl_vat == sum(line.incl_vat for line in lines)
    assert sums.excl_vat == sum(line.excl_vat for line in lines)
    assert sums.vat == sum(line.vat for line in lines)
    assert sums.incl_vat.as_tuple().exponent == sums.excl_vat.as_tuple().exponent == -3


def test_no_wallets_cost_nothing() -> None:
    assert total([], "JPY") == Money(excl_vat=D(0), incl_vat=D(0), currency="JPY")


def test_two_currencies_do_not_add() -> None:
    with pytest.raises(ValueError, match="EUR can't be added to DKK"):
        total([stated("1", currency="EUR").price()], "DKK")


@pytest.mark.parametrize(
    ("amount", "currency", "says"),
    [
        ("99.995", "DKK", "99.995 has more decimals than DKK, which has 2; round it"),
        ("0.5", "JPY", "0.5 has more decimals than JPY, which has 0"),
        ("0.0005", "KWD", "has more decimals than KWD, which has 3"),
        ("NaN", "DKK", "give a number"),
        ("Infinity", "DKK", "give a number"),
        ("-1", "DKK", "can't be negative"),
    ],
)
def test_a_price_that_the_currency_does_not_have_is_refused(
    amount: str, currency: str, says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        stated(amount, currency=currency)


@pytest.mark.parametrize("vat", ["-1", "NaN", "Infinity"])
def test_vat_is_nought_or_more(vat: str) -> None:
    with pytest.raises(ValueError, match="VAT must be 0 % or more"):
        stated("1", vat)


def test_zeros_that_a_database_adds_are_no_decimals() -> None:
    check_amount(D("100.0000"), "JPY")
    assert str(stated("100.0000", currency="JPY").price().incl_vat) == "100"


# Changes


@pytest.mark.parametrize(
    ("action", "value", "expected"),
    [
        (Action.FIXED, "80", "80.00"),
        (Action.FIXED, "0", "0.00"),
        (Action.RELATIVE, "15.50", "115.49"),
        (Action.RELATIVE, "-15.50", "84.49"),
        (Action.RELATIVE, "-500", "0.00"),
        (Action.PERCENT, "-20", "79.99"),  # 79.992
        (Action.PERCENT, "-50", "50.00"),  # 49.995
        (Action.PERCENT, "10", "109.99"),  # 109.989
        (Action.PERCENT, "-120", "0.00"),
    ],
)
def test_a_change_keeps_to_the_stated_side(action: Action, value: str, expected: str) -> None:
    for includes_vat in (True, False):
        base = stated("99.99", includes_vat=includes_vat)
        changed = PriceChange(action, D(value)).apply(base)
        assert changed == replace(base, amount=D(expected))


@given(stated_prices(), changes)
def test_no_change_makes_a_price_negative_or_unpayable(
    base: StatedPrice, change: PriceChange
) -> None:
    price = unit_price(base, [rule("ANY", change)], CASTLE, MONDAY, TEN, MONDAY)
    assert 0 <= price.excl_vat <= price.incl_vat
    check_amount(price.excl_vat, base.currency)
    check_amount(price.incl_vat, base.currency)


@pytest.mark.parametrize(("action", "value"), [(Action.FIXED, "-1"), (Action.PERCENT, "NaN")])
def test_a_senseless_change_is_refused(action: Action, value: str) -> None:
    with pytest.raises(ValueError, match=r"negative|give a number"):
        PriceChange(action, D(value))


# Rules


def test_without_a_matching_rule_the_base_price_holds() -> None:
    other = rule("OTHER", PriceChange(Action.FIXED, D(1)), item_number="31002")
    assert winner(other) is None
    assert unit_price(stated("100"), [other], CASTLE, MONDAY, TEN, MONDAY) == stated("100").price()


def test_only_the_best_rule_counts_and_rules_do_not_add_up() -> None:
    rules = [
        rule("ALL", PriceChange(Action.PERCENT, D(-50))),
        rule("MINE", PriceChange(Action.PERCENT, D(-10)), item_number=CASTLE),
    ]
    assert unit_price(stated("100"), rules, CASTLE, MONDAY, TEN, MONDAY).incl_vat == D(90)


@pytest.mark.parametrize(
    ("conditions", "holds"),
    [
        ({"visit_from": MONDAY, "visit_to": MONDAY}, True),
        ({"visit_from": MONDAY + timedelta(1)}, False),
        ({"visit_to": MONDAY - timedelta(1)}, False),
        ({"weekdays": frozenset({0})}, True),
        ({"weekdays": ALL_DAYS - {0}}, False),
        ({"time_from": TEN}, True),
        ({"time_to": TEN}, False),
        ({"time_to": time(10, 0, 1)}, True),
        ({"time_from": time(10, 0, 1)}, False),
        ({"booked_ahead_min": 3, "booked_ahead_max": 3}, True),
        ({"booked_ahead_min": 4}, False),
        ({"booked_ahead_max": 2}, False),
        ({"item_number": CASTLE}, True),
        ({"item_number": "031001"}, False),
    ],
)
def test_each_condition_holds_to_its_ends(conditions: dict[str, Any], holds: bool) -> None:  # noqa: FBT001 - a column of the table
    booked_on = MONDAY - timedelta(3)
    assert winner(rule("R", **conditions), booked_on=booked_on) == ("R" if holds else None)


# Each rule is narrower than the next, by the next criterion alone, whatever the later ones say.
SUMMER = {"visit_from": date(2027, 6, 1), "visit_to": date(2027, 8, 31)}
JUNE = {"visit_from": date(2027, 6, 1), "visit_to": date(2027, 6, 30)}


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ({"item_number": CASTLE}, {**JUNE, "weekdays": frozenset({0}), "priority": 9}),
        (JUNE, {**SUMMER, "weekdays": frozenset({0}), "priority": 9}),
        (SUMMER, {"weekdays": frozenset({0}), "time_from": TEN, "priority": 9}),
        ({"visit_from": date(2027, 6, 1)}, {"visit_from": date(2027, 1, 1), "priority": 9}),
        ({"visit_from": date(2027, 6, 1)}, {"priority": 9}),
        ({"weekdays": frozenset({0})}, {"weekdays": frozenset({0, 1}), "time_from": TEN}),
        ({"weekdays": ALL_DAYS - {6}}, {"time_from": TEN, "time_to": time(11)}),
        ({"time_from": TEN, "time_to": time(11)}, {"time_from": TEN, "booked_ahead_max": 0}),
        ({"time_from": time(1)}, {"booked_ahead_max": 0, "priority": 9}),
        ({"booked_ahead_max": 7}, {"booked_ahead_max": 30, "priority": 9}),
        ({"booked_ahead_min": 0, "booked_ahead_max": 7}, {"booked_ahead_max": 7, "priority": 9}),
        ({"booked_ahead_min": 0}, {"priority": 9}),
        ({"priority": 1}, {"priority": 0}),
    ],
)
def test_the_narrowest_range_wins(narrow: dict[str, Any], wide: dict[str, Any]) -> None:
    assert winner(rule("Z-NARROW", **narrow), rule("A-WIDE", **wide)) == "Z-NARROW"


def test_among_equals_the_first_code_wins() -> None:
    assert winner(rule("B"), rule("A"), rule("C")) == "A"


dates = st.dates(date(2027, 5, 1), MONDAY), st.dates(MONDAY, date(2027, 7, 31))
ranges: dict[str, tuple[st.SearchStrategy[Any], st.SearchStrategy[Any]]] = {
    "visit": dates,
    "time": (st.times(max_value=TEN), st.times(min_value=time(10, 1))),
    "booked_ahead": (st.integers(0, 10), st.integers(10, 400)),
}
ENDS = {"visit": ("from", "to"), "time": ("from", "to"), "booked_ahead": ("min", "max")}


@st.composite
def nested_rules(draw: st.DrawFn) -> tuple[PriceRule, PriceRule]:
    """Two rules that hold for the visit, the first's conditions all within the second's."""
    inner: dict[str, Any] = {"priority": draw(st.integers(-5, 5))}
    outer: dict[str, Any] = {"priority": draw(st.integers(-5, 5))}
    for name, sides in ranges.items():
        for end, side, pick in zip(ENDS[name], sides, (max, min), strict=True):
            near, far = draw(st.none() | side), draw(st.none() | side)
            given_ends = [value for value in (near, far) if value is not None]
            inner[f"{name}_{end}"] = pick(given_ends) if given_ends else None
            outer[f"{name}_{end}"] = far
    inner["weekdays"] = frozenset({0}) | draw(st.frozensets(st.integers(0, 6)))
    outer["weekdays"] = inner["weekdays"] | draw(st.frozensets(st.integers(0, 6)))
    inner["item_number"] = draw(st.sampled_from([CASTLE, None]))
    outer["item_number"] = inner["item_number"] and draw(st.sampled_from([CASTLE, None]))
    return rule(draw(st.text()), **inner), rule(draw(st.text()), **outer)


def same_conditions(one: PriceRule, other: PriceRule) -> bool:
    return replace(one, code="", priority=0) == replace(other, code="", priority=0)


@given(nested_rules())
def test_a_rule_within_another_always_wins(rules: tuple[PriceRule, PriceRule]) -> None:
    inner, outer = rules
    best = best_rule([outer, inner], CASTLE, MONDAY, TEN, MONDAY - timedelta(10))
    assert best is not None
    if not same_conditions(inner, outer):
        assert best == inner


@given(st.lists(nested_rules(), max_size=5), st.randoms())
def test_the_order_of_the_rules_never_matters(
    pairs: list[tuple[PriceRule, PriceRule]], random: Random
) -> None:
    rules = [rule for pair in pairs for rule in pair]
    shuffled = random.sample(rules, len(rules))
    ten_days_before = MONDAY - timedelta(10)
    first = best_rule(rules, CASTLE, MONDAY, TEN, ten_days_before)
    second = best_rule(shuffled, CASTLE, MONDAY, TEN, ten_days_before)
    assert (first and first.rank) == (second and second.rank)


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        ({"visit_from": MONDAY, "visit_to": MONDAY - timedelta(1)}, "visit dates end before"),
        ({"time_from": TEN, "time_to": TEN}, "slot times end before"),
        ({"time_to": time(0)}, "leave out the end for midnight"),
        ({"booked_ahead_min": 8, "booked_ahead_max": 7}, "days booked ahead end before"),
        ({"booked_ahead_min": -1}, "count from 0"),
        ({"booked_ahead_max": -1}, "count from 0"),
        ({"weekdays": frozenset()}, "leave them out for all"),
        ({"weekdays": frozenset({7})}, r"0 \(Monday\) to 6"),
    ],
)
def test_a_rule_that_could_never_hold_is_refused(conditions: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        rule("R", **conditions)


def test_weekdays_go_by_name_or_number() -> None:
    assert weekday_numbers(["Mon", "SUNDAY", 2]) == {0, 6, 2}
    for wrong in ("Mo", "", 7, -1, "1"):
        with pytest.raises(ValueError, match="is not a weekday; use"):
            weekday_numbers([wrong])


# Packages


def test_a_wallet_costs_the_sum_of_its_components_each_with_its_own_setting_and_vat() -> None:
    prices = package_prices(
        [
            ComponentPrice(stated("100", "25")),
            ComponentPrice(stated("100", "25"), PriceChange(Action.FIXED, D(60))),
            ComponentPrice(stated("50", "0"), PriceChange(Action.PERCENT, D(-10))),
            ComponentPrice(stated("50", "12"), PriceChange(Action.RELATIVE, D(-5))),
        ]
    )
    assert [price.incl_vat for price in prices] == [D(100), D(60), D(45), D(45)]
    assert [price.excl_vat for price in prices] == [D(80), D(48), D(45), D("40.18")]
    wallet = total(prices, "DKK")
    assert (wallet.excl_vat, wallet.incl_vat) == (D("213.18"), D("250.00"))


def test_a_component_s_rule_comes_before_its_setting() -> None:
    summer = rule("SUMMER", PriceChange(Action.RELATIVE, D(20)), **SUMMER)
    item = stated_price(stated("100"), [summer], CASTLE, MONDAY, TEN, MONDAY)
    (price,) = package_prices([ComponentPrice(item, PriceChange(Action.PERCENT, D(-50)))])
    assert price.incl_vat == D(60)


def test_a_package_s_own_price_is_spread_by_what_the_components_cost() -> None:
    parts = [ComponentPrice(stated("150")), ComponentPrice(stated("50", "0"))]
    prices = package_prices(parts, stated("100"))
    assert [price.incl_vat for price in prices] == [D(75), D(25)]
    assert [price.excl_vat for price in prices] == [D(60), D(25)]
    assert [price.vat_percent for price in prices] == [D(25), D(0)]


def test_a_free_component_of_a_priced_package_stays_free() -> None:
    parts = [ComponentPrice(stated("0")), *[ComponentPrice(stated("50"))] * 3]
    prices = package_prices(parts, stated("100"))
    assert [price.incl_vat for price in prices] == [D(0), D("33.34"), D("33.33"), D("33.33")]


def test_components_that_are_all_free_share_the_package_s_price_equally() -> None:
    free = ComponentPrice(stated("0", currency="JPY"))
    prices = package_prices([free] * 3, stated("100", currency="JPY"))
    assert [price.incl_vat for price in prices] == [D(34), D(33), D(33)]


@given(st.lists(components, min_size=1, max_size=15), stated_prices("DKK"))
def test_a_package_s_own_price_is_the_sum_of_its_components_to_the_last_unit(
    parts: list[ComponentPrice], own: StatedPrice
) -> None:
    prices = package_prices(parts, own)
    sums = total(prices, "DKK")
    assert (sums.incl_vat if own.includes_vat else sums.excl_vat) == own.amount
    assert sums.vat == sum((price.vat for price in prices), D(0))
    assert all(0 <= price.excl_vat <= price.incl_vat for price in prices)


@given(
    st.integers(0, 10**9),
    st.lists(st.decimals(0, 10**6, places=2), min_size=1, max_size=20),
    st.sampled_from(CURRENCIES),
)
def test_no_share_is_a_whole_unit_from_its_proportion(
    units: int, weights: Sequence[Decimal], currency: str
) -> None:
    amount = D(units).scaleb(-currency_decimals(currency))
    shares = spread(amount, weights, currency)
    whole = sum(map(Fraction, weights))
    assert sum(shares) == amount
    if whole:
        for share, weight in zip(shares, weights, strict=True):
            off = abs(Fraction(share) - Fraction(amount) * Fraction(weight) / whole)
            assert off < 2 * half_unit(currency)


def test_a_package_without_components_is_refused() -> None:
    for own in (None, stated("100")):
        with pytest.raises(ValueError, match="no components; give it some"):
            package_prices([], own)


def test_a_package_in_another_currency_than_its_components_is_refused() -> None:
    with pytest.raises(ValueError, match="a package in DKK can't have components in other"):
        package_prices([ComponentPrice(stated("1", currency="EUR"))], stated("1"))


def test_a_price_tells_its_own_vat_rate() -> None:
    assert stated("100", "12.5").price() == Price(
        excl_vat=D("88.89"), incl_vat=D(100), vat_percent=D("12.5"), currency="DKK"
    )
