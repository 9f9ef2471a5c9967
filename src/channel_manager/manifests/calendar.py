"""The visits of a manifest as an iCalendar file (RFC 5545)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import groupby
from uuid import NAMESPACE_OID, uuid5
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from channel_manager.manifests.presentation import Guest, Presentation, Ticket, present
from channel_manager.manifests.view import ManifestStatus, ManifestView


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
    for visit in _visits(view, page):
        event = _event(view, page, visit)
        event.add("dtstamp", now.astimezone(UTC))
        if page_url:
            event.add("url", page_url)
        calendar.add_component(event)
    return bytes(calendar.to_ical())


@dataclass(frozen=True, slots=True)
class _Entry:
    """One ticket or coupon of a visit, as it is and as it is said."""

    day: date
    at: time | None
    what: str
    guest: Guest
    ticket: Ticket

    @property
    def when(self) -> tuple[date, bool, time]:
        return self.day, self.at is not None, self.at or time.min


def _visits(view: ManifestView, page: Presentation) -> Iterator[list[_Entry]]:
    entries = sorted(_entries(view, page), key=lambda entry: entry.when)
    for _, visit in groupby(entries, key=lambda entry: entry.when):
        yield list(visit)


def _entries(view: ManifestView, page: Presentation) -> Iterator[_Entry]:
    for wallet, guest in zip(view.wallets, page.guests, strict=True):
        for asset, ticket in zip(wallet.assets, guest.tickets, strict=True):
            # A part of a package that has a time of its own is named by itself.
            what = asset.description if asset.visit_date else wallet.item_description
            yield _Entry(*view.visit_of(wallet, asset), what, guest, ticket)


def _event(view: ManifestView, page: Presentation, visit: list[_Entry]) -> Event:
    event = Event()
    event.add("uid", _uid(view, visit[0]))
    event.add("dtstart", _start(visit[0], view.venue.time_zone))
    items = _unique(entry.what for entry in visit)
    event.add("summary", " – ".join((", ".join(items), view.venue.name)))
    event.add("location", ", ".join((view.venue.name, *view.venue.address)))
    event.add("description", _description(page, visit))
    cancelled = view.status is ManifestStatus.CANCELLED
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    return event


def _uid(view: ManifestView, entry: _Entry) -> str:
    at = entry.at.isoformat() if entry.at else ""
    parts = (view.venue.name, view.order_reference, entry.day.isoformat(), at)
    return str(uuid5(NAMESPACE_OID, "\n".join(parts)))


def _start(entry: _Entry, time_zone: str) -> date | datetime:
    if entry.at is None:
        return entry.day
    local = datetime.combine(entry.day, entry.at, ZoneInfo(time_zone))
    return local.astimezone(UTC)


def _description(page: Presentation, visit: list[_Entry]) -> str:
    first, labels = visit[0].ticket, page.labels
    lines = (
        page.notice.title if page.notice else "",
        " ".join(filter(None, (f"{first.date}, {first.time}", first.zone))),
        f"{labels.order}: {page.order_reference}",
        f"{labels.booking}: {page.partner_reference}",
        *_unique(entry.guest.name for entry in visit),
    )
    return "\n".join(filter(None, lines))


def _unique(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value]
