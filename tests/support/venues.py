"""Venues and orders of any shape, drawn by hypothesis."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from hypothesis import strategies as st

from channel_manager.catalog.prices import currency_decimals
from channel_manager.venue_checks import contradictions
from channel_manager.venue_file import VenueFile
from support.castle import soon

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)
LANGUAGES = st.sampled_from(["ENU", "DAN", "DEU", "FRA", "JPN", "pt-BR", "zh-Hant", "nb"])
# Pseudo-random patterns; the last is so small that an order may find no number.
PATTERNS = ["T[X*9]-[S]", "[X*10]", "A[N*13]", "[N*2]"]


def amounts(currency: str) -> st.SearchStrategy[Decimal]:
    """An amount that the currency has."""
    decimals = currency_decimals(currency)
    return st.integers(0, 10 ** (3 + decimals)).map(lambda units: Decimal(units).scaleb(-decimals))


def percents(least: int = 0, most: int = 100) -> st.SearchStrategy[Decimal]:
    """A percentage with up to two decimals."""
    return st.integers(least * 100, most * 100).map(lambda n: Decimal(n).scaleb(-2))


@st.composite
def venues(draw: st.DrawFn) -> VenueFile:
    """A venue with tickets, group tickets, coupons, packages of them, and price rules."""
    currency = draw(st.sampled_from(["DKK", "JPY", "KWD", "EUR"]))
    singles = [
        _single(draw, f"S{n}", kind, currency)
        for n, kind in enumerate(draw(st.lists(st.sampled_from("TGC"), min_size=1, max_size=5)))
    ]
    parts = [item["number"] for item in singles if item.get("ticketType") != "GROUP"]
    packages = (
        [_package(draw, f"P{n}", parts, currency) for n in range(draw(st.integers(0, 3)))]
        if parts
        else []
    )
    venue = VenueFile.model_validate(
        {
            "company": {
                "tenant": str(uuid4()),
                "environment": "production",
                "name": "Drawn",
                "timeZone": draw(st.sampled_from(["Europe/Copenhagen", "Asia/Kuwait"])),
                "currency": currency,
                "language": draw(LANGUAGES),
            },
            "partners": [{"id": str(UUID(int=7)), "name": "Example Travel"}],
            "ticketTypes": [
                _kind(draw, "TICKET"),
                _kind(draw, "GROUP") | {"kind": "group"},
            ],
            "couponTypes": [
                _kind(draw, "COUPON")
                | {
                    "gives": draw(
                        st.one_of(
                            st.fixed_dictionaries({"percent": percents()}),
                            st.fixed_dictionaries({"amount": amounts(currency)}),
                            st.fixed_dictionaries({"freeItem": TEXTS}),
                        )
                    ),
                    "uses": draw(st.integers(1, 10)),
                }
            ],
            "items": [*singles, *packages],
            "priceRules": [
                _rule(draw, f"R{n}", [*singles, *packages], currency)
                for n in range(draw(st.integers(0, 3)))
            ],
        }
    )
    assert list(contradictions(venue)) == []
    return venue


def _kind(draw: st.DrawFn, code: str) -> dict[str, Any]:
    return {
        "code": code,
        "numberPattern": draw(st.sampled_from(PATTERNS)),
        "numbersPerYear": 1,
        "insistOnPattern": True,
        "validDays": draw(st.integers(1, 400)),
    }


def _single(draw: st.DrawFn, number: str, kind: str, currency: str) -> dict[str, Any]:
    kinds = {"T": ("ticketType", "TICKET"), "G": ("ticketType", "GROUP")}
    field, code = kinds.get(kind, ("couponType", "COUPON"))
    return {
        "number": number,
        "description": draw(TEXTS),
        "translations": draw(st.dictionaries(LANGUAGES, TEXTS, max_size=3)),
        field: code,
        "price": {
            "amount": draw(amounts(currency)),
            "includesVat": draw(st.booleans()),
            "vatPercent": draw(percents()),
        },
    }


def _package(draw: st.DrawFn, number: str, parts: list[str], currency: str) -> dict[str, Any]:
    setting = st.one_of(
        st.none(),
        st.fixed_dictionaries({"fixed": amounts(currency)}),
        st.fixed_dictionaries({"percentOff": percents()}),
        st.fixed_dictionaries({"amountOff": amounts(currency)}),
    )
    component = st.fixed_dictionaries(
        {"item": st.sampled_from(parts), "quantity": st.integers(1, 4), "price": setting}
    )
    own = st.fixed_dictionaries({"amount": amounts(currency), "includesVat": st.booleans()})
    return {
        "number": number,
        "description": draw(TEXTS),
        "package": {
            # Ten and more, and the same item more than once.
            "components": draw(st.lists(component, min_size=1, max_size=12)),
            "price": draw(st.one_of(st.none(), own)),
        },
    }


def _rule(draw: st.DrawFn, code: str, items: list[dict[str, Any]], currency: str) -> dict[str, Any]:
    priced = [
        item["number"] for item in items if "price" in item or item["package"]["price"] is not None
    ]
    change = st.one_of(
        st.fixed_dictionaries({"fixed": amounts(currency)}),
        st.fixed_dictionaries({"relative": amounts(currency)}),
        st.fixed_dictionaries({"relative": amounts(currency).map(lambda amount: -amount)}),
        st.fixed_dictionaries({"percent": percents(-100, 200)}),
    )
    return {
        "code": code,
        "item": draw(st.one_of(st.none(), st.sampled_from(priced))),
        "weekdays": draw(st.one_of(st.none(), st.just(["mon", "wed", "sun"]))),
        "timeTo": draw(st.one_of(st.none(), st.just("12:00"))),
        "change": draw(change),
    }


@st.composite
def orders(draw: st.DrawFn, venue: VenueFile) -> dict[str, Any]:
    """A paid or unpaid order of the venue's items."""
    line = st.fixed_dictionaries(
        {
            "itemNumber": st.sampled_from([item.number for item in venue.items]),
            "quantity": st.one_of(st.integers(1, 5), st.just(40)),
            "visitDate": st.integers(1, 14).map(soon),
            "visitTime": st.sampled_from(["10:00:00", "14:00:00"]),
        }
    )
    body = {
        "partnerId": str(venue.partners[0].id),
        "sellToOrderReference": str(uuid4()),
        "items": draw(st.lists(line, min_size=1, max_size=4)),
        "sellToLanguage": draw(LANGUAGES),
    }
    return body | draw(st.sampled_from([{}, {"paymentReference": "PAY-1"}]))
