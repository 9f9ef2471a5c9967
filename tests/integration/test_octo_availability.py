"""OCTO: the calendar, times by interval and by id, and what can't be asked."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from support.octo import day

PRICING = {"octo-capabilities": "octo/pricing"}


def asking(product: str = "TOUR", **changes):
    body = {"productId": product, "optionId": "DEFAULT"} | changes
    return {name: value for name, value in body.items() if value is not ...}


def interval(first: int = 7, last: int = 7):
    return {"localDateStart": day(first), "localDateEnd": day(last)}


async def test_times_by_interval(reseller):
    found = await reseller.call("POST", "/availability", asking(**interval()))
    assert [one["localDateTimeStart"][11:16] for one in found] == [
        "10:00",
        "12:00",
        "14:00",
        "16:00",
        "19:00",
    ]
    *free, chartered = found
    assert {(one["status"], one["vacancies"], one["capacity"]) for one in free} == {
        ("AVAILABLE", 40, 40)
    }
    assert all(one["available"] and one["id"] == one["localDateTimeStart"] for one in free)
    assert (chartered["status"], chartered["available"]) == ("SOLD_OUT", False)
    assert not any(one["allDay"] for one in found)


async def test_times_by_ids(reseller):
    ids = [one["id"] for one in await reseller.times("TOUR")][1:3]
    found = await reseller.call("POST", "/availability", asking(availabilityIds=ids))
    assert [one["id"] for one in found] == ids
    beside = ids[0].replace(":00:00", ":17:00", 1)
    assert await reseller.call("POST", "/availability", asking(availabilityIds=[beside])) == []
    assert await reseller.call("POST", "/availability", asking(availabilityIds=[])) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"availabilityIds": ["x"], **interval()},
        {},
        {"localDateStart": day(7)},
        {"localDateEnd": day(7)},
        interval(8, 7),
        interval(1, 500),
        {"localDateStart": "7 May", "localDateEnd": day(7)},
        {**interval(), "currency": "USD"},
    ],
)
async def test_what_can_not_be_asked(reseller, wrong):
    told = await reseller.refused("POST", "/availability", asking(**wrong))
    assert told["error"] == "BAD_REQUEST"


@pytest.mark.parametrize("path", ["/availability", "/availability/calendar"])
async def test_unknown_ids(reseller, path):
    for changes, error in (
        ({"productId": "never"}, "INVALID_PRODUCT_ID"),
        ({"productId": ...}, "INVALID_PRODUCT_ID"),
        ({"optionId": "never"}, "INVALID_OPTION_ID"),
        ({"optionId": ...}, "INVALID_OPTION_ID"),
        ({"units": [{"id": "never", "quantity": 1}]}, "INVALID_UNIT_ID"),
    ):
        told = await reseller.refused("POST", path, asking(**(interval() | changes)))
        assert told["error"] == error
    told = await reseller.refused("POST", "/availability", asking(availabilityIds=["tomorrow"]))
    assert (told["error"], told["availabilityId"]) == ("INVALID_AVAILABILITY_ID", "tomorrow")


async def test_a_place_that_is_open_by_the_day(reseller):
    (found,) = await reseller.times("MUSEUM")
    assert (found["id"], found["allDay"], found["vacancies"]) == (day(7), True, 300)
    assert len(found["openingHours"]) == 1
    again = await reseller.call("POST", "/availability", asking("MUSEUM", availabilityIds=[day(7)]))
    assert again == [found]


async def test_what_needs_no_place_is_sold_freely(reseller):
    (found,) = await reseller.times("AUDIO")
    assert (found["status"], found["available"]) == ("FREESALE", True)
    assert (found["vacancies"], found["capacity"]) == (None, None)


async def test_the_calendar_has_every_day(reseller):
    body = asking(**interval(3, 12))
    found = await reseller.call("POST", "/availability/calendar", body)
    assert [one["localDate"] for one in found] == [day(n) for n in range(3, 13)]
    assert {(one["status"], one["available"], one["vacancies"]) for one in found} == {
        ("AVAILABLE", True, 160)
    }
    beyond = await reseller.call("POST", "/availability/calendar", asking(**interval(500, 501)))
    assert [(one["status"], one["available"]) for one in beyond] == [("CLOSED", False)] * 2


async def test_under_half_left_is_limited_and_a_closed_slot_closed(reseller, database):
    async with database.transaction() as conn:
        for start, change in (
            ("10:00", "reserved = 20"),
            ("12:00", "reserved = 21"),
            ("14:00", "reserved = 40"),
            ("16:00", "is_open = false"),
        ):
            await conn.execute(
                text(
                    f"UPDATE time_slots SET {change} WHERE admission_code = 'BOAT'"
                    " AND local_date = :day AND start_time = CAST(:start AS text)::time"
                ),
                {"day": date.fromisoformat(day(7)), "start": start},
            )
    found = await reseller.times("TOUR")
    assert [(one["status"], one["available"]) for one in found] == [
        ("AVAILABLE", True),
        ("LIMITED", True),
        ("SOLD_OUT", False),
        ("CLOSED", False),
        ("SOLD_OUT", False),
    ]
    units = [{"id": "TOUR", "quantity": 18}, {"id": "TOUR-CHILD", "quantity": 2}]
    found = await reseller.call("POST", "/availability", asking(**interval(), units=units))
    assert [one["available"] for one in found] == [True, False, False, False, False]


async def test_each_time_has_its_own_prices(reseller):
    saturday = (5 - date.today().weekday()) % 7 + 7  # noqa: DTZ011 - days ahead, any zone
    assert (date.today() + timedelta(days=saturday)).weekday() == 5  # noqa: DTZ011 - likewise
    found = {}
    for days in (saturday, saturday + 2):
        body = asking(**interval(days, days))
        times = await reseller.call("POST", "/availability", body, headers=PRICING)
        found[days] = {one["unitId"]: one["retail"] for one in times[0]["unitPricing"]}
    assert found[saturday] == {"TOUR": 2400, "TOUR-CHILD": 1000, "TOUR-SENIOR": 1600}
    assert found[saturday + 2] == {"TOUR": 2000, "TOUR-CHILD": 1000, "TOUR-SENIOR": 1600}
    body = asking(**interval(saturday, saturday + 2))
    days = await reseller.call("POST", "/availability/calendar", body, headers=PRICING)
    assert [one["unitPricingFrom"][0]["retail"] for one in days] == [2400, 2400, 2000]
