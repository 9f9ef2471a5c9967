"""Manifests to draw in tests: what a view has, and the names that pages have failed on."""

from dataclasses import replace
from datetime import date, time

from channel_manager.manifests.view import (
    AssetKind,
    AssetView,
    ManifestStatus,
    ManifestView,
    VenueView,
    WalletView,
)

# cases: Pages.
NAMES = (
    "王小明",
    "محمد علي",
    "Ħ Ł Ő",
    "👩‍👩‍👧",
    "דנה לוי",
    "สมชาย ใจดี",
    "अनीता शर्मा",
    "김하늘 さくら",
    "Zoë Nguyễn Q̃ṵ̈",
    "A" * 200,
    "Jane Doe " * 22,
    "<img src=x onerror=alert(1)>",
    '#import "x"; *bold* $x$ \\ @ref <label> [b] // "q"',
    "=HYPERLINK(1)",
    "\u202eeoD enaJ",
    "tab\tnew\nline\x0b\x0c\x85\u2028\ufeff\ufffe\uffff\ue000\U0010fffd",
    "   ",
    "",
)
ADULT = AssetView(AssetKind.TICKET, "TK-8F3KQ2ZX9PLM", "Castle, adult")
AUDIO = AssetView(AssetKind.COUPON, "CP-77QXW2MNBD41", "Audio guide")
WALLET = WalletView(
    seq=1,
    reference_number="734901882644019275",
    external_reference="GYG-1",
    guest_name="Jane Doe",
    item_description="Castle day",
    visit_date=date(2027, 6, 5),
    visit_time=time(14, 30),
    wallet_page_id="0192e4a0-0000-7000-8000-000000000001",
    assets=(ADULT, AUDIO),
)
VIEW = ManifestView(
    order_reference="CM-20270501101500-AB12",
    partner_reference="BOOKING-4711",
    status=ManifestStatus.ISSUED,
    venue=VenueView("Kronborg Example", "Europe/Copenhagen", address=("Slotsvej 1", "Elsinore")),
    language="ENU",
    wallets=(WALLET,),
)


def with_asset(asset: AssetView, **order: object) -> ManifestView:
    """An order of this one ticket or coupon."""
    return replace(VIEW, wallets=(replace(WALLET, assets=(asset,)),), **order)


def with_guest(name: str, **order: object) -> ManifestView:
    """An order of one guest of this name, with one ticket."""
    wallet = replace(WALLET, guest_name=name, assets=(ADULT,))
    return replace(VIEW, wallets=(wallet,), **order)
