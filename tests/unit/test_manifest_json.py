import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

from channel_manager.manifests.as_json import manifest_as_json
from channel_manager.manifests.view import AssetState, ManifestStatus
from manifest_views import ADULT, VIEW, WALLET, with_asset


def test_a_manifest_has_what_is_needed_to_draw_it():
    used = replace(
        ADULT,
        state=AssetState.USED,
        used_at=datetime(2027, 6, 5, 14, 31, 7, 999, tzinfo=timezone(timedelta(hours=2))),
        valid_until=datetime(2027, 6, 5, 22, tzinfo=UTC),
        admits=4,
    )
    assert json.loads(json.dumps(manifest_as_json(with_asset(used)))) == {
        "buyFromOrderReference": "CM-20270501101500-AB12",
        "sellToOrderReference": "BOOKING-4711",
        "status": "Issued",
        "language": "en-US",
        "venue": {
            "name": "Kronborg Example",
            "timeZone": "Europe/Copenhagen",
            "colour": "",
            "address": ["Slotsvej 1", "Elsinore"],
            "logo": "",
        },
        "wallets": [
            {
                "seqNo": 1,
                "walletReferenceNumber": "734901882644019275",
                "externalReferenceNumber": "GYG-1",
                "name": "Jane Doe",
                "description": "Castle day",
                "visitDate": "2027-06-05",
                "visitTime": "14:30:00",
                "assets": [
                    {
                        "type": "ticket",
                        "referenceNumber": "TK-8F3KQ2ZX9PLM",
                        "description": "Castle, adult",
                        "admits": 4,
                        "codeFormat": "qr",
                        "state": "used",
                        "visitDate": "2027-06-05",
                        "visitTime": "14:30:00",
                        "usedAt": "2027-06-05T12:31:07Z",
                        "validFrom": None,
                        "validUntil": "2027-06-05T22:00:00Z",
                    }
                ],
            }
        ],
    }


def test_a_cancelled_order_has_no_asset_that_may_be_drawn():
    data = manifest_as_json(replace(VIEW, status=ManifestStatus.CANCELLED))
    assert data["status"] == "Cancelled"
    assert [asset["state"] for asset in data["wallets"][0]["assets"]] == ["cancelled"] * 2


def test_a_visit_without_a_time_and_an_unknown_language_are_empty():
    wallet = replace(WALLET, visit_time=None)
    data = manifest_as_json(replace(VIEW, wallets=(wallet,), language="??"))
    assert data["language"] == ""
    assert data["wallets"][0]["visitTime"] == ""
