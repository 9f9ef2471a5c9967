"""The calendar of time slots, and what is changed in it by hand."""

import re

import pytest
from sqlalchemy import text

from channel_manager.console.roles import Role
from support import castle
from support.castle import ORDERS_PATH, order
from support.console import add_person, signed_in
from support.slots import DAY, small_castle, wanting

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture
async def company_id(database):
    return await castle.load_venue(database, small_castle(4))


@pytest.fixture
async def otto(client, database, company_id):
    await add_person(database, company_id, "otto", Role.OPERATOR)
    async with signed_in(client.app, "otto") as visitor:
        yield visitor


async def slot_ids(database, day: str = DAY) -> list[str]:
    async with database.read() as conn:
        rows = await conn.execute(
            text(
                "SELECT slot_id FROM time_slots WHERE CAST(local_date AS text) = :day"
                " AND NOT whole_day ORDER BY starts_at"
            ),
            {"day": day},
        )
        return [str(row.slot_id) for row in rows]


async def slot(database, slot_id: str):
    async with database.read() as conn:
        rows = await conn.execute(
            text("SELECT * FROM time_slots WHERE slot_id = CAST(:id AS uuid)"), {"id": slot_id}
        )
        return rows.one()


async def test_a_week_with_what_is_taken_and_who_has_booked(client, database, otto):
    await client.post(f"{ORDERS_PATH}?sync=1", json=wanting(3) | {"sellToName": EVIL})
    [first, *_] = await slot_ids(database)
    page = await otto.page(f"/slots?day={DAY}")
    assert "75%" in page
    assert "3/4" in page
    page = await otto.page(f"/slots/{first}")
    assert "&lt;img src=x onerror=alert(1)&gt;" in page
    assert EVIL not in page
    assert "issued" in page


async def test_what_closing_does_is_shown_before_it_is_done(client, database, otto):
    await client.post(f"{ORDERS_PATH}?sync=1", json=wanting(3))
    await client.post(f"{ORDERS_PATH}?sync=1", json=wanting(1) | {"paymentReference": ""})
    [first, second, *_] = await slot_ids(database)
    shown = await otto.do("/slots/check", action="close", slot=[first, second])
    assert "Orders booked in them: 2. Guests who have paid: 3; who have not yet: 1." in shown
    assert re.findall(r'name="slot" value="([^"]+)"', shown) == [first, second]
    assert (await slot(database, first)).is_open
    done = await otto.do("/slots/change", action="close", slot=[first, second])
    assert "The time slots are changed." in done
    now = await slot(database, first)
    assert (now.is_open, now.adjusted, now.reserved) == (False, True, 4)
    refused = await client.post(f"{ORDERS_PATH}?sync=1", json=wanting(1))
    assert (refused.status_code, refused.json()["code"]) == (400, "time_slot_not_found")
    await otto.do("/slots/change", action="reopen", slot=[first])
    assert (await slot(database, first)).is_open
    assert not (await slot(database, second)).is_open
    async with database.read() as conn:
        told = (
            await conn.execute(
                text("SELECT actor, action FROM audit_events WHERE subject = :subject"),
                {"subject": f"slot {first}"},
            )
        ).all()
    assert told == [("user otto", "slot.set"), ("user otto", "slot.set")]


async def test_never_fewer_places_than_are_reserved_and_all_or_nothing(client, database, otto):
    await client.post(f"{ORDERS_PATH}?sync=1", json=wanting(3))
    [first, second, *_] = await slot_ids(database)
    form = {"action": "capacity", "capacity": "2", "slot": [first, second]}
    checked = await otto.send("/slots/check", **form)
    assert checked.status_code == 400
    assert "3 places of it are reserved" in checked.text
    assert "Change them" not in checked.text
    assert (await otto.send("/slots/change", **form)).status_code == 400
    assert (await slot(database, second)).capacity == 4
    await otto.do("/slots/change", **form | {"capacity": "30"})
    assert [(await slot(database, one)).capacity for one in (first, second)] == [30, 30]
    # The schedule leaves them alone, until they shall follow it again.
    await otto.do("/slots/change", action="reset", slot=[first])
    assert [(await slot(database, one)).capacity for one in (first, second)] == [4, 30]


@pytest.mark.parametrize("capacity", ["", "-1", "1.5", "many", "99999999", "٣"])
async def test_a_capacity_that_is_none_is_refused(database, otto, capacity):
    [first, *_] = await slot_ids(database)
    reply = await otto.send("/slots/check", action="capacity", capacity=capacity, slot=[first])
    assert reply.status_code == 400
    assert "must be a whole number from 0 to 1,000,000 guests" in reply.text


async def test_slots_that_are_not_chosen_not_there_or_over(client, database, otto):
    assert "choose at least one" in (await otto.send("/slots/check", action="close")).text
    other = "01a214f2-3d7d-7463-a2f1-aaee175d44da"
    assert (await otto.send("/slots/change", action="close", slot=[other])).status_code == 404
    assert (await otto.http.get(f"/console/slots/{other}")).status_code == 404
    assert (await otto.http.get("/console/slots?day=tomorrow")).status_code == 400
    [first, *_] = await slot_ids(database)
    async with database.transaction() as conn:
        await conn.execute(
            text(
                "UPDATE time_slots SET starts_at = now() - interval '2 hours',"
                " ends_at = now() - interval '1 hour' WHERE slot_id = CAST(:id AS uuid)"
            ),
            {"id": first},
        )
    reply = await otto.send("/slots/change", action="close", slot=[first])
    assert reply.status_code == 400
    assert "is over; leave it out" in reply.text


async def test_a_viewer_looks_and_changes_nothing(client, database, company_id):
    await add_person(database, company_id, "vera", Role.VIEWER)
    [first, *_] = await slot_ids(database)
    async with signed_in(client.app, "vera") as vera:
        page = await vera.page(f"/slots?day={DAY}")
        assert 'type="checkbox"' not in page
        for path in ("/slots/check", "/slots/change"):
            assert (await vera.send(path, action="close", slot=[first])).status_code == 403
    assert (await slot(database, first)).is_open


async def test_a_venue_without_time_slots_says_so(client, database, company_id, otto):
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE admissions SET schedule = '{}'"))
    assert "There are no time slots in these days." in await otto.page("/slots")
    assert (await client.post(ORDERS_PATH, json=order())).status_code in (201, 400)
