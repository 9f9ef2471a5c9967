import os
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channel_manager.local_time import (
    SkippedTime,
    parse_date,
    parse_time,
    to_instant,
    today,
    with_offset,
    years_ahead,
    zone,
)

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
NEW_YORK = ZoneInfo("America/New_York")
ZONES = [COPENHAGEN, LORD_HOWE, NEW_YORK]
ZONES += [ZoneInfo(name) for name in ("Africa/Cairo", "Asia/Kathmandu", "Africa/Casablanca", "UTC")]
zones = st.sampled_from(ZONES)
days = st.dates(date(2000, 1, 1), date(2099, 12, 31))
times = st.times().map(lambda at: at.replace(microsecond=0))


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


@given(days)
def test_a_date_reads_back_as_written(day: date) -> None:
    assert parse_date(day.isoformat()) == day


@pytest.mark.parametrize(
    "text",
    [
        *("", "0", "1800000000", "2027-6-1", "20270601", "2027-06-01T00:00:00", " 2027-06-01"),
        *("2027-06-01\n", "2027-W22-2", "01-06-2027", "2027/06/01", "-027-06-01", "+2027-06-01"),
        *("٢٠٢٧-٠٦-٠١", "2027\u201306\u201301", "10000-01-01", "2027-06-0\x00"),
    ],
)
def test_a_date_of_another_form_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match="of the form YYYY-MM-DD, such as 2027-06-01"):
        parse_date(text)


@pytest.mark.parametrize(
    "text", ["2027-02-29", "2100-02-29", "2027-13-01", "2027-00-10", "2027-04-31", "0000-01-01"]
)
def test_a_date_that_is_not_in_the_calendar_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=f"{text} is not in the calendar"):
        parse_date(text)


def test_the_calendars_last_day_is_a_date() -> None:
    assert parse_date("9999-12-31") == date(9999, 12, 31)
    assert parse_date("2028-02-29") == date(2028, 2, 29)


@given(times)
def test_a_time_reads_back_as_written(at: time) -> None:
    assert parse_time(at.isoformat()) == at


@pytest.mark.parametrize(
    "text",
    [
        *("", "14", "14:00", "1400", "14:00:00Z", "14:00:00.5", "2:00:00", "2:00 PM", "14.00.00"),
        *("14:00:00+02:00", " 14:00:00", "14:00:00\n", "١٤:٠٠:٠٠"),
    ],
)
def test_a_time_of_another_form_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ValueError, match="of the form HH:mm:ss, such as 14:00:00"):
        parse_time(text)


@pytest.mark.parametrize("text", ["24:00:00", "23:60:00", "23:59:60", "99:99:99"])
def test_a_time_that_no_clock_shows_is_named(text: str) -> None:
    with pytest.raises(ValueError, match=f"{text} is no time of day"):
        parse_time(text)


def test_a_time_means_the_venues_clock() -> None:
    assert to_instant(date(2027, 1, 15), time(14), COPENHAGEN) == utc(2027, 1, 15, 13)
    assert to_instant(date(2027, 7, 15), time(14), COPENHAGEN) == utc(2027, 7, 15, 12)


@pytest.mark.parametrize(
    ("day", "at", "name", "message", "resumes"),
    [
        (
            date(2027, 3, 28),
            time(2, 30),
            "Europe/Copenhagen",
            (
                "02:30:00 does not exist on 2027-03-28 in Europe/Copenhagen:"
                " the clock goes from 02:00 to 03:00"
            ),
            utc(2027, 3, 28, 1),
        ),
        (
            date(2027, 10, 3),
            time(2, 15),
            "Australia/Lord_Howe",
            (
                "02:15:00 does not exist on 2027-10-03 in Australia/Lord_Howe:"
                " the clock goes from 02:00 to 02:30"
            ),
            utc(2027, 10, 2, 15, 30),
        ),
        (
            date(2026, 4, 24),
            time(0, 0),
            "Africa/Cairo",
            (
                "00:00:00 does not exist on 2026-04-24 in Africa/Cairo:"
                " the clock goes from 00:00 to 01:00"
            ),
            utc(2026, 4, 23, 22),
        ),
        (
            date(2011, 12, 30),
            time(12, 0),
            "Pacific/Apia",
            (
                "12:00:00 does not exist on 2011-12-30 in Pacific/Apia:"
                " the clock goes from 00:00 to 2011-12-31 00:00"
            ),
            utc(2011, 12, 30, 10),
        ),
    ],
)
def test_a_time_that_the_clock_skips_is_refused_with_its_gap(
    day: date, at: time, name: str, message: str, resumes: datetime
) -> None:
    with pytest.raises(SkippedTime) as caught:
        to_instant(day, at, ZoneInfo(name))
    assert str(caught.value) == message
    assert caught.value.resumes == resumes


@pytest.mark.parametrize(
    ("day", "venue", "first", "last", "beside"),
    [
        (date(2027, 3, 28), COPENHAGEN, time(2), time(2, 59, 59), (time(1, 59, 59), time(3))),
        (date(2027, 10, 3), LORD_HOWE, time(2), time(2, 29, 59), (time(1, 59, 59), time(2, 30))),
    ],
)
def test_a_gap_is_exact_to_the_second(
    day: date, venue: ZoneInfo, first: time, last: time, beside: tuple[time, time]
) -> None:
    for skipped in (first, last):
        with pytest.raises(SkippedTime):
            to_instant(day, skipped, venue)
    before, after = (to_instant(day, at, venue) for at in beside)
    assert after - before == timedelta(seconds=1)


@pytest.mark.parametrize("fold", [0, 1])
def test_a_time_that_the_clock_repeats_means_the_first(fold: int) -> None:
    at = time(2, 30, fold=fold)
    assert to_instant(date(2027, 10, 31), at, COPENHAGEN) == utc(2027, 10, 31, 0, 30)
    assert with_offset(utc(2027, 10, 31, 0, 30), COPENHAGEN) == "2027-10-31T02:30:00+02:00"
    assert with_offset(utc(2027, 10, 31, 1, 30), COPENHAGEN) == "2027-10-31T02:30:00+01:00"


@pytest.mark.parametrize(
    ("day", "at", "venue"),
    [
        (date.max, time(23), NEW_YORK),
        (date.min, time(1), COPENHAGEN),
        (date.min, time(0), NEW_YORK),
    ],
)
def test_the_ends_of_the_calendar_do_not_crash(day: date, at: time, venue: ZoneInfo) -> None:
    try:
        assert to_instant(day, at, venue).tzinfo is UTC
    except ValueError as error:
        assert "out of range; give a date nearer to today" in str(error)  # noqa: PT017 - either end is well


@given(days, times, zones)
def test_an_instant_shows_the_time_it_was_made_of_or_there_is_a_gap(
    day: date, at: time, venue: ZoneInfo
) -> None:
    try:
        instant = to_instant(day, at, venue)
    except SkippedTime as skipped:
        jump = skipped.resumes.astimezone(venue).replace(tzinfo=None)
        before = (skipped.resumes - timedelta(seconds=1)).astimezone(venue).replace(tzinfo=None)
        assert before < datetime.combine(day, at) < jump
        return
    assert instant.astimezone(venue).replace(tzinfo=None) == datetime.combine(day, at)
    assert instant.astimezone(venue).fold == 0


@pytest.mark.parametrize("hour", range(24))
def test_every_hour_of_the_days_when_clocks_change_is_one_or_none(hour: int) -> None:
    # The gap at 2:00 is the only one; no other hour is touched.
    for day in (date(2027, 3, 28), date(2027, 10, 31)):
        if (day.month, hour) == (3, 2):
            with pytest.raises(SkippedTime):
                to_instant(day, time(hour), COPENHAGEN)
        else:
            shown = to_instant(day, time(hour), COPENHAGEN).astimezone(COPENHAGEN)
            assert (shown.date(), shown.hour) == (day, hour)


def test_today_is_the_venues() -> None:
    late = utc(2027, 5, 31, 23, 30)
    assert today(COPENHAGEN, late) == date(2027, 6, 1)
    assert today(NEW_YORK, late) == date(2027, 5, 31)
    assert today(COPENHAGEN, late.astimezone(ZoneInfo("Asia/Tokyo"))) == date(2027, 6, 1)


def test_an_instant_without_a_zone_is_never_taken_for_the_servers() -> None:
    naive = datetime(2027, 6, 1)  # noqa: DTZ001 - the fault
    for use in (lambda: today(COPENHAGEN, naive), lambda: with_offset(naive, COPENHAGEN)):
        with pytest.raises(ValueError, match="names no time zone"):
            use()


@pytest.mark.parametrize(
    ("day", "years", "then"),
    [
        (date(2028, 2, 29), 1, date(2029, 2, 28)),
        (date(2028, 2, 29), 3, date(2031, 2, 28)),
        (date(2028, 2, 29), 4, date(2032, 2, 29)),
        (date(2096, 2, 29), 4, date(2100, 2, 28)),
        (date(2027, 2, 28), 1, date(2028, 2, 28)),
        (date(2027, 12, 31), 3, date(2030, 12, 31)),
    ],
)
def test_years_ahead_end_on_the_28th_where_there_is_no_29th(
    day: date, years: int, then: date
) -> None:
    assert years_ahead(day, years) == then


@pytest.mark.parametrize(
    "name", ["Europe/Copenhagen", "Australia/Lord_Howe", "UTC", "Asia/Calcutta"]
)
def test_a_zone_is_found_by_its_published_name(name: str) -> None:
    assert zone(name) is ZoneInfo(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "Europe", "europe/copenhagen", "Copenhagen", "+02:00", "localtime", "Factory"),
        *("posixrules", "../etc/passwd", "/etc/localtime", "Europe/Copenhagen\x00", "zone.tab"),
        *("x" * 5000, "Århus", "posix/Europe/Copenhagen"),
    ],
)
def test_what_is_not_a_published_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is not an IANA time zone, such as Europe/Copenhagen"):
        zone(name)


SHOW = """
from datetime import date, datetime, time, UTC
from channel_manager.local_time import to_instant, today, with_offset, zone
venue = zone("Europe/Copenhagen")
print(to_instant(date(2027, 6, 1), time(14), venue))
print(today(venue, datetime(2027, 5, 31, 23, tzinfo=UTC)))
print(with_offset(datetime(2027, 10, 31, 1, tzinfo=UTC), venue))
"""


@pytest.mark.parametrize("server", ["UTC", "Asia/Tokyo", "America/New_York", "Pacific/Apia"])
def test_the_servers_own_zone_changes_nothing(server: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SHOW],
        env={**os.environ, "TZ": server, "PYTHONTZPATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines() == [
        "2027-06-01 12:00:00+00:00",
        "2027-06-01",
        "2027-10-31T02:00:00+01:00",
    ]
