"""The visits of a manifest as an iCalendar file (RFC 5545)."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from itertools import groupby
from uuid import NAMESPACE_OID, uuid5
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from channel_manager.manifests.presentation import Guest, Presentation, present
from channel_manager.manifests.view import ManifestStatus, ManifestView, WalletView


def render_calendar(view: ManifestView, *, now: datetime, page_url: str = "") -> bytes:
    """One event for each visit, however many guests make it together. `now` is the file's date.

    A visit with a time is written in UTC, which no reader's zone rules can get wrong, and told in
    the venue's time in the text; one without is a whole day. How long guests stay isn't known, so
    that no event has an end. The same visit in another file, of the whole order or of one guest,
    is the same event.
    """
    calendar = Calendar()
    calendar.add("version", "2.0")
    calendar.add("prodid", "-//channel-manager//manifest//EN")
    page = present(view)
    pairs = sorted(zip(view.wallets, page.guests, strict=True), key=_when)
    for _, visit in groupby(pairs, key=_when):
        wallets, guests = zip(*visit, strict=True)
        event = _event(view, page, wallets, guests)
        event.add("dtstamp", now.astimezone(UTC))
        if page_url:
            event.add("url", page_url)
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _when(pair: tuple[WalletView, Guest]) -> tuple[date, bool, time]:
    wallet, _ = pair
    return wallet.visit_date, wallet.visit_time is not None, wallet.visit_time or time.min


def _event(
    view: ManifestView,
    page: Presentation,
    wallets: tuple[WalletView, ...],
    guests: tuple[Guest, ...],
) -> Event:
    event = Event()
    event.add("uid", _uid(view, wallets[0]))
    event.add("dtstart", _start(wallets[0], view.venue.time_zone))
    items = _unique(wallet.item_description for wallet in wallets)
    event.add("summary", " – ".join((", ".join(items), view.venue.name)))
    event.add("location", ", ".join((view.venue.name, *view.venue.address)))
    event.add("description", _description(page, guests))
    cancelled = view.status is ManifestStatus.CANCELLED
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    return event


def _uid(view: ManifestView, wallet: WalletView) -> str:
    at = wallet.visit_time.isoformat() if wallet.visit_time else ""
    parts = (view.venue.name, view.order_reference, wallet.visit_date.isoformat(), at)
    return str(uuid5(NAMESPACE_OID, "\n".join(parts)))


def _start(wallet: WalletView, time_zone: str) -> date | datetime:
    if wallet.visit_time is None:
        return wallet.visit_date
    local = datetime.combine(wallet.visit_date, wallet.visit_time, ZoneInfo(time_zone))
    return local.astimezone(UTC)


def _description(page: Presentation, guests: tuple[Guest, ...]) -> str:
    first, labels = guests[0], page.labels
    lines = (
        page.notice.title if page.notice else "",
        " ".join(filter(None, (f"{first.date}, {first.time}", first.zone))),
        f"{labels.order}: {page.order_reference}",
        f"{labels.booking}: {page.partner_reference}",
        *_unique(guest.name for guest in guests),
    )
    return "\n".join(filter(None, lines))


def _unique(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]
