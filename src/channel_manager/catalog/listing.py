"""What a partner may sell, as the catalogue route shows it. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from channel_manager.catalog.prices import total
from channel_manager.catalog.service import Catalogue, CouponTypeInfo, ItemInfo, TicketTypeInfo
from channel_manager.companies.service import CompanyInfo
from channel_manager.errors import NotFound
from channel_manager.issuance.contents import AssetPlan, LineToIssue, Visit, contents

Shown = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """Whose items are listed, and for which visit their prices are told (venue-local)."""

    items: Catalogue
    company: CompanyInfo
    visit: Visit
    booked_on: date


def list_store(listing: Listing, store_code: str) -> Shown:
    """The sellable items of a store. Errors: `NotFound` for a store that isn't there."""
    code = _find_store(listing.items, store_code)
    listed = [
        _item(listing, item)
        for item in listing.items.items.values()
        if item.sellable and (not item.stores or code in item.stores)
    ]
    return {
        "storeCode": code,
        "description": listing.items.stores[code],
        "currencyCode": listing.company.currency,
        "visitDate": listing.visit.day,
        "visitTime": listing.visit.at,
        "bookedOn": listing.booked_on,
        "items": sorted(listed, key=lambda item: str(item["itemNumber"])),
    }


def _find_store(items: Catalogue, store_code: str) -> str:
    for code in items.stores:
        if code.casefold() == store_code.strip().casefold():
            return code
    raise NotFound(f"There is no store {store_code[:50]}; ask the venue for its code.")


def _item(listing: Listing, item: ItemInfo) -> Shown:
    # The very plan that an order would be issued by, so that the price told is the price taken.
    plan = contents(_line(listing, item), listing.items, listing.booked_on, _language(listing))
    shown = _head(listing, item) | {"price": _price(listing, plan)}
    if item.is_package:
        shown["contents"] = list(_contents(listing, item, plan))
    elif item.price is not None:
        shown["price"]["vatPercent"] = item.price.vat_percent
    return shown | {"admissions": _admissions(plan)}


def _line(listing: Listing, item: ItemInfo) -> LineToIssue:
    return LineToIssue(
        line_no=0,
        item=item,
        quantity=1,
        wallet_count=1,
        visit=listing.visit,
        language=_language(listing),
        description="",
        names=None,
        external_references=None,
    )


def _language(listing: Listing) -> str:
    return listing.company.language


def _head(listing: Listing, item: ItemInfo) -> Shown:
    shown: Shown = {
        "itemNumber": item.number,
        "kind": item.kind,
        "isPackage": item.is_package,
        "description": item.describe(_language(listing), _language(listing)),
        "descriptions": dict(sorted(item.translations.items())),
    }
    if item.ticket_type is not None:
        shown["ticketType"] = _ticket_type(item.ticket_type)
    if item.coupon_type is not None:
        shown["couponType"] = _coupon_type(item.coupon_type)
    return shown


def _ticket_type(kind: TicketTypeInfo) -> Shown:
    return {
        "code": kind.code,
        "kind": "group" if kind.is_group else "individual",
        "entries": kind.entries,
        "validDays": kind.valid_days,
    }


def _coupon_type(kind: CouponTypeInfo) -> Shown:
    gives = {
        name: value if name == "freeItem" else Decimal(value) for name, value in kind.gives.items()
    }
    return {"code": kind.code, "gives": gives, "uses": kind.uses, "validDays": kind.valid_days}


def _price(listing: Listing, plan: Sequence[AssetPlan]) -> Shown:
    price = total((asset.price for asset in plan), listing.company.currency)
    return {
        "unitPriceExclVat": price.excl_vat,
        "unitPriceInclVat": price.incl_vat,
        "vatAmount": price.vat,
        "currencyCode": price.currency,
    }


def _contents(listing: Listing, item: ItemInfo, plan: Sequence[AssetPlan]) -> Iterator[Shown]:
    # The plan holds the instances of each component one after another.
    at = 0
    for component in item.components:
        part = listing.items.items[component.item_number]
        instances = plan[at : at + component.quantity]
        at += component.quantity
        yield _head(listing, part) | {
            "quantity": component.quantity,
            "price": _price(listing, instances),
        }


def _admissions(plan: Sequence[AssetPlan]) -> list[Shown]:
    # Each place once, however many of a package's tickets admit to it.
    found = {
        (use["admission"], use["slots"]): None for asset in plan for use in asset.item.admissions
    }
    return [{"admissionCode": code, "slots": slots} for code, slots in found]
