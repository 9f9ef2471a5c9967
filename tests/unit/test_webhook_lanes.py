from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from channel_manager.webhooks.lanes import FAILURES_TO_OPEN, LONGEST_PAUSE, Lane


def broken(width: int = 16) -> Lane:
    lane = Lane(width)
    for _ in range(FAILURES_TO_OPEN):
        lane.started()
        lane.failed(0.0)
    return lane


def test_a_healthy_lane_has_room_up_to_its_width() -> None:
    lane = Lane(3)
    for left in (3, 2, 1, 0):
        assert lane.room(0.0) == left
        lane.started()


def test_a_few_failures_change_nothing() -> None:
    lane = Lane(16)
    for _ in range(FAILURES_TO_OPEN - 1):
        lane.started()
        lane.failed(0.0)
    assert lane.room(0.0) == 16


def test_an_open_breaker_waits_and_then_lets_one_probe_through() -> None:
    lane = broken()
    assert lane.room(0.5) == 0
    assert lane.room(1.0) == 1
    lane.started()
    assert lane.room(100.0) == 0


def test_pauses_double_up_to_a_minute() -> None:
    lane = broken()
    now, pauses = 0.0, []
    for _ in range(9):
        pauses.append(lane.held_until - now)
        now = lane.held_until
        lane.started()
        lane.failed(now)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_the_first_success_closes_the_breaker() -> None:
    lane = broken()
    lane.started()
    lane.succeeded()
    assert lane.room(0.0) == 16


def test_a_crowd_that_fails_together_counts_as_one_pause() -> None:
    lane = Lane(16)
    for _ in range(16):
        lane.started()
    for _ in range(15):
        lane.failed(15.0)
    assert lane.held_until == 16.0


def test_retry_after_holds_the_whole_lane_for_a_minute_at_most() -> None:
    lane = Lane(16)
    lane.started()
    lane.failed(0.0, timedelta(seconds=30))
    assert (lane.room(29.0), lane.room(30.0)) == (0, 16)
    lane.started()
    lane.failed(30.0, timedelta(hours=5))
    assert lane.held_until == 30.0 + LONGEST_PAUSE


@given(st.lists(st.sampled_from(["start", "ok", "fail"]), max_size=200))
def test_whatever_happens_no_more_are_on_their_way_than_the_width(steps: list[str]) -> None:
    lane, now = Lane(4), 0.0
    for step in steps:
        now += 0.7
        if step == "start" and lane.room(now):
            lane.started()
        elif step == "ok" and lane.in_flight:
            lane.succeeded()
        elif step == "fail" and lane.in_flight:
            lane.failed(now)
        assert 0 <= lane.in_flight <= 4
        assert lane.held_until <= now + LONGEST_PAUSE
