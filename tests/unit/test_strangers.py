from datetime import UTC, datetime, timedelta

import pytest

from channel_manager.access import strangers
from channel_manager.access.strangers import Strangers, network_of


class Clock:
    def __init__(self):
        self.now = datetime(2026, 11, 25, 12, 0, 1, tzinfo=UTC)

    def __call__(self):
        return self.now


def many(limit=3):
    clock = Clock()
    return Strangers(clock, limit=limit), clock


def test_an_address_is_used_up_after_its_failures_and_no_other_is():
    counted, _ = many()
    for left in (2, 1, 0):
        counted.failed("192.0.2.1")
        assert counted.standing("192.0.2.1").remaining == left
    assert counted.standing("192.0.2.1").used_up
    assert not counted.standing("192.0.2.2").used_up


def test_the_next_window_begins_anew():
    counted, clock = many(limit=1)
    counted.failed("192.0.2.1")
    reset = counted.standing("192.0.2.1").reset_seconds
    clock.now += timedelta(seconds=reset)
    assert not counted.standing("192.0.2.1").used_up


def test_memory_is_bounded_and_who_is_beyond_it_counts_as_one(monkeypatch):
    monkeypatch.setattr(strangers, "MOST_ADDRESSES", 2)
    counted, _ = many(limit=1)
    for last in range(1, 50):
        counted.failed(f"192.0.2.{last}")
    assert len(counted._failures) == 3  # noqa: SLF001 - the memory is what is tested
    assert counted.standing("198.51.100.1").used_up


def test_of_the_keys_found_valid_the_latest_are_remembered(monkeypatch):
    monkeypatch.setattr(strangers, "MOST_KEYS", 2)
    counted, _ = many()
    for key in (b"a", b"b", b"a", b"c"):
        counted.welcome(key)
    assert [counted.knows(key) for key in (b"a", b"b", b"c")] == [True, False, True]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("testclient", "others"),
        ("", "others"),
        (None, "others"),
    ],
)
def test_what_counts_as_one(address, network):
    assert network_of(address) == network
