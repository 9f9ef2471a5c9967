"""An order as partners see it (contract: Order representation). Pure."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from channel_manager.issuance.numbers import job_id
from channel_manager.orders.states import IN_FLIGHT, Status

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OrderView:
    """An order with all that belongs to its current submission, read at one instant."""

    order: Fields
    lines: Sequence[Fields] = ()
    wallets: Sequence[Fields] = ()
    assets: Sequence[Fields] = ()


def summary(order: Fields, public_url: str) -> dict[str, Any]:
    """The order without its items."""
    return _head(order) | _tail(order) | _settled_tail(order, public_url)


def full(view: OrderView, public_url: str) -> dict[str, Any]:
    """The whole order, fields in the contract's order; no items while it is in flight."""
    in_flight = view.order["status"] in IN_FLIGHT
    items = [] if in_flight else _items(view, public_url)
    return (
        _head(view.order)
        | {"items": items}
        | _tail(view.order)
        | _settled_tail(view.order, public_url)
    )


def manifest_url(public_url: str, manifest_id: Any) -> str:  # noqa: ANN401 - a UUID or its text
    """Where a guest sees the order or wallet (domain: Manifest)."""
    return f"{public_url.rstrip('/')}/wallets/manifest?mid={manifest_id}"


def _head(order: Fields) -> dict[str, Any]:
    return {
        "orderId": order["order_id"],
        "status": order["status"],
        "statusMessage": order["status_message"],
        "partnerId": order["partner_id"],
        "sellToOrderReference": order["sell_to_order_reference"],
        "buyFromOrderReference": order["buy_from_order_reference"],
        "receivedAt": order["received_at"],
    }


def _tail(order: Fields) -> dict[str, Any]:
    return {
        "sellToEmail": order["sell_to_email"],
        "sellToName": order["sell_to_name"],
        "sellToLanguage": order["sell_to_language"],
        "paymentReference": order["payment_reference"],
    }


def _settled_tail(order: Fields, public_url: str) -> dict[str, Any]:
    if order["status"] in IN_FLIGHT:
        return {}
    tail: dict[str, Any] = {}
    if order["job_number"] is not None:
        tail["jobId"] = job_id(order["job_number"])
    if _shows_manifest(order):
        tail["manifestUrl"] = manifest_url(public_url, order["manifest_id"])
    return tail


def _shows_manifest(order: Fields) -> bool:
    # A cancelled order keeps its page, which says so; a Draft has none to show yet.
    shown = order["status"] in (Status.ISSUED, Status.CANCELLED)
    return shown and order["manifest_id"] is not None


def _items(view: OrderView, public_url: str) -> list[dict[str, Any]]:
    assets = defaultdict(list)
    for asset in view.assets:
        assets[asset["wallet_id"]].append(_asset(asset))
    wallets = defaultdict(list)
    issued = view.order["status"] == Status.ISSUED
    for wallet in view.wallets:
        wallets[wallet["line_no"]].append(
            _wallet(wallet, assets[wallet["wallet_id"]], public_url if issued else None)
        )
    return [_line(line, wallets[line["line_no"]]) for line in view.lines]


def _line(line: Fields, wallets: list[dict[str, Any]]) -> dict[str, Any]:
    shown = {
        "lineNo": line["line_no"],
        "itemNumber": line["item_number"],
        "description": line["description"],
        "isPackage": line["is_package"],
        "quantity": line["quantity"],
        "visitDate": line["visit_date"],
        "visitTime": line["visit_time"],
    }
    if line["component_schedule"]:
        shown["componentSchedule"] = line["component_schedule"]
    return shown | {
        "wallets": wallets,
        "sellToName": line["sell_to_name"],
        "sellToEmail": line["sell_to_email"],
        "sellToLanguage": line["sell_to_language"],
    }


def _wallet(wallet: Fields, assets: list[dict[str, Any]], public_url: str | None) -> dict[str, Any]:
    shown = {
        "seqNo": wallet["seq_no"],
        "assets": assets,
        "walletId": wallet["wallet_id"],
        "walletReferenceNumber": wallet["reference_number"],
        "externalReferenceNumber": wallet["external_reference"],
        "name": wallet["name"],
        "issuedAt": wallet["issued_at"],
        "unitPriceExclVat": Decimal(wallet["price_excl_vat"]),
        "unitPriceInclVat": Decimal(wallet["price_incl_vat"]),
        "currencyCode": wallet["currency"],
    }
    if public_url is not None:
        shown["manifestUrl"] = manifest_url(public_url, wallet["manifest_id"])
    return shown


def _asset(asset: Fields) -> dict[str, Any]:
    return {
        "id": asset["row_id"],
        "type": asset["kind"],
        "assetId": asset["asset_id"],
        "referenceNumber": asset["reference_number"],
        "itemNumber": asset["item_number"],
        "description": asset["description"],
    }
