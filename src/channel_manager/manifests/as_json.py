"""The manifest as JSON, for partners who draw it themselves."""

from datetime import UTC, datetime
from typing import Any

from channel_manager.languages import is_known, to_bcp47
from channel_manager.manifests.view import AssetView, ManifestView, WalletView


def manifest_as_json(view: ManifestView, *, logo_url: str = "") -> dict[str, Any]:
    """What the page shows, in the names and formats of the order's representation.

    Visit dates and times are local to the venue (`timeZone`), instants UTC; unset text is `""`
    and an unset instant null. Draw `referenceNumber` as `codeFormat`, and only while `state`
    is `valid` or `not_valid_yet`.
    """
    return {
        "buyFromOrderReference": view.order_reference,
        "sellToOrderReference": view.partner_reference,
        "status": view.status.value.capitalize(),
        "language": to_bcp47(view.language) if is_known(view.language) else "",
        "venue": {
            "name": view.venue.name,
            "timeZone": view.venue.time_zone,
            "colour": view.venue.colour or "",
            "address": list(view.venue.address),
            "logo": logo_url,
        },
        "wallets": [_wallet(view, wallet) for wallet in view.wallets],
    }


def _wallet(view: ManifestView, wallet: WalletView) -> dict[str, Any]:
    return {
        "seqNo": wallet.seq,
        "walletReferenceNumber": wallet.reference_number,
        "externalReferenceNumber": wallet.external_reference or "",
        "name": wallet.guest_name,
        "description": wallet.item_description,
        "visitDate": wallet.visit_date.isoformat(),
        "visitTime": wallet.visit_time.isoformat("seconds") if wallet.visit_time else "",
        "assets": [_asset(view, wallet, asset) for asset in wallet.assets],
    }


def _asset(view: ManifestView, wallet: WalletView, asset: AssetView) -> dict[str, Any]:
    day, moment = view.visit_of(wallet, asset)
    return {
        "type": asset.kind.value,
        "referenceNumber": asset.reference_number,
        "description": asset.description,
        "admits": asset.admits,
        "codeFormat": asset.code_format.value,
        "state": view.state_of(asset).value,
        "visitDate": day.isoformat(),
        "visitTime": moment.isoformat("seconds") if moment else "",
        "usedAt": _instant(asset.used_at),
        "validFrom": _instant(asset.valid_from),
        "validUntil": _instant(asset.valid_until),
    }


def _instant(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
