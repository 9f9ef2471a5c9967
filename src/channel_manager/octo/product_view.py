"""Suppliers, products, options and units as OCTO shows them. Pure."""

from typing import Any

from channel_manager.catalog.service import ItemInfo
from channel_manager.languages import is_known, pick, to_bcp47
from channel_manager.octo.calls import Call
from channel_manager.octo.prices import price_out
from channel_manager.octo.products import (
    ANY_TIME,
    DEFAULT_OPTION,
    Offering,
    Option,
    Product,
    setting,
)

Shown = dict[str, Any]

DELIVERY_METHODS = ("TICKET", "VOUCHER")
REDEMPTION = "DIGITAL"
PDF = "PDF_URL"
# By an item's code format; Data Matrix is none of OCTO's, so that such a ticket comes as PDF alone.
CODE_FORMATS = {"qr": "QRCODE", "code128": "CODE128", "aztec": "AZTECCODE", "datamatrix": None}


def supplier_out(offering: Offering, call: Call, address: list[str]) -> Shown:
    """Who sells."""
    return {
        "id": str(offering.company.company_id),
        "name": offering.company.name,
        "endpoint": f"{call.public_url.rstrip('/')}/octo",
        "contact": {
            "website": None,
            "email": None,
            "telephone": None,
            "address": ", ".join(address) or None,
        },
    }


def product_out(offering: Offering, product: Product, call: Call) -> Shown:
    """A product with its options and units."""
    timed = any(option.is_timed for option in product.options.values())
    shown: Shown = {
        "id": product.id,
        "internalName": _title(product.head),
        "reference": setting(product.head, "reference"),
        "locale": to_bcp47(offering.company.language),
        "timeZone": offering.company.zone.key,
        "allowFreesale": False,
        "instantConfirmation": True,
        "instantDelivery": True,
        "availabilityRequired": True,
        "availabilityType": "START_TIME" if timed else "OPENING_HOURS",
        "deliveryFormats": _delivery_formats(product),
        "deliveryMethods": list(DELIVERY_METHODS),
        "redemptionMethod": REDEMPTION,
        "options": [option_out(offering, option, call) for option in product.options.values()],
    }
    if call.has_pricing:
        currency = offering.company.currency
        shown |= {
            "defaultCurrency": currency,
            "availableCurrencies": [currency],
            "pricingPer": "UNIT",
        }
    if call.has_content:
        shown |= _product_content(offering, product, call)
    return shown


def _delivery_formats(product: Product) -> list[str]:
    codes = {
        code_format(unit) for option in product.options.values() for unit in option.units.values()
    }
    return [*sorted(code for code in codes if code), PDF]


def code_format(item: ItemInfo) -> str | None:
    """OCTO's name for how an item's number is drawn; None where it has none."""
    return CODE_FORMATS[item.code_format or "qr"]


def option_out(offering: Offering, option: Option, call: Call) -> Shown:
    """An option with its units."""
    head = option.head
    amount, unit = cutoff_of(option)
    shown: Shown = {
        "id": option.id,
        "default": option.id == DEFAULT_OPTION,
        "internalName": _title(head),
        "reference": setting(head, "reference"),
        "availabilityLocalStartTimes": list(option.start_times),
        "cancellationCutoff": f"{amount} {unit}{'' if amount == 1 else 's'}",
        "cancellationCutoffAmount": amount,
        "cancellationCutoffUnit": unit,
        "requiredContactFields": required_contact(option),
        "restrictions": {
            "minUnits": setting(head, "minUnits", 1),
            "maxUnits": setting(head, "maxUnits"),
        },
        "units": [unit_out(offering, each, call) for each in option.units.values()],
    }
    if call.has_content:
        shown |= {
            "title": _title_in(offering, head, call),
            "subtitle": None,
            "language": to_bcp47(offering.company.language),
            "shortDescription": setting(head, "shortDescription"),
            "duration": None,
            "durationAmount": None,
            "durationUnit": None,
            "itinerary": None,
        }
    return shown


def cutoff_of(option: Option) -> tuple[int, str]:
    """How long before its start a booking can be cancelled: 24, "hour"."""
    said = setting(option.head, "cancellationCutoff", {})
    return said.get("amount", 0), said.get("unit", "hour")


def required_contact(option: Option) -> list[str]:
    """What a confirmed booking must say of the guest."""
    return list(setting(option.head, "requiredContactFields", ()))


def unit_out(offering: Offering, unit: ItemInfo, call: Call) -> Shown:
    """A unit."""
    shown: Shown = {
        "id": unit.number,
        "internalName": unit.description,
        "reference": setting(unit, "reference"),
        "type": setting(unit, "unitType", "ADULT"),
        "requiredContactFields": [],
        "restrictions": {
            "minAge": setting(unit, "minAge", 0),
            "maxAge": setting(unit, "maxAge", 100),
            "idRequired": setting(unit, "idRequired", False),
            "minQuantity": setting(unit, "minQuantity"),
            "maxQuantity": setting(unit, "maxQuantity"),
            "paxCount": setting(unit, "paxCount", 1),
            "accompaniedBy": list(setting(unit, "accompaniedBy", ())),
        },
    }
    if call.has_pricing:
        # Of today; what a visit costs at its own time, availability tells.
        price = price_out(offering.prices(unit).at(offering.today, ANY_TIME))
        shown |= {"pricingFrom": [price], "pricing": [price]}
    if call.has_content:
        title = unit.describe(_known(call.language), offering.company.language)
        shown |= {
            "title": title,
            "titlePlural": title,
            "subtitle": None,
            "shortDescription": setting(unit, "shortDescription"),
        }
    return shown


def _product_content(offering: Offering, product: Product, call: Call) -> Shown:
    head = product.head
    picture = setting(head, "picture")
    media = [{"src": picture, "type": "image", "rel": "COVER", "title": None, "caption": None}]
    return {
        "title": _title_in(offering, head, call),
        "country": None,
        "location": None,
        "subtitle": None,
        "shortDescription": setting(head, "shortDescription"),
        "description": setting(head, "description"),
        "features": [
            {"shortDescription": text, "type": "HIGHLIGHT"}
            for text in setting(head, "features", ())
        ],
        "faqs": [],
        "media": media if picture else [],
        "locations": [],
        "categoryLabels": list(setting(head, "categories", ())),
        "durationMinutesFrom": None,
        "durationMinutesTo": None,
        "commentary": [],
    }


def _title(item: ItemInfo) -> str:
    title: str = setting(item, "title", item.description)
    return title


def _title_in(offering: Offering, item: ItemInfo, call: Call) -> str:
    if "title" not in item.octo:
        return item.describe(_known(call.language), offering.company.language)
    titles = setting(item, "titles", {})
    company_language = offering.company.language
    return pick(titles, _known(call.language), company_language, default=_title(item))


def _known(language: str) -> str:
    return language if is_known(language) else ""
