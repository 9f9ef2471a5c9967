from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channel_manager.webhooks.backoff import (
    MAX_ATTEMPTS,
    PLAN,
    Outcome,
    classify,
    next_delay,
)

NOW = datetime(2027, 6, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
attempts = st.integers(min_value=1, max_value=MAX_ATTEMPTS - 1)
seeds = st.integers(min_value=0, max_value=2**32)


def dice(seed: int = 1) -> Random:
    return Random(seed)


def planned(attempt: int, seed: int = 1) -> timedelta:
    delay = next_delay(attempt, None, dice(seed), now=NOW)
    assert delay is not None
    return delay


@given(seeds)
def test_the_tries_start_within_seconds_and_go_on_for_about_three_days(seed: int) -> None:
    delays = [planned(attempt, seed) for attempt in range(1, MAX_ATTEMPTS)]
    assert delays[0] <= timedelta(seconds=6)
    assert delays[:10] == sorted(delays[:10])
    assert timedelta(days=2.3) < sum(delays, timedelta()) < timedelta(days=3.6)


def test_the_plan_is_seventy_hours_and_twelve_attempts() -> None:
    assert MAX_ATTEMPTS == 12
    assert sum(PLAN, timedelta()) == timedelta(hours=70, minutes=21, seconds=20)


def test_after_the_last_attempt_there_is_no_other_whatever_the_receiver_asks() -> None:
    assert next_delay(MAX_ATTEMPTS, "10", dice(1), now=NOW) is None
    assert next_delay(MAX_ATTEMPTS + 5, None, dice(1), now=NOW) is None


@pytest.mark.parametrize("attempt", [0, -1])
def test_attempts_count_from_one(attempt: int) -> None:
    with pytest.raises(ValueError, match="from 1"):
        next_delay(attempt, None, dice(1), now=NOW)


def test_a_thousand_failures_do_not_come_back_together() -> None:
    random = dice(1)
    delays = [next_delay(6, None, random, now=NOW) for _ in range(1000)]
    whole_seconds = {int(delay.total_seconds()) for delay in delays if delay}
    assert len(whole_seconds) > 500


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [
        ("120", timedelta(minutes=2)),
        (" 120 ", timedelta(minutes=2)),
        ("0000000000000120", timedelta(minutes=2)),
        ("86400", DAY),
        ("86401", DAY),
        ("9" * 5000, DAY),
        ("Tue, 01 Jun 2027 12:10:00 GMT", timedelta(minutes=10)),
        ("Tuesday, 01-Jun-27 12:10:00 GMT", timedelta(minutes=10)),
        ("Tue Jun  1 12:10:00 2027", timedelta(minutes=10)),
        ("Tue, 01 Jun 2027 14:10:00 +0200", timedelta(minutes=10)),
        ("Fri, 31 Dec 9999 23:59:59 GMT", DAY),
    ],
)
def test_a_receiver_that_asks_for_time_gets_it_up_to_a_day(
    retry_after: str, wait: timedelta
) -> None:
    assert next_delay(1, retry_after, dice(1), now=NOW) == wait


@pytest.mark.parametrize(
    "retry_after",
    ["0", "1", "-5", "1.5", "", "soon", "12e9", "٣٠٠", "Tue, 01 Jun 2027 11:59:00 GMT", "Mon, 99"],
)
def test_a_wait_is_never_shorter_than_planned(retry_after: str) -> None:
    assert next_delay(5, retry_after, dice(1), now=NOW) == planned(5)


@given(attempts, st.one_of(st.text(), st.datetimes().map(format_datetime)), seeds)
def test_no_header_breaks_the_plan(attempt: int, retry_after: str, seed: int) -> None:
    delay = next_delay(attempt, retry_after, dice(seed), now=NOW)
    assert delay is not None
    assert planned(attempt, seed) <= delay <= max(DAY, planned(attempt, seed))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    assert classify(status, None) is Outcome.DELIVERED


@pytest.mark.parametrize(
    "status", [100, 199, 300, 301, 302, 304, 307, 400, 401, 404, 408, 409, 411, 429, 500, 503, 999]
)
def test_anything_else_is_tried_again(status: int) -> None:
    assert classify(status, None) is Outcome.RETRY


def test_gone_switches_the_subscription_off() -> None:
    assert classify(410, None) is Outcome.GONE


def test_no_answer_is_tried_again() -> None:
    assert classify(None, "connection refused") is Outcome.RETRY
