"""What each part of a venue file allows by itself but the whole does not."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from channel_manager import local_time
from channel_manager.capacity.venue import ItemAdmissionSection, admission_contradictions
from channel_manager.catalog.prices import check_amount
from channel_manager.clock import system_clock
from channel_manager.issuance.numbers import NumberPattern, too_few, too_small
from channel_manager.venue_octo import octo_contradictions
from channel_manager.venue_sections import (
    CompanySection,
    CouponTypeSection,
    ItemSection,
    PartnerSection,
    TicketTypeSection,
)
from channel_manager.venue_types import Section
from channel_manager.venue_yaml import Place

if TYPE_CHECKING:
    from channel_manager.venue_file import VenueFile

Found = Iterator[tuple[Place, str]]

NUMBERS_PER_YEAR = 1_000_000
ORDERS_PER_YEAR = 100_000
_GROUP_INSIDE = (
    "{} is a group ticket, which is one for a whole line; use an individual ticket with a quantity"
)
_NO_OWN_PRICE = (
    "{} costs what its components cost, so no rule can change its own price; give it a"
    " package.price, or make the rule for a component"
)


def contradictions(venue: "VenueFile") -> Found:
    """Repeats, names of nothing, amounts that the currency lacks, patterns that are too small."""
    yield from _repeats("partners", (partner.id for partner in venue.partners))
    yield from _repeats("stores", (store.code.casefold() for store in venue.stores))
    yield from _repeats("ticketTypes", (kind.code for kind in venue.ticket_types))
    yield from _repeats("couponTypes", (kind.code for kind in venue.coupon_types))
    yield from _repeats("items", (item.number for item in venue.items))
    yield from _repeats("priceRules", (rule.code for rule in venue.price_rules))
    yield from _patterns(venue)
    yield from _items(venue)
    yield from _rules(venue)
    yield from _amounts(venue)
    yield from _admissions(venue)
    yield from octo_contradictions(venue.items)


def _admissions(venue: "VenueFile") -> Found:
    uses: list[tuple[Place, ItemAdmissionSection]] = [
        (("items", index, "admissions", place), use)
        for index, item in enumerate(venue.items)
        for place, use in enumerate(item.admissions)
    ]
    today = local_time.today(local_time.zone(venue.company.time_zone), system_clock())
    yield from admission_contradictions(venue.admissions, uses, today)


def _repeats(section: str, codes: Iterable[Any]) -> Found:
    seen = Counter[Any]()
    for index, code in enumerate(codes):
        seen[code] += 1
        if seen[code] > 1:
            yield (section, index), f"{code} is given twice"


def _patterns(venue: "VenueFile") -> Found:
    yield from _wallet_pattern(venue.company)
    for index, partner in enumerate(venue.partners):
        yield from _order_pattern(index, partner)
    for index, kind in enumerate(venue.ticket_types):
        yield from _asset_pattern(("ticketTypes", index), kind)
    for index, coupon in enumerate(venue.coupon_types):
        yield from _asset_pattern(("couponTypes", index), coupon)


def _wallet_pattern(company: CompanySection) -> Found:
    if company.wallet_number_pattern is not None:
        pattern = NumberPattern.parse(company.wallet_number_pattern)
        # A wallet's number opens the gate as its tickets' do.
        why = too_small(pattern, company.wallets_per_year or NUMBERS_PER_YEAR)
        if why:
            yield ("company", "walletNumberPattern"), why


def _order_pattern(index: int, partner: PartnerSection) -> Found:
    if partner.order_reference_pattern is not None:
        pattern = NumberPattern.parse(partner.order_reference_pattern)
        why = too_few(pattern, partner.orders_per_year or ORDERS_PER_YEAR)
        if why:
            yield ("partners", index, "orderReferencePattern"), f"{why}, or set ordersPerYear"


def _asset_pattern(place: Place, kind: TicketTypeSection | CouponTypeSection) -> Found:
    pattern = NumberPattern.parse(kind.number_pattern)
    per_year = kind.numbers_per_year or NUMBERS_PER_YEAR
    # Who insists may have numbers that can be guessed, but never ones that run out.
    insists = kind.insist_on_pattern
    why = too_few(pattern, per_year) if insists else too_small(pattern, per_year)
    if why:
        remedy = "numbersPerYear" if insists else "insistOnPattern"
        yield (*place, "numberPattern"), f"{why}, or set {remedy}"


def _items(venue: "VenueFile") -> Found:
    tickets = {kind.code for kind in venue.ticket_types}
    groups = {kind.code for kind in venue.ticket_types if kind.kind == "group"}
    coupons = {kind.code for kind in venue.coupon_types}
    stores = {store.code for store in venue.stores}
    items = {item.number: item for item in venue.items}
    for index, item in enumerate(venue.items):
        place = ("items", index)
        yield from _kind(place, item)
        if item.ticket_type is not None and item.ticket_type not in tickets:
            yield (*place, "ticketType"), f"there is no ticket type {item.ticket_type}"
        if item.coupon_type is not None and item.coupon_type not in coupons:
            yield (*place, "couponType"), f"there is no coupon type {item.coupon_type}"
        for position, store in enumerate(item.stores):
            if store not in stores:
                yield (*place, "stores", position), f"there is no store {store}"
        yield from _components(place, item, items, groups)


def _kind(place: Place, item: ItemSection) -> Found:
    kinds = [item.ticket_type, item.coupon_type, item.package]
    if sum(kind is not None for kind in kinds) != 1:
        yield place, "name either its ticketType or its couponType, or give its package"
    elif item.package is None and item.price is None:
        yield place, "give its price"
    elif item.package is not None and item.price is not None:
        yield (*place, "price"), "a package's own price goes under package.price"


def _components(
    place: Place,
    item: ItemSection,
    items: Mapping[str, ItemSection],
    groups: AbstractSet[str],
) -> Found:
    for position, component in enumerate(item.package.components if item.package else ()):
        spot = (*place, "package", "components", position, "item")
        part = items.get(component.item)
        if part is None:
            yield spot, f"there is no item {component.item}"
        elif part.package is not None:
            yield spot, f"{component.item} is a package itself; name what it holds"
        elif part.ticket_type in groups:
            yield spot, _GROUP_INSIDE.format(component.item)


def _rules(venue: "VenueFile") -> Found:
    items = {item.number: item for item in venue.items}
    for index, rule in enumerate(venue.price_rules):
        if rule.item is None:
            continue
        item = items.get(rule.item)
        if item is None:
            yield ("priceRules", index, "item"), f"there is no item {rule.item}"
        elif item.package is not None and item.package.price is None:
            yield ("priceRules", index, "item"), _NO_OWN_PRICE.format(rule.item)


def _amounts(venue: "VenueFile") -> Found:
    currency = venue.company.currency
    for place, amount in _all_amounts(venue):
        try:
            check_amount(amount, currency)
        except ValueError as error:
            yield place, str(error)


def _all_amounts(venue: "VenueFile") -> Iterator[tuple[Place, Decimal]]:
    for index, kind in enumerate(venue.coupon_types):
        yield from _given(("couponTypes", index, "gives"), kind.gives, "amount")
    for index, item in enumerate(venue.items):
        place = ("items", index)
        yield from _given((*place, "price"), item.price, "amount")
        if item.package is not None:
            yield from _given((*place, "package", "price"), item.package.price, "amount")
            for position, part in enumerate(item.package.components):
                spot = (*place, "package", "components", position, "price")
                yield from _given(spot, part.price, "fixed", "amountOff")
    for index, rule in enumerate(venue.price_rules):
        yield from _given(("priceRules", index, "change"), rule.change, "fixed", "relative")


def _given(place: Place, section: Section | None, *aliases: str) -> Iterator[tuple[Place, Decimal]]:
    if section is None:
        return
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if field.alias in aliases and value is not None:
            yield (*place, str(field.alias)), value
