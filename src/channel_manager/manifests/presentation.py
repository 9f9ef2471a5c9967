"""A manifest as it is said to a guest: every word, date and state, ready to be laid out.

The page and the PDF are drawn from this, so that they say the same.
"""

from dataclasses import dataclass

from channel_manager.errors import InvalidInput
from channel_manager.manifests.codes import Symbol, symbol
from channel_manager.manifests.view import (
    AssetKind,
    AssetState,
    AssetView,
    CodeFormat,
    ManifestStatus,
    ManifestView,
    VenueView,
    WalletView,
)
from channel_manager.manifests.wording import Wording, wording

# The only states in which a scan can succeed, now or later; else there is no code to scan.
_SCANNABLE = {AssetState.VALID, AssetState.NOT_VALID_YET}


@dataclass(frozen=True, slots=True)
class Labels:
    """The fixed words of the layout."""

    title: str
    order: str
    booking: str
    date: str
    time: str
    guest: str
    venue: str
    admits: str
    wallet: str
    external: str
    download: str
    calendar: str
    single: str
    all_guests: str
    skip: str
    instructions: str


@dataclass(frozen=True, slots=True)
class Notice:
    """What the guest must know before anything else."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """One ticket or coupon. No symbol where scanning it can't succeed: then `badge` says why."""

    kind: str
    number_label: str
    number: str
    description: str
    admits: str
    state: AssetState
    badge: str
    detail: str
    symbol: Symbol | None
    alt: str
    date: str
    time: str
    zone: str
    # The same for machines: ISO dates and times, "" for no time.
    day: str
    moment: str


@dataclass(frozen=True, slots=True)
class Guest:
    """One wallet, under the guest's name; `name` is empty where none was given."""

    page_id: str
    heading: str
    name: str
    item: str
    position: str
    reference: str
    external: str
    tickets: tuple[Ticket, ...]


@dataclass(frozen=True, slots=True)
class Presentation:
    """The whole manifest in one language."""

    language: str
    direction: str
    labels: Labels
    venue: VenueView
    order_reference: str
    partner_reference: str
    notice: Notice | None
    guests: tuple[Guest, ...]

    @property
    def cancelled(self) -> bool:
        """Whether the notice of cancellation stands over everything."""
        return self.notice is not None


def present(view: ManifestView) -> Presentation:
    """The manifest in its own language, or in English where that has no catalogue."""
    words = wording(view.language)
    return Presentation(
        language=words.tag,
        direction=words.direction,
        labels=_labels(words),
        venue=view.venue,
        order_reference=view.order_reference,
        partner_reference=view.partner_reference,
        notice=_notice(words) if view.status is ManifestStatus.CANCELLED else None,
        guests=tuple(_guest(words, view, wallet, n) for n, wallet in enumerate(view.wallets, 1)),
    )


def _labels(words: Wording) -> Labels:
    return Labels(
        title=words.text("Your tickets"),
        order=words.text("Order number"),
        booking=words.text("Booking reference"),
        date=words.text("Date"),
        time=words.text("Time"),
        guest=words.text("Guest"),
        venue=words.text("Venue"),
        admits=words.text("Admits"),
        wallet=words.text("Wallet number"),
        external=words.text("Reference"),
        download=words.text("Download PDF"),
        calendar=words.text("Add to calendar"),
        single=words.text("This guest's page"),
        all_guests=words.text("Guests on this order"),
        skip=words.text("Skip to the tickets"),
        instructions=words.text("Show the code at the entrance, on your phone or on paper."),
    )


def _notice(words: Wording) -> Notice:
    return Notice(
        title=words.text("This order is cancelled"),
        text=words.text(
            "The tickets and coupons below are no longer valid and give no admission. "
            "If you did not expect this, contact the company you booked with."
        ),
    )


def _guest(words: Wording, view: ManifestView, wallet: WalletView, position: int) -> Guest:
    named = wallet.guest_name.strip() not in {"", wallet.item_description.strip()}
    place = words.text(
        "%(position)s of %(total)s", position=str(position), total=str(len(view.wallets))
    )
    return Guest(
        page_id=wallet.wallet_page_id,
        heading=wallet.guest_name if named else wallet.item_description,
        name=wallet.guest_name if named else "",
        item=wallet.item_description,
        position=place if len(view.wallets) > 1 else "",
        reference=wallet.reference_number,
        external=wallet.external_reference or "",
        tickets=tuple(_ticket(words, view, wallet, asset) for asset in wallet.assets),
    )


def _ticket(words: Wording, view: ManifestView, wallet: WalletView, asset: AssetView) -> Ticket:
    state = view.state_of(asset)
    day, moment = view.visit_of(wallet, asset)
    is_ticket = asset.kind is AssetKind.TICKET
    return Ticket(
        kind=words.text("Ticket") if is_ticket else words.text("Coupon"),
        number_label=words.text("Ticket number") if is_ticket else words.text("Coupon code"),
        number=asset.reference_number,
        description=asset.description,
        admits=_admits(words, asset.admits) if is_ticket else "",
        state=state,
        badge=_badge(words, state),
        detail=_detail(words, asset, state, view.venue.time_zone),
        symbol=_drawn(asset) if state in _SCANNABLE else None,
        alt=words.text("Code to scan: %(number)s", number=asset.reference_number),
        date=words.date(day),
        time=words.time(moment) if moment else words.text("Any time that day"),
        zone=words.zone(day, moment, view.venue.time_zone) if moment else "",
        day=day.isoformat(),
        moment=moment.isoformat("minutes") if moment else "",
    )


def _admits(words: Wording, count: int) -> str:
    return words.count("%(count)s person", "%(count)s people", count)


def _badge(words: Wording, state: AssetState) -> str:
    return {
        AssetState.VALID: "",
        AssetState.USED: words.text("Used"),
        AssetState.CANCELLED: words.text("Cancelled"),
        AssetState.EXPIRED: words.text("Expired"),
        AssetState.NOT_VALID_YET: words.text("Not valid yet"),
    }[state]


def _detail(words: Wording, asset: AssetView, state: AssetState, zone: str) -> str:
    """When the state began or ends, as far as it is known and matters."""
    if state is AssetState.USED and asset.used_at:
        return words.text("Used on %(when)s", when=words.instant(asset.used_at, zone))
    if state is AssetState.NOT_VALID_YET and asset.valid_from:
        return words.text("Valid from %(when)s", when=words.instant(asset.valid_from, zone))
    if state is AssetState.EXPIRED and asset.valid_until:
        return words.text("Expired on %(when)s", when=words.instant(asset.valid_until, zone))
    if state is AssetState.VALID and asset.valid_until:
        return words.text("Valid until %(when)s", when=words.instant(asset.valid_until, zone))
    return ""


def _drawn(asset: AssetView) -> Symbol:
    """A number that its format can't hold is drawn as QR: a guest must have something to show."""
    try:
        return symbol(asset.reference_number, asset.code_format)
    except InvalidInput:
        return symbol(asset.reference_number, CodeFormat.QR)
