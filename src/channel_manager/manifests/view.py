"""What a guest's page, its PDF, its calendar file and its JSON are drawn from (domain: Manifest).

Plain values only: nothing here knows the database, and nothing that is drawn needs it.
"""

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum


class ManifestStatus(StrEnum):
    """Whether the order stands; a draft has no manifest."""

    ISSUED = "issued"
    CANCELLED = "cancelled"


class AssetKind(StrEnum):
    """A ticket admits; a coupon buys."""

    TICKET = "ticket"
    COUPON = "coupon"


class CodeFormat(StrEnum):
    """How the number is drawn for a scanner."""

    QR = "qr"
    CODE128 = "code128"
    AZTEC = "aztec"
    DATAMATRIX = "datamatrix"


class AssetState(StrEnum):
    """What the gate or the till would say of it now."""

    VALID = "valid"
    USED = "used"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    NOT_VALID_YET = "not_valid_yet"


@dataclass(frozen=True, slots=True)
class VenueView:
    """The place, in whose time zone (IANA) every visit is told.

    `colour` is `#RRGGBB`; `logo` is the hash of its picture, "" for none.
    """

    name: str
    time_zone: str
    colour: str | None = None
    logo: str = ""
    address: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AssetView:
    """One ticket or coupon. Instants are aware; `None` means no limit, or not yet used."""

    kind: AssetKind
    reference_number: str
    description: str
    admits: int = 1
    code_format: CodeFormat = CodeFormat.QR
    state: AssetState = AssetState.VALID
    used_at: datetime | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    # Of a package's component that has a time of its own; None: the wallet's.
    visit_date: date | None = None
    visit_time: time | None = None


@dataclass(frozen=True, slots=True)
class WalletView:
    """What one guest carries. Visit date and time are venue-local; no time means all day."""

    seq: int
    reference_number: str
    external_reference: str
    guest_name: str
    item_description: str
    visit_date: date
    visit_time: time | None
    wallet_page_id: str
    assets: tuple[AssetView, ...]


@dataclass(frozen=True, slots=True)
class ManifestView:
    """An order as its guests see it: all of its wallets, or one of them on a page of its own.

    `language` is a code as orders have it (`DAN`, `de-AT`, …).
    """

    order_reference: str
    partner_reference: str
    status: ManifestStatus
    venue: VenueView
    language: str
    wallets: tuple[WalletView, ...]

    def visit_of(self, wallet: WalletView, asset: AssetView) -> tuple[date, time | None]:
        """When it is for: its own visit, else its wallet's."""
        if asset.visit_date is not None:
            return asset.visit_date, asset.visit_time
        return wallet.visit_date, wallet.visit_time

    def state_of(self, asset: AssetView) -> AssetState:
        """Its own state, unless the whole order is cancelled."""
        cancelled = self.status is ManifestStatus.CANCELLED
        return AssetState.CANCELLED if cancelled else asset.state
