"""What an item needs of which places, and when that can be had."""

from datetime import UTC, date, datetime, time, timedelta
from types import SimpleNamespace

from channel_manager.availability.needs import bookable
from channel_manager.capacity.wants import Moment, Want, first_places, moment

DAY = date(2027, 6, 1)


def slot(code: str, hour: int, room: int, *, hours: int = 1, whole_day: bool = False):
    start = datetime(2027, 6, 1, hour, tzinfo=UTC)
    return SimpleNamespace(
        admission_code=code,
        whole_day=whole_day,
        local_date=DAY,
        start_time=time(hour),
        starts_at=start,
        ends_at=start + timedelta(hours=hours),
        room=room,
        capacity=room + 1,
        on_sale=True,
        sales_until=start,
    )


def found(needed, rows) -> list[tuple[int, int]]:
    return [(each.start_time.hour, each.remaining) for each in bookable(needed, rows)]


def test_the_slot_choice_decides_what_is_wanted():
    at = time(10, 30)
    assert moment({"admission": "A", "slots": "scheduled"}, DAY, at) == Moment("A", DAY, at)
    assert moment({"admission": "A", "slots": "any_time"}, DAY, at) == Moment("A", DAY, None)
    assert moment({"admission": "A", "slots": "none"}, DAY, at) is None


def test_a_message_points_to_the_first_place_that_asks():
    here, there = Moment("A", DAY, time(10)), Moment("B", DAY, None)
    wants = [Want(here, 1, "items[0]"), Want(there, 2, "items[1]"), Want(here, 3, "items[2]")]
    assert first_places(wants) == {here: "items[0]", there: "items[1]"}
    assert (str(here), str(there)) == ("A on 2027-06-01 at 10:00", "B on 2027-06-01")


def test_two_places_each_halve_what_remains():
    assert found({("A", False): 2}, [slot("A", 10, 5), slot("A", 11, 1)]) == [(10, 2), (11, 0)]


def test_of_two_places_both_must_have_a_slot_then():
    rows = [slot("A", 9, 5), slot("A", 10, 5), slot("B", 10, 3, hours=2), slot("A", 13, 5)]
    assert found({("A", False): 1, ("B", False): 1}, rows) == [(10, 3)]


def test_the_whole_day_counts_beside_the_slots():
    rows = [slot("B", 8, 4, hours=12, whole_day=True), slot("A", 10, 5), slot("A", 11, 2)]
    assert found({("A", False): 1, ("B", True): 1}, rows) == [(10, 4), (11, 2)]


def test_of_two_whole_days_the_scarcer_counts():
    rows = [slot("A", 8, 4, whole_day=True), slot("B", 9, 3, whole_day=True)]
    assert found({("A", True): 1, ("B", True): 1}, rows) == [(8, 3)]
