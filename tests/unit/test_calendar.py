from dataclasses import replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar, Event

from channel_manager.manifests.calendar import render_calendar
from channel_manager.manifests.view import ManifestStatus, ManifestView, WalletView
from manifest_views import NAMES, VIEW, WALLET, with_guest

NOW = datetime(2027, 5, 1, 10, 15, tzinfo=UTC)


def events(view: ManifestView, page_url: str = "") -> list[Event]:
    return list(Calendar.from_ical(render_calendar(view, now=NOW, page_url=page_url)).events)


def visit(day: date, moment: time | None, **more: object) -> WalletView:
    return replace(WALLET, visit_date=day, visit_time=moment, **more)


def test_a_visit_says_what_where_and_when():
    (event,) = events(VIEW, page_url="https://tickets.example.com/wallets/manifest?mid=1")
    assert event["SUMMARY"] == "Castle day – Kronborg Example"
    assert event["LOCATION"] == "Kronborg Example, Slotsvej 1, Elsinore"
    assert event["STATUS"] == "CONFIRMED"
    assert event["URL"] == "https://tickets.example.com/wallets/manifest?mid=1"
    assert event["DTSTAMP"].dt == NOW
    assert "2:30\u202fPM Central European Summer Time" in event["DESCRIPTION"]
    assert "Order number: CM-20270501101500-AB12" in event["DESCRIPTION"]


@pytest.mark.parametrize(
    ("zone", "day", "moment", "instant"),
    [
        ("Europe/Copenhagen", date(2027, 3, 27), time(14), "2027-03-27T13:00Z"),
        ("Europe/Copenhagen", date(2027, 3, 28), time(14), "2027-03-28T12:00Z"),
        ("Europe/Copenhagen", date(2027, 3, 28), time(3, 15), "2027-03-28T01:15Z"),
        # A time that the clock repeats is the first (domain: Schedule).
        ("Europe/Copenhagen", date(2027, 10, 31), time(2, 30), "2027-10-31T00:30Z"),
        ("Europe/Copenhagen", date(2027, 10, 31), time(14), "2027-10-31T13:00Z"),
        ("Australia/Lord_Howe", date(2027, 10, 3), time(2, 45), "2027-10-02T15:45Z"),
        ("Asia/Kathmandu", date(2028, 2, 29), time(0, 15), "2028-02-28T18:30Z"),
        ("UTC", date(2027, 6, 5), time(23, 59), "2027-06-05T23:59Z"),
    ],
)
def test_a_visit_starts_at_the_instant_that_the_venues_clock_shows_its_time(
    zone: str, day: date, moment: time, instant: str
):
    view = replace(VIEW, venue=replace(VIEW.venue, time_zone=zone), wallets=(visit(day, moment),))
    (event,) = events(view)
    assert event["DTSTART"].dt == datetime.fromisoformat(instant)
    assert event["DTSTART"].dt.astimezone(ZoneInfo(zone)).time() == moment
    assert event["DTSTART"].to_ical().endswith(b"Z")


def test_guests_of_one_visit_share_one_event_and_others_have_their_own():
    day = date(2027, 6, 5)
    wallets = (
        visit(day, time(16), guest_name="Late"),
        visit(day, time(14), guest_name="A"),
        visit(day, time(14), guest_name="B", item_description="Boat"),
        visit(day, time(14), guest_name="A"),
    )
    first, second = events(replace(VIEW, wallets=wallets))
    assert first["SUMMARY"] == "Castle day, Boat – Kronborg Example"
    assert first["DESCRIPTION"].endswith("A\nB")
    assert second["DESCRIPTION"].endswith("Late")


def test_an_open_ticket_is_a_whole_day_and_not_a_visit_at_midnight():
    day = date(2027, 6, 5)
    whole, midnight = events(replace(VIEW, wallets=(visit(day, time(0)), visit(day, None))))
    assert whole["DTSTART"].dt == day
    assert midnight["DTSTART"].dt == datetime(2027, 6, 4, 22, tzinfo=UTC)
    assert whole["UID"] != midnight["UID"]


def test_one_guests_file_and_the_orders_tell_of_the_same_event():
    both = replace(VIEW, wallets=(WALLET, replace(WALLET, guest_name="B")))
    assert events(VIEW)[0]["UID"] == events(both)[0]["UID"]


def test_a_cancelled_order_says_so_of_the_same_event():
    (event,) = events(replace(VIEW, status=ManifestStatus.CANCELLED))
    assert event["STATUS"] == "CANCELLED"
    assert event["DESCRIPTION"].startswith("This order is cancelled")
    assert event["UID"] == events(VIEW)[0]["UID"]


@pytest.mark.parametrize("name", [*NAMES, "X\r\nEND:VEVENT\r\nBEGIN:VEVENT\r\nSUMMARY:no"])
def test_a_name_stays_in_the_description(name: str):
    file = render_calendar(with_guest(name), now=NOW)
    assert file.count(b"\r\nBEGIN:VEVENT\r\n") == 1
    assert file.count(b"\r\nSUMMARY") == 1
    (event,) = Calendar.from_ical(file).events
    assert name.strip().splitlines()[:1] == [] or name.splitlines()[0] in event["DESCRIPTION"]
    assert all(len(line) <= 75 for line in file.split(b"\r\n"))
