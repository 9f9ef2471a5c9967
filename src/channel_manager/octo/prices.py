"""Prices as OCTO tells them: whole numbers of the currency's smallest unit. Pure."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from channel_manager.catalog.prices import Money, currency_decimals, total

TAX_NAME = "VAT"


def price_out(price: Money) -> dict[str, Any]:
    """What the guest pays, tax included; what the reseller keeps of it is between the two."""
    amount = _minor(price.incl_vat, price.currency)
    return {
        "original": amount,
        "retail": amount,
        "net": None,
        "currency": price.currency,
        "currencyPrecision": currency_decimals(price.currency),
        "includedTaxes": _taxes(price),
    }


def sum_out(prices: Iterable[Money], currency: str) -> dict[str, Any]:
    """The price of several."""
    return price_out(total(prices, currency))


def _taxes(price: Money) -> list[dict[str, Any]]:
    if not price.vat:
        return []
    tax = _minor(price.vat, price.currency)
    return [{"name": TAX_NAME, "original": tax, "retail": tax, "net": None}]


def _minor(amount: Decimal, currency: str) -> int:
    return int(amount.scaleb(currency_decimals(currency)))
