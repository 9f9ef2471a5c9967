"""Availability: what can be had, when, for how many, at what price."""

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from channel_manager.access.permissions import Permission
from support import castle
from support.castle import COMPANY_PATH, order
from support.slots import (
    DAY,
    admission,
    item,
    place,
    schedule,
    small_castle,
    venue,
    wanting,
)

SLOTS = f"{COMPANY_PATH}/ticket/timeslots/search"
CAPACITY = f"{COMPANY_PATH}/ticket/capacity/search"


async def slots(client, number: str = "31001", **changes) -> dict:
    query = {"itemNumber": number, "fromDate": DAY, "toDate": DAY} | changes
    reply = await client.get(SLOTS, params=query)
    assert reply.status_code == 200, reply.text
    return reply.json()


async def test_the_days_slots_with_room_price_and_offset(client, database):
    await castle.load_venue(database, small_castle(10))
    await place(client, wanting(3))
    found = await slots(client)
    first = found["timeSlots"][0]
    offset = first["startsAt"][-6:]
    assert offset in ("+01:00", "+02:00")
    assert found | {"timeSlots": ...} == {
        "itemNumber": "31001",
        "timeZone": "Europe/Copenhagen",
        "currencyCode": "DKK",
        "hasTimeSlots": True,
        "fromDate": DAY,
        "toDate": DAY,
        "timeSlots": ...,
    }
    assert first == {
        "visitDate": DAY,
        "visitTime": "10:00:00",
        "startsAt": f"{DAY}T10:00:00{offset}",
        "endsAt": f"{DAY}T11:00:00{offset}",
        "remainingCapacity": 7,
        "unitPriceExclVat": 80,
        "unitPriceInclVat": 100,
    }
    assert [each["remainingCapacity"] for each in found["timeSlots"]] == [7, 10, 10, 10, 10, 10]


async def test_what_is_found_can_be_ordered(client, database):
    await castle.load_venue(database, small_castle(2))
    (*_, last) = (await slots(client))["timeSlots"]
    line = {
        "itemNumber": "31001",
        "visitDate": last["visitDate"],
        "visitTime": last["visitTime"],
        "quantity": last["remainingCapacity"],
    }
    assert (await place(client, order(items=[line])))["status"] == "Issued"
    assert (await slots(client))["timeSlots"][-1]["remainingCapacity"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"closures": [{"dateFrom": DAY, "dateTo": DAY}]},
        {"schedules": [schedule(salesOpenDaysBefore=3)]},
        {"schedules": [schedule(salesCloseMinutesBefore=60 * 24 * 14)]},
    ],
)
async def test_what_is_not_for_sale_is_not_found(client, database, changes):
    await castle.load_venue(
        database, venue([admission(**changes)], [item("31001", ("CASTLE", "scheduled"))])
    )
    assert (await slots(client))["timeSlots"] == []


async def test_capacity_for_a_quantity(client, database):
    await castle.load_venue(database, small_castle(4))
    await place(client, wanting(3))
    query = {"itemNumber": "31001", "referenceDate": DAY, "quantity": 2}
    found = (await client.get(CAPACITY, params=query)).json()
    assert (found["isAvailable"], found["quantity"], found["referenceDate"]) == (True, 2, DAY)
    assert [each["visitTime"] for each in found["timeSlots"]] == [
        f"{hour}:00:00" for hour in range(11, 16)
    ]
    found = (await client.get(CAPACITY, params=query | {"quantity": 5})).json()
    assert (found["isAvailable"], found["timeSlots"]) == (False, [])


async def test_of_several_admissions_the_scarcest_counts(client, database):
    late = admission(
        "BOAT",
        5,
        schedules=[schedule(5, opening={"opens": "12:30", "closes": "14:30", "slotMinutes": 60})],
    )
    await castle.load_venue(
        database,
        venue(
            [admission("MUSEUM", 10), late],
            [item("BOTH", ("MUSEUM", "scheduled"), ("BOAT", "scheduled"))],
        ),
    )
    found = (await slots(client, "BOTH"))["timeSlots"]
    assert [(each["visitTime"], each["remainingCapacity"]) for each in found] == [
        ("12:30:00", 5),
        ("13:00:00", 5),
        ("13:30:00", 5),
        ("14:00:00", 5),
    ]
    # Each of them can be ordered.
    for each in found:
        line = {"itemNumber": "BOTH", "visitDate": DAY, "visitTime": each["visitTime"]}
        assert (await place(client, order(items=[line])))["status"] == "Issued"


async def test_any_time_is_one_entry_a_day(client, database):
    await castle.load_venue(
        database,
        venue([admission(dayCapacity=50)], [item("D", ("CASTLE", "any_time"))]),
    )
    (found,) = (await slots(client, "D"))["timeSlots"]
    assert (found["visitTime"], found["remainingCapacity"]) == ("10:00:00", 50)
    assert found["endsAt"].startswith(f"{DAY}T16:00:00")


async def test_an_open_ticket_has_no_slots_and_is_available(client, database):
    await castle.load_venue(database, venue([admission()], [item("O", ("CASTLE", "none"))]))
    found = (await client.get(CAPACITY, params={"itemNumber": "O", "referenceDate": DAY})).json()
    assert (found["hasTimeSlots"], found["isAvailable"], found["timeSlots"]) == (False, True, [])


async def test_a_price_rule_shows_in_the_slots_that_it_is_for(client, database):
    await castle.load_venue(database, small_castle(10))
    async with database.transaction() as conn:
        await conn.execute(
            text("""INSERT INTO price_rules (company_id, code, item_number, rule)
                SELECT company_id, 'LATE', '31001',
                    jsonb_build_object('timeFrom', '15:00:00',
                        'change', jsonb_build_object('percent', '-20'))
                FROM companies""")
        )
        await conn.execute(text("UPDATE companies SET catalog_version = catalog_version + 1"))
    found = (await slots(client))["timeSlots"]
    assert [each["unitPriceInclVat"] for each in found] == [100, 100, 100, 100, 100, 80]


async def test_an_unchanged_answer_is_a_304_until_someone_orders(client, database):
    await castle.load_venue(database, small_castle(10))
    query = {"itemNumber": "31001", "fromDate": DAY, "toDate": DAY}
    first = await client.get(SLOTS, params=query)
    known = {"If-None-Match": f'"other", W/{first.headers["etag"]}'}
    again = await client.get(SLOTS, params=query, headers=known)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    await place(client, wanting(1))
    changed = await client.get(SLOTS, params=query, headers=known)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    ("path", "query", "where", "code"),
    [
        (SLOTS, {}, "itemNumber", "invalid_input"),
        (SLOTS, {"itemNumber": "99999"}, "itemNumber", "unknown_item"),
        (SLOTS, {"itemNumber": "31001", "fromDate": "1 June"}, "fromDate", "invalid_input"),
        (SLOTS, {"itemNumber": "31001", "toDate": "2027-02-29"}, "toDate", "invalid_input"),
        (SLOTS, {"itemNumber": "31001", "toDate": "2000-01-01"}, "toDate", "invalid_input"),
        (SLOTS, {"itemNumber": "31001", "toDate": "9999-12-31"}, "toDate", "invalid_input"),
        (CAPACITY, {"itemNumber": "31001", "referenceDate": "0"}, "referenceDate", "invalid_input"),
        (CAPACITY, {"itemNumber": "31001", "quantity": "0"}, "quantity", "invalid_input"),
        (CAPACITY, {"itemNumber": "31001", "quantity": "1e3"}, "quantity", "invalid_input"),
        (CAPACITY, {"itemNumber": "31001", "quantity": "9" * 5000}, "quantity", "invalid_input"),
        (CAPACITY, {"itemNumber": "\x00"}, "itemNumber", "invalid_input"),
    ],
)
async def test_a_wrong_query_names_the_parameter(client, path, query, where, code):
    reply = await client.get(path, params=query)
    assert (reply.status_code, reply.json()["code"]) == (400, code)
    assert reply.json()["errors"][0]["path"] == where


async def test_it_needs_the_permission_to_read_the_catalogue(client, database, company_id):
    key = await castle.make_key(database, company_id, permissions=(Permission.ORDERS_READ,))
    reply = await client.get(SLOTS, params={"itemNumber": "31001"}, headers={"x-np-api-key": key})
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")


async def test_the_longest_period(client, database):
    await castle.load_venue(database, small_castle(10))
    last = (date.fromisoformat(DAY) + timedelta(days=365)).isoformat()
    assert len((await slots(client, toDate=last))["timeSlots"]) == 24 * 6
