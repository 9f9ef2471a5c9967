import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channel_manager.capacity.rules import Closure, Opening, Override, ScheduleRule, parse_end
from channel_manager.capacity.schedules import ScheduleError, Slot, contradictions, slots

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
SPRING = date(2027, 3, 28)
AUTUMN = date(2027, 10, 31)
DAY = timedelta(days=1)
AFTERNOON = ((time(14), time(15)),)


def rule(code: str = "DAILY", **given: Any) -> ScheduleRule:
    values: dict[str, Any] = {
        "valid_from": date(2027, 1, 1),
        "times": AFTERNOON,
        "capacity": 20,
    } | given
    return ScheduleRule(code=code, **values)


def made(
    *rules: ScheduleRule,
    first: date,
    last: date | None = None,
    closures: Sequence[Closure] = (),
    overrides: Sequence[Override] = (),
    zone: ZoneInfo = COPENHAGEN,
) -> list[Slot]:
    return list(slots(rules, closures, overrides, zone, first, last or first))


def dates(found: list[Slot]) -> list[date]:
    return [slot.local_date for slot in found]


def starts(found: list[Slot]) -> list[str]:
    return [slot.start_time.isoformat("minutes") for slot in found]


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]


# Clock changes


@pytest.mark.parametrize("change", [SPRING, AUTUMN])
def test_a_slot_at_14_stays_at_14_across_the_change(change: date) -> None:
    found = made(rule(), first=change - DAY, last=change + DAY)
    assert starts(found) == ["14:00", "14:00", "14:00"]
    local = [slot.starts_at.astimezone(COPENHAGEN).isoformat()[:16] for slot in found]
    assert local == [f"{day}T14:00" for day in (change - DAY, change, change + DAY)]
    assert len({slot.starts_at.time() for slot in found}) == 2  # in UTC it moves by the hour


@pytest.mark.parametrize(
    ("day", "zone", "start"),
    [(SPRING, COPENHAGEN, time(2, 30)), (date(2027, 10, 3), LORD_HOWE, time(2, 15))],
)
def test_a_slot_whose_start_the_clock_skips_is_not_made_that_day(
    day: date, zone: ZoneInfo, start: time
) -> None:
    night = rule(times=((start, time(4)),))
    assert dates(made(night, first=day - DAY, last=day + DAY, zone=zone)) == [day - DAY, day + DAY]


def test_a_slot_whose_end_the_clock_skips_ends_when_the_clock_jumps() -> None:
    night = rule(times=((time(1, 30), time(2, 30)), (time(3), time(4))))
    first, second = made(night, first=SPRING)
    assert first.starts_at == utc(2027, 3, 28, 0, 30)
    assert first.ends_at == second.starts_at == utc(2027, 3, 28, 1)
    assert first.end_time == time(2, 30)


def test_a_slot_over_the_gap_is_shorter_and_one_over_the_repeat_is_longer() -> None:
    night = rule(times=((time(1), time(4)),))
    (spring,), (autumn,) = made(night, first=SPRING), made(night, first=AUTUMN)
    assert spring.ends_at - spring.starts_at == timedelta(hours=2)
    assert autumn.ends_at - autumn.starts_at == timedelta(hours=4)


def test_a_start_that_occurs_twice_means_the_first() -> None:
    (slot,) = made(rule(times=((time(2, 30), time(3, 30)),)), first=AUTUMN)
    assert slot.starts_at == utc(2027, 10, 31, 0, 30)
    assert slot.ends_at == utc(2027, 10, 31, 2, 30)


def test_a_day_around_the_clock_has_23_24_or_25_hours_and_no_hole() -> None:
    hourly = rule(times=Opening(time(), time(), 60))
    for day, count, hours in ((SPRING, 23, 23), (SPRING + DAY, 24, 24), (AUTUMN, 24, 25)):
        found = made(hourly, first=day)
        assert len(found) == count
        assert [slot.ends_at for slot in found[:-1]] == [slot.starts_at for slot in found[1:]]
        assert found[-1].ends_at - found[0].starts_at == timedelta(hours=hours)


def test_a_day_that_a_zone_left_out_has_no_slots() -> None:
    gone = date(2011, 12, 30)
    daily = rule(valid_from=date(2011, 12, 1))
    found = made(daily, first=gone - DAY, last=gone + DAY, zone=ZoneInfo("Pacific/Apia"))
    assert dates(found) == [gone - DAY, gone + DAY]


# Times of day


def test_an_end_at_or_before_the_start_is_on_the_next_day() -> None:
    late = rule(times=((time(20), parse_end("24:00:00")), (time(22), time(1))))
    first, second = made(late, first=date(2027, 6, 1))
    assert (first.end_time, first.ends_at) == (time(0), utc(2027, 6, 1, 22))
    assert (second.local_date, second.ends_at) == (date(2027, 6, 1), utc(2027, 6, 1, 23))


def test_an_end_is_read_with_24_00_00_and_nothing_else_beyond_the_clock() -> None:
    assert parse_end("24:00:00") == time(0)
    assert parse_end("17:30:00") == time(17, 30)
    for text in ("24:00", "24:00:01", "25:00:00"):
        with pytest.raises(ValueError, match="time"):
            parse_end(text)


@pytest.mark.parametrize(
    ("opening", "expected"),
    [
        (Opening(time(10), time(12), 60), ["10:00", "11:00"]),
        (Opening(time(10), time(12), 60, 30), ["10:00", "10:30", "11:00"]),
        (Opening(time(10), time(12), 50), ["10:00", "10:50"]),
        (Opening(time(22), time(0), 60), ["22:00", "23:00"]),
        (Opening(time(10), time(11), 30, 45), ["10:00"]),
    ],
)
def test_an_opening_is_cut_into_slots_that_end_by_closing(
    opening: Opening, expected: list[str]
) -> None:
    assert starts(made(rule(times=opening), first=date(2027, 6, 1))) == expected


def test_an_opening_past_midnight_has_slots_on_the_next_date() -> None:
    fridays = rule(times=Opening(time(23), time(1), 60), recurrence="FREQ=WEEKLY;BYDAY=FR")
    friday, saturday = date(2027, 6, 4), date(2027, 6, 5)
    both = made(fridays, first=friday, last=saturday)
    assert [(slot.local_date, slot.start_time) for slot in both] == [
        (friday, time(23)),
        (saturday, time(0)),
    ]
    # Whatever days are asked for, each slot comes with its own date.
    assert made(fridays, first=friday) == both[:1]
    assert made(fridays, first=saturday) == both[1:]


# Days


@pytest.mark.parametrize(
    ("recurrence", "expected"),
    [
        ("FREQ=WEEKLY;BYDAY=MO,TU", [date(2027, 2, 1), date(2027, 2, 2), date(2027, 2, 8)]),
        ("freq=weekly;byday=mo,tu", [date(2027, 2, 1), date(2027, 2, 2), date(2027, 2, 8)]),
        ("RRULE:FREQ=DAILY;COUNT=33", [date(2027, 2, 1), date(2027, 2, 2)]),
        ("FREQ=DAILY;UNTIL=20270202", [date(2027, 2, 1), date(2027, 2, 2)]),
        ("FREQ=MONTHLY;BYDAY=1SA", [date(2027, 2, 6)]),
        ("FREQ=MONTHLY;BYMONTHDAY=-1", [date(2027, 2, 28)]),
        ("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=1", [date(2027, 2, 1)]),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=14", [date(2027, 2, 14)]),
        ("FREQ=YEARLY;BYWEEKNO=6;BYDAY=WE", [date(2027, 2, 10)]),
        # Every other week, counted from 1 January 2027, a Friday.
        ("FREQ=WEEKLY;INTERVAL=2", [date(2027, 2, 12), date(2027, 2, 26)]),
        ("FREQ=MONTHLY;BYMONTHDAY=30", []),
    ],
)
def test_a_recurrence_meets_its_days(recurrence: str, expected: list[date]) -> None:
    found = dates(made(rule(recurrence=recurrence), first=date(2027, 2, 1), last=date(2027, 2, 28)))
    assert found[:3] == expected


def test_a_yearly_29_february_meets_leap_years_only() -> None:
    leap = rule(recurrence="FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29", valid_from=date(2028, 2, 29))
    found = made(leap, first=date(2028, 1, 1), last=date(2040, 12, 31))
    assert dates(found) == [date(year, 2, 29) for year in (2028, 2032, 2036, 2040)]


def test_validity_includes_both_ends() -> None:
    short = rule(valid_from=date(2027, 6, 2), valid_until=date(2027, 6, 4))
    found = made(short, first=date(2027, 5, 1), last=date(2027, 7, 1))
    assert dates(found) == [date(2027, 6, day) for day in (2, 3, 4)]


def test_exceptions_are_taken_out_and_extra_dates_put_in() -> None:
    mondays = rule(
        recurrence="FREQ=WEEKLY;BYDAY=MO",
        valid_until=date(2027, 6, 30),
        except_dates=frozenset({date(2027, 6, 14)}),
        extra_dates=frozenset({date(2027, 6, 7), date(2027, 6, 16), date(2027, 7, 2)}),
    )
    found = dates(made(mondays, first=date(2027, 6, 7), last=date(2027, 7, 5)))
    assert found == [
        *(date(2027, 6, day) for day in (7, 16, 21, 28)),
        date(2027, 7, 2),
    ]


def test_a_year_of_three_slots_a_day_but_mondays_and_holidays_is_counted() -> None:
    holidays = frozenset({date(2028, 1, 1), date(2028, 12, 24), date(2028, 12, 25)})
    open_days = rule(
        times=((time(10), time(11)), (time(12), time(13)), (time(14), time(15))),
        recurrence="FREQ=WEEKLY;BYDAY=TU,WE,TH,FR,SA,SU",
        except_dates=holidays,  # a Saturday, a Sunday and a Monday
    )
    found = made(open_days, first=date(2028, 1, 1), last=date(2028, 12, 31))
    assert len(found) == 3 * (366 - 52 - 2)
    assert not {slot.local_date for slot in found} & holidays


def test_no_days_asked_for_are_no_slots() -> None:
    assert made(rule(), first=date(2027, 6, 2), last=date(2027, 6, 1)) == []


# Closures and overrides


def test_a_closed_day_keeps_its_slots_but_not_open() -> None:
    storm = Closure(date(2027, 6, 2), date(2027, 6, 3), "Storm")
    found = made(rule(), first=date(2027, 6, 1), last=date(2027, 6, 4), closures=[storm])
    assert [slot.open for slot in found] == [True, False, False, True]
    assert {slot.capacity for slot in found} == {20}


def test_closed_hours_close_what_is_under_way_between_them() -> None:
    wedding = Closure(date(2027, 6, 1), date(2027, 6, 1), "Wedding", time(11), time(13))
    hourly = rule(times=Opening(time(10), time(15), 60))
    found = made(hourly, first=date(2027, 6, 1), last=date(2027, 6, 2), closures=[wedding])
    closed = [(slot.local_date.day, slot.start_time.hour) for slot in found if not slot.open]
    assert closed == [(1, 11), (1, 12)]


def test_closed_hours_and_slots_reach_past_midnight() -> None:
    night = Closure(date(2027, 6, 1), date(2027, 6, 1), "Cleaning", time(23), time(2))
    nightly = rule(times=((time(1), time(3)), (time(2), time(3)), (time(22), time(23, 30))))
    found = made(nightly, first=date(2027, 6, 1), last=date(2027, 6, 2), closures=[night])
    closed = [(slot.local_date.day, slot.start_time.hour) for slot in found if not slot.open]
    assert closed == [(1, 22), (2, 1)]
    # The second day by itself is closed as it is beside the first.
    assert made(nightly, first=date(2027, 6, 2), closures=[night]) == found[3:]
    early = Closure(date(2027, 6, 2), date(2027, 6, 2), "Cleaning", time(0), time(1))
    (late,) = made(rule(times=((time(23), time(1)),)), first=date(2027, 6, 1), closures=[early])
    assert not late.open


def test_the_narrower_word_on_a_slot_wins() -> None:
    day = date(2027, 6, 1)
    hourly = rule(times=Opening(time(10), time(13), 60))
    found = made(
        hourly,
        first=day,
        closures=[Closure(day, day, "Storm")],
        overrides=[
            Override(day, capacity=5),
            Override(day, time(11), closed=False),
            Override(day, time(12), capacity=0, closed=False),
        ],
    )
    assert [(slot.capacity, slot.open) for slot in found] == [(5, False), (5, True), (0, True)]


def test_an_override_at_midnight_is_for_midnight_alone() -> None:
    day = date(2027, 6, 1)
    around = rule(times=Opening(time(0), time(3), 60))
    found = made(around, first=day, overrides=[Override(day, time(0), closed=True)])
    assert [slot.open for slot in found] == [False, True, True]


# Sales


def test_sales_open_at_local_midnight_and_close_before_the_start() -> None:
    sold = rule(sales_opens_days_before=30, sales_closes_minutes_before=90)
    (slot,) = made(sold, first=date(2027, 4, 10))
    assert slot.sales_from == utc(2027, 3, 10, 23)  # 11 March in winter time
    assert slot.sales_until == slot.starts_at - timedelta(minutes=90)


def test_sales_open_when_the_clock_jumps_over_midnight() -> None:
    sold = rule(sales_opens_days_before=1, valid_from=date(2026, 1, 1))
    (slot,) = made(sold, first=date(2026, 4, 25), zone=ZoneInfo("Africa/Cairo"))
    assert slot.sales_from == utc(2026, 4, 23, 22)


def test_sales_may_go_on_after_the_start_but_not_after_the_end() -> None:
    assert made(rule(), first=SPRING)[0].sales_from is None
    for minutes, after in ((0, 0), (-20, 20), (-60, 60), (-600, 60)):
        (slot,) = made(rule(sales_closes_minutes_before=minutes), first=SPRING)
        assert slot.sales_until - slot.starts_at == timedelta(minutes=after)


# What is refused


@pytest.mark.parametrize(
    ("recurrence", "message"),
    [
        ("", "is no part of a rule; write one such as FREQ=WEEKLY;BYDAY=MO,TU"),
        ("every day", "is no part of a rule"),
        ("FREQ=DAILY;", "is no part of a rule"),
        ("FREQ=DAILY\nDTSTART:20200101", "FREQ must be one of"),
        ("FREQ=DAILY;DTSTART=20200101", "is no part of a rule"),
        ("FREQ=DAILY;BYEASTER=0", "is no part of a rule"),
        ("INTERVAL=2", "FREQ must be one of DAILY, WEEKLY, MONTHLY, YEARLY"),
        ("FREQ=HOURLY", "FREQ=HOURLY is finer than a day; give the times of day under times"),
        ("FREQ=SECONDLY", "is finer than a day"),
        ("FREQ=DAILY;BYHOUR=3", "BYHOUR=3 is finer than a day"),
        ("FREQ=DAILY;BYMINUTE=3", "is finer than a day"),
        ("FREQ=DAILY;FREQ=WEEKLY", "FREQ is given twice"),
        ("FREQ=DAILY;COUNT=3;UNTIL=20280101", "COUNT and UNTIL exclude each other"),
        ("FREQ=DAILY;UNTIL=20280101T000000Z", "UNTIL must be a date such as 20271231"),
        ("FREQ=DAILY;UNTIL=20280231", "UNTIL must be a date"),
        ("FREQ=DAILY;INTERVAL=0", "INTERVAL must be a number from 1 to 1000, not 0"),
        ("FREQ=DAILY;INTERVAL=-1", "INTERVAL must be"),
        ("FREQ=DAILY;INTERVAL=٣", "INTERVAL must be"),
        ("FREQ=DAILY;COUNT=0", "COUNT must be a number from 1"),
        ("FREQ=DAILY;COUNT=" + "9" * 5000, "COUNT must be a number from 1 to 100000, not 9{60}$"),
        ("FREQ=DAILY;BYMONTH=13", "BYMONTH must be numbers from 1 to 12, not 13"),
        ("FREQ=DAILY;BYMONTH=-1", "BYMONTH must be"),
        ("FREQ=DAILY;BYMONTH=1,,2", "BYMONTH must be"),
        ("FREQ=DAILY;BYMONTHDAY=0", "BYMONTHDAY must be numbers from 1 to 31, or from the end"),
        ("FREQ=YEARLY;BYYEARDAY=400", "BYYEARDAY must be"),
        ("FREQ=WEEKLY;BYDAY=XX", "BYDAY must be days such as MO,TU"),
        ("FREQ=WEEKLY;BYDAY=MO,", "BYDAY must be"),
        ("FREQ=MONTHLY;BYDAY=54MO", "BYDAY must be"),
        ("FREQ=WEEKLY;WKST=1MO", "WKST must be days such as MO"),
        ("FREQ=WEEKLY;BYDAY=2MO", "a numbered day in BYDAY goes only with FREQ=MONTHLY or YEARLY"),
        ("FREQ=WEEKLY;BYMONTHDAY=1", "BYMONTHDAY goes only with FREQ=DAILY or MONTHLY or YEARLY"),
        ("FREQ=DAILY;BYWEEKNO=20", "BYWEEKNO goes only with FREQ=YEARLY"),
        ("FREQ=DAILY;BYSETPOS=1", "BYSETPOS chooses among the days of another BY part"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "meets no day on or after 2027-01-01"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=MO", "meets no day"),
        ("FREQ=DAILY;UNTIL=20261231", "meets no day"),
        ("FREQ=MONTHLY;BYDAY=53MO", "meets no day"),
    ],
)
def test_a_recurrence_that_is_not_of_days_or_never_meets_one_is_refused(
    recurrence: str, message: str
) -> None:
    with pytest.raises(ValueError, match=f"recurrence: .*{message}"):
        rule(recurrence=recurrence)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"valid_until": date(2026, 12, 31)}, "valid until 2026-12-31 is before valid from"),
        ({"times": ()}, "has no times"),
        ({"times": ((time(9), time(10)), (time(9), time(11)))}, "09:00:00 is given twice"),
        ({"capacity": -1}, "capacity must be 0 or more, not -1"),
        ({"sales_opens_days_before": -1}, "sales open 0 to 3660 days before, not -1"),
        ({"sales_closes_minutes_before": 10**12}, "sales close at most 3660 days"),
        (
            {"sales_opens_days_before": 0, "sales_closes_minutes_before": 14 * 60},
            "sales for 14:00:00 close before they open",
        ),
        (
            {"except_dates": frozenset({SPRING}), "extra_dates": frozenset({SPRING})},
            "2027-03-28 is both an exception and an extra date",
        ),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rule(**given)


def test_all_that_is_wrong_with_a_rule_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"BYMONTH must be .*; WKST must be .*; capacity must be"):
        rule(recurrence="FREQ=DAILY;BYMONTH=13;WKST=XX", capacity=-1)


@pytest.mark.parametrize(
    ("minutes", "step", "message"),
    [
        (0, None, "slot minutes must be 1 to 1440, not 0"),
        (60, 0, "step minutes must be 1 to 1440, not 0"),
        (121, None, "no slot of 121 minutes fits between 10:00:00 and 12:00:00"),
    ],
)
def test_an_opening_without_a_slot_is_refused(minutes: int, step: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Opening(time(10), time(12), minutes, step)


def test_closures_and_overrides_that_say_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="before it begins"):
        Closure(SPRING, SPRING - DAY)
    with pytest.raises(ValueError, match="both times"):
        Closure(SPRING, SPRING, "Storm", time(9))
    with pytest.raises(ValueError, match="changes nothing"):
        Override(SPRING, time(9))
    with pytest.raises(ValueError, match="0 or more"):
        Override(SPRING, capacity=-1)


def test_two_rules_with_a_slot_at_one_start_are_told_once_with_both_names() -> None:
    weekend = rule("WEEKEND", recurrence="FREQ=WEEKLY;BYDAY=SA,SU")
    rules = [rule("DAILY"), rule("EARLY", times=((time(9), time(10)),)), weekend]
    june = (date(2027, 6, 1), date(2027, 6, 30))
    assert list(contradictions(rules, [], *june)) == [
        (
            ("rules", 2),
            (
                "rules DAILY and WEEKEND both make a slot on 2027-06-05 at 14:00:00;"
                " end one's validity, change its times or except that date"
            ),
        )
    ]
    with pytest.raises(ScheduleError, match="DAILY and WEEKEND both make a slot on 2027-06-05"):
        made(*rules, first=june[0], last=june[1])


def test_rules_that_follow_each_other_do_not_clash() -> None:
    rules = [
        rule("WINTER", valid_until=date(2027, 5, 31)),
        rule("SUMMER", valid_from=date(2027, 6, 1), capacity=40),
    ]
    year = (date(2027, 1, 1), date(2027, 12, 31))
    assert list(contradictions(rules, [], *year)) == []
    found = made(*rules, first=date(2027, 5, 31), last=date(2027, 6, 1))
    assert [(slot.rule_code, slot.capacity) for slot in found] == [("WINTER", 20), ("SUMMER", 40)]


def test_an_opening_past_midnight_clashes_with_the_next_days_rule() -> None:
    rules = [
        rule("NIGHT", times=Opening(time(23), time(1), 60)),
        rule("MIDNIGHT", times=((time(0), time(2)),)),
    ]
    (found,) = contradictions(rules, [], date(2027, 6, 1), date(2027, 6, 30))
    assert "MIDNIGHT and NIGHT both make a slot on 2027-06-01 at 00:00:00" in found[1]


def test_codes_and_overrides_given_twice_or_for_no_slot_are_named() -> None:
    rules = [rule("A"), rule("A", times=((time(16), time(17)),))]
    overrides = [
        Override(SPRING, time(14), capacity=1),
        Override(SPRING, time(14, 30), capacity=1),
        Override(SPRING, time(14), closed=True),
        Override(date(2030, 1, 1), time(9), closed=True),  # not among the days looked at
    ]
    found = list(contradictions(rules, overrides, SPRING, SPRING + DAY))
    assert found == [
        (("rules", 1), "A is given twice; give each rule its own code"),
        (
            ("overrides", 1),
            "there is no slot on 2027-03-28 at 14:30:00; that day has 14:00:00, 16:00:00",
        ),
        (("overrides", 2), "2027-03-28 at 14:00:00 is overridden twice; give it once"),
    ]


# Properties

zones = st.sampled_from(
    [COPENHAGEN, LORD_HOWE]
    + [ZoneInfo(name) for name in ("America/New_York", "Africa/Cairo", "Asia/Tokyo")]
)
clock_times = st.times().map(lambda at: at.replace(second=0, microsecond=0))
all_times = st.lists(
    st.tuples(clock_times, clock_times), min_size=1, max_size=6, unique_by=lambda t: t[0]
)
recurrences = st.sampled_from(
    ["FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,SA,SU", "FREQ=MONTHLY;BYDAY=-1SU", "FREQ=DAILY;INTERVAL=3"]
)
first_days = st.dates(date(2027, 1, 1), date(2028, 12, 31))


@settings(deadline=None)  # what is shown holds at any speed
@given(zones, all_times, recurrences, first_days)
def test_every_slot_shows_its_rules_time_and_those_left_out_lie_in_a_gap(
    zone: ZoneInfo, times: list[tuple[time, time]], recurrence: str, first: date
) -> None:
    given_rule = rule(times=tuple(times), recurrence=recurrence)
    last = first + 90 * DAY
    found = made(given_rule, first=first, last=last, zone=zone)
    for slot in found:
        local = slot.starts_at.astimezone(zone).replace(tzinfo=None)
        assert local == datetime.combine(slot.local_date, slot.start_time)
        assert (slot.start_time, slot.end_time) in times
        assert slot.starts_at < slot.ends_at <= slot.starts_at + timedelta(hours=25)
        assert slot.starts_at.utcoffset() == slot.ends_at.utcoffset() == timedelta(0)
    expected = {(day, start) for day in given_rule.days(first, last) for start, _ in times}
    for day, start in expected - {(slot.local_date, slot.start_time) for slot in found}:
        shown = datetime.combine(day, start, zone).astimezone(UTC).astimezone(zone)
        assert shown.replace(tzinfo=None) != datetime.combine(day, start)


@settings(deadline=None)
@given(zones, all_times, all_times, first_days)
def test_slots_come_sorted_whichever_rule_they_are_of(
    zone: ZoneInfo,
    some: list[tuple[time, time]],
    others: list[tuple[time, time]],
    first: date,
) -> None:
    used = {start for start, _ in some}
    others = [pair for pair in others if pair[0] not in used] or [(time(3, 7, 1), time(4))]
    rules = [rule("A", times=tuple(some)), rule("B", times=tuple(others))]
    found = made(*rules, first=first, last=first + 30 * DAY, zone=zone)
    instants = [slot.starts_at for slot in found]
    assert instants == sorted(set(instants))
    assert made(*reversed(rules), first=first, last=first + 30 * DAY, zone=zone) == found


@settings(deadline=None)
@given(all_times, first_days, st.integers(0, 20), st.integers(1, 20))
def test_days_asked_for_in_parts_are_the_days_asked_for_at_once(
    times: list[tuple[time, time]], first: date, before: int, after: int
) -> None:
    given_rule = rule(times=tuple(times))
    cut, last = first + before * DAY, first + (before + after) * DAY
    parts = made(given_rule, first=first, last=cut) + made(given_rule, first=cut + DAY, last=last)
    assert parts == made(given_rule, first=first, last=last)


@settings(deadline=None)
@given(st.sets(st.dates(date(2028, 1, 1), date(2028, 12, 31)), max_size=40))
def test_a_year_has_its_days_less_the_exceptions(exceptions: set[date]) -> None:
    found = made(
        rule(except_dates=frozenset(exceptions)), first=date(2028, 1, 1), last=date(2028, 12, 31)
    )
    assert len(found) == 366 - len(exceptions)


SHOW = """
from datetime import date, time
from zoneinfo import ZoneInfo
from channel_manager.capacity.rules import ScheduleRule
from channel_manager.capacity.schedules import slots
rule = ScheduleRule("A", date(2027, 1, 1), ((time(2, 30), time(4)),), 1, sales_opens_days_before=9)
zone = ZoneInfo("Europe/Copenhagen")
for day in (date(2027, 3, 28), date(2027, 6, 1), date(2027, 10, 31)):
    for slot in slots([rule], [], [], zone, day, day):
        print(slot.local_date, slot.starts_at, slot.ends_at, slot.sales_from)
"""


@pytest.mark.parametrize("server", ["UTC", "Asia/Tokyo", "America/New_York"])
def test_the_servers_own_zone_changes_nothing(server: str) -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SHOW],
        env={**os.environ, "TZ": server},
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.splitlines() == [
        "2027-06-01 2027-06-01 00:30:00+00:00 2027-06-01 02:00:00+00:00 2027-05-22 22:00:00+00:00",
        "2027-10-31 2027-10-31 00:30:00+00:00 2027-10-31 03:00:00+00:00 2027-10-21 22:00:00+00:00",
    ]
