from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from channel_manager.catalogues import text_in
from channel_manager.gate.verdicts import Code, Place, TicketFacts, judge

ZONE = ZoneInfo("Europe/Copenhagen")
NOON = datetime(2027, 6, 1, 10, 0, tzinfo=UTC)  # 12:00 at the venue
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
TICKET = TicketFacts(
    paid=True,
    cancelled=False,
    admits=1,
    entries="single",
    admitted=0,
    admitted_that_day=0,
    last_admitted_at=None,
    last_admission="",
    valid_from=None,
    valid_until=None,
    places=[],
)
USED = replace(
    TICKET,
    admitted=1,
    admitted_that_day=1,
    last_admitted_at=NOON - HOUR,
    last_admission="CASTLE",
)


def code(ticket, admission="CASTLE", quantity=None, now=NOON):
    return judge(ticket, admission, quantity, now, ZONE).code


def slot(start, early=0, late=0):
    return Place("CASTLE", start, start + HOUR, timedelta(minutes=early), timedelta(minutes=late))


def test_a_good_ticket_is_let_in():
    assert code(TICKET) is Code.OK


def test_a_draft_lacks_its_payment():
    assert code(replace(TICKET, paid=False)) is Code.MISSING_PAYMENT


@pytest.mark.parametrize("ticket", [TICKET, USED, replace(TICKET, paid=False)])
def test_cancelled_outranks_everything(ticket):
    assert code(replace(ticket, cancelled=True)) is Code.TICKET_CANCELLED


def test_a_used_ticket_is_refused_with_when_and_where():
    verdict = judge(USED, "CASTLE", None, NOON, ZONE)
    assert verdict.code is Code.ALREADY_ADMITTED
    assert verdict.message == "Already admitted on 2027-06-01 at 11:00, CASTLE."


def test_a_date_in_arabic_keeps_its_own_direction():
    verdict = judge(USED, "CASTLE", None, NOON, ZONE)
    said = verdict.saying.said(text_in("ar"), right_to_left=True)
    assert "\u20682027-06-01\u2069" in said
    assert "\u2068CASTLE\u2069" in said


def test_a_ticket_for_another_place():
    other = replace(TICKET, places=[Place("MUSEUM")])
    assert code(other) is Code.WRONG_ADMISSION
    assert code(other, "MUSEUM") is Code.OK
    assert code(other, "") is Code.OK


@pytest.mark.parametrize(
    ("start", "early", "late", "expected"),
    [
        (NOON, 0, 0, Code.OK),
        (NOON - HOUR, 0, 0, Code.OUTSIDE_TIME_SLOT),
        (NOON - HOUR, 0, 1, Code.OK),
        (NOON + timedelta(minutes=10), 0, 0, Code.OUTSIDE_TIME_SLOT),
        (NOON + timedelta(minutes=10), 10, 0, Code.OK),
        (NOON + DAY, 0, 0, Code.NOT_VALID_YET),
        (NOON - DAY, 0, 0, Code.EXPIRED),
    ],
)
def test_a_slot_and_its_tolerance(start, early, late, expected):
    assert code(replace(TICKET, places=[slot(start, early, late)])) is expected


@pytest.mark.parametrize(
    ("valid_from", "valid_until", "expected"),
    [
        (NOON, NOON + DAY, Code.OK),
        (NOON + HOUR, NOON + DAY, Code.NOT_VALID_YET),
        (NOON - DAY, NOON, Code.EXPIRED),
        (None, NOON + HOUR, Code.OK),
    ],
)
def test_validity(valid_from, valid_until, expected):
    ticket = replace(TICKET, valid_from=valid_from, valid_until=valid_until)
    assert code(ticket) is expected


def test_a_group_enters_in_parts():
    group = replace(TICKET, admits=10)
    assert judge(group, "CASTLE", 4, NOON, ZONE).remaining == 10
    half = replace(group, admitted=8, last_admitted_at=NOON - HOUR)
    assert code(half, quantity=2) is Code.OK
    refused = judge(half, "CASTLE", 3, NOON, ZONE)
    assert (refused.code, refused.remaining) == (Code.ALREADY_ADMITTED, 2)
    assert refused.message == "Only 2 of 10 are left."


def test_once_a_day_is_the_venues_day():
    daily = replace(USED, entries="once_a_day")
    assert code(daily) is Code.ALREADY_ADMITTED
    # 22:30 UTC is past midnight at the venue.
    assert code(daily, now=datetime(2027, 6, 1, 22, 30, tzinfo=UTC)) is Code.OK


def test_many_entries_are_many():
    assert code(replace(USED, entries="many", admitted=500)) is Code.OK
