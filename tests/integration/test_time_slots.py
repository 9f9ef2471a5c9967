"""Making time slots from the venue file: on import, and as days go by."""

from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import text

from channel_manager.capacity.changes import CapacityBelowReserved, adjust_slot, lock_slots
from channel_manager.capacity.generation import generate_everywhere, generate_slots
from channel_manager.companies.service import find_company
from channel_manager.venue_file import VenueFileError, read_venue_file
from support import castle
from support.castle import ORDERS_PATH
from support.slots import (
    DAY,
    admission,
    assert_audit_clean,
    item,
    place,
    reserved,
    schedule,
    small_castle,
    venue,
    wanting,
)

ITEM = item("31001", ("CASTLE", "scheduled"))


async def all_slots(database) -> list:
    async with database.transaction() as conn:
        return list(
            await conn.execute(text("SELECT * FROM time_slots ORDER BY admission_code, starts_at"))
        )


async def of_day(database, day: str = DAY) -> list:
    return [row for row in await all_slots(database) if str(row.local_date) == day]


async def generate(database, company_id, now: datetime) -> object:
    async with database.transaction() as conn:
        return await generate_slots(conn, await find_company(conn, company_id), now)


async def test_an_import_makes_the_slots_of_the_horizon(database):
    await castle.load_venue(database, small_castle(4))
    rows = await all_slots(database)
    assert len(rows) == 31 * 6
    assert {row.capacity for row in rows} == {4}
    assert await of_day(database, castle.soon(31)) == []


async def test_importing_again_changes_nothing(database):
    await castle.load_venue(database, small_castle(4))
    before = await all_slots(database)
    await castle.load_venue(database, small_castle(4))
    assert await all_slots(database) == before


async def test_each_day_that_passes_brings_a_new_one(database):
    company_id = await castle.load_venue(database, small_castle(4))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    done = await generate(database, company_id, tomorrow)
    assert (done.made, done.changed, done.removed) == (6, 0, 0)
    # What is past stays for the record.
    assert len(await all_slots(database)) == 32 * 6
    await generate_everywhere(database, tomorrow)
    assert len(await all_slots(database)) == 32 * 6


async def test_an_import_keeps_what_is_reserved(client, database, company_id):
    await castle.load_venue(database, small_castle(4))
    await place(client, wanting(3))
    await castle.load_venue(database, small_castle(20))
    assert await reserved(database) == 3
    assert {row.capacity for row in await all_slots(database)} == {20}
    await assert_audit_clean(database, company_id)


async def test_a_slot_is_never_made_smaller_than_what_is_reserved(client, database, company_id):
    await castle.load_venue(database, small_castle(4))
    await place(client, wanting(3))
    before = await all_slots(database)
    with pytest.raises(CapacityBelowReserved) as refused:
        await castle.load_venue(database, small_castle(2))
    assert f"CASTLE at {DAY}T10:00:00+0" in refused.value.message
    assert "3 places of it are reserved" in refused.value.message
    assert await all_slots(database) == before
    # The remedy that the message names.
    override = {"overrides": [{"date": DAY, "start": "10:00", "capacity": 3}]}
    await castle.load_venue(database, venue([admission(capacity=2, **override)], [ITEM]))
    assert sorted(row.capacity for row in await of_day(database)) == [2, 2, 2, 2, 2, 3]
    await assert_audit_clean(database, company_id)


async def test_a_slot_without_a_schedule_goes_or_where_it_has_guests_closes(
    client, database, company_id
):
    await castle.load_venue(database, small_castle(4))
    await place(client, wanting(3))
    without = admission(schedules=[schedule(4, exceptDates=[DAY])])
    await castle.load_venue(database, venue([without], [ITEM]))
    (left,) = await of_day(database)
    assert (left.is_open, left.reserved) == (False, 3)
    await castle.load_venue(database, small_castle(4))
    assert [row.is_open for row in await of_day(database)] == [True] * 6
    assert await reserved(database) == 3
    await assert_audit_clean(database, company_id)


async def test_an_admission_that_is_no_longer_in_the_file_loses_its_slots(database):
    await castle.load_venue(database, venue([admission(), admission("BOAT")], [ITEM]))
    await castle.load_venue(database, venue([admission()], [ITEM]))
    assert {row.admission_code for row in await all_slots(database)} == {"CASTLE"}


async def test_what_is_set_by_hand_stays(database, company_id):
    await castle.load_venue(database, small_castle(4))
    async with database.transaction() as conn:
        company = await find_company(conn, company_id)
        (row,) = await lock_slots(conn, company_id, [(await of_day(database))[0].slot_id])
        await adjust_slot(conn, row, company.zone, {"capacity": 7, "is_open": False})
    await castle.load_venue(database, small_castle(5))
    first, *rest = await of_day(database)
    assert (first.capacity, first.is_open) == (7, False)
    assert {row.capacity for row in rest} == {5}
    async with database.transaction() as conn:
        reasons = await conn.execute(
            text("SELECT reason, capacity_change FROM capacity_ledger WHERE slot_id = :id"),
            {"id": first.slot_id},
        )
        assert [tuple(row) for row in reasons] == [("by hand: closed", 3)]


async def test_the_whole_day_stays_itself_when_its_hours_change(client, database, company_id):
    day = item("31001", ("CASTLE", "any_time"))
    await castle.load_venue(database, venue([admission(dayCapacity=50)], [day]))
    await place(client, wanting(3))
    earlier = schedule(opening={"opens": "08:00", "closes": "16:00", "slotMinutes": 60})
    await castle.load_venue(
        database, venue([admission(dayCapacity=50, schedules=[earlier])], [day])
    )
    (whole,) = [row for row in await of_day(database) if row.whole_day]
    assert (str(whole.start_time), whole.reserved) == ("08:00:00", 3)
    await assert_audit_clean(database, company_id)


def next_change(month: int) -> date:
    """The last Sunday of March or October: when Europe's clocks change."""
    year = castle.today().year
    for ahead in (year, year + 1):
        last = max(d for d in range(25, 32) if date(ahead, month, d).weekday() == 6)
        if date(ahead, month, last) > castle.today():
            return date(ahead, month, last)
    raise AssertionError


def around_the_clock() -> str:
    """Hourly slots, day and night, over the clock's next two changes."""
    hours = schedule(opening={"opens": "00:00", "closes": "24:00", "slotMinutes": 60})
    return venue([admission(schedules=[hours], horizonDays=400)], [ITEM])


async def test_a_slot_at_14_stays_at_14_across_the_changes(database):
    await castle.load_venue(database, around_the_clock())
    afternoon = [row for row in await all_slots(database) if str(row.start_time) == "14:00:00"]
    assert len(afternoon) == 401
    assert {f"{row.starts_at:%H}" for row in afternoon} == {"12", "13"}


async def test_a_time_that_the_clock_skips_is_refused(client, database):
    await castle.load_venue(database, around_the_clock())
    gap = next_change(3)
    reply = await client.post(ORDERS_PATH, json=wanting(visitDate=gap.isoformat(), at="02:30:00"))
    assert reply.status_code == 400
    assert reply.json()["errors"][0]["path"] == "items[0].visitTime"
    assert "does not exist" in reply.json()["message"]
    starts = [str(row.start_time) for row in await of_day(database, gap.isoformat())]
    assert "02:00:00" not in starts
    assert len(starts) == 23


async def test_a_time_that_the_clock_repeats_means_the_first(client, database):
    await castle.load_venue(database, around_the_clock())
    fall = next_change(10)
    made = await place(client, wanting(visitDate=fall.isoformat(), at="02:30:00"))
    assert made["status"] == "Issued"
    (taken,) = [row for row in await all_slots(database) if row.reserved]
    # Summer time still: two hours before UTC's noon reckoning, 02:00+02:00.
    assert taken.starts_at == datetime.combine(fall, datetime.min.time(), UTC)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"admissions": [admission("BOAT")]}, "there is no admission CASTLE"),
        ({"admissions": [admission(schedules=[])]}, "CASTLE has no schedules"),
        (
            {"items": [item("31001", ("CASTLE", "any_time"))]},
            "CASTLE has no dayCapacity, which any_time needs",
        ),
        ({"admissions": [admission(), admission()]}, "CASTLE is given twice"),
        (
            {"admissions": [admission(schedules=[schedule(), schedule(code="TOO")])]},
            "rules DAILY and TOO both make a slot",
        ),
        (
            {"admissions": [admission(schedules=[schedule(recurrence="FREQ=SOMETIMES")])]},
            "admissions[0].schedules[0]",
        ),
        (
            {
                "admissions": [
                    admission(
                        schedules=[
                            schedule(
                                opening={"opens": "10:00", "closes": "10:30", "slotMinutes": 60}
                            )
                        ]
                    )
                ]
            },
            "no slot of 60 minutes fits",
        ),
        (
            {
                "admissions": [
                    admission(overrides=[{"date": DAY, "start": "09:00", "closed": True}])
                ]
            },
            "there is no slot on",
        ),
    ],
)
def test_a_wrong_file_names_the_place(change, words):
    parts = {"admissions": [admission()], "items": [ITEM]} | change
    with pytest.raises(VenueFileError) as wrong:
        read_venue_file(venue(parts["admissions"], parts["items"]), "venue.yaml")
    assert words in str(wrong.value)
    assert str(wrong.value).startswith("venue.yaml:")
