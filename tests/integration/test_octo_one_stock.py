"""OCTO and the channel manager's own API are two ways to the same orders and the same stock."""

import asyncio
from datetime import date

from sqlalchemy import text

from channel_manager.cli.companies import operator_access, pick_company
from channel_manager.orders.guests import erase_guest
from support.castle import order
from support.octo import ORDERS, RESELLER, day
from support.slots import assert_audit_clean

PARTIES = 50


def own(**changes):
    """An order of the channel manager's own API for one boat."""
    line = {"itemNumber": "TOUR", "visitDate": day(7), "visitTime": "10:00:00", "quantity": 1}
    body = order(partnerId=RESELLER, items=[line | changes.pop("line", {})])
    return {name: value for name, value in (body | changes).items() if value is not ...}


async def place(venue, **changes):
    reply = await venue.post(f"{ORDERS}?sync=1", json=own(**changes))
    assert reply.status_code == 201, reply.text
    return reply.json()


async def test_fifty_want_the_last_place_by_both_ways_and_one_gets_it(reseller, venue, database):
    async with database.transaction() as conn:
        company_id = await conn.scalar(text("SELECT company_id FROM companies"))
        await conn.execute(
            text(
                "UPDATE time_slots SET capacity = 1 WHERE admission_code = 'BOAT'"
                " AND local_date = :day AND start_time = '10:00'"
            ),
            {"day": date.fromisoformat(day(7))},
        )
    bodies = [await reseller.reserving(unitItems=[{"unitId": "TOUR"}]) for _ in range(PARTIES // 2)]
    replies = await asyncio.gather(
        *(
            call
            for body in bodies
            for call in (
                reseller.ask("POST", "/bookings", body),
                venue.post(f"{ORDERS}?sync=1", json=own()),
            )
        )
    )
    assert len(replies) == PARTIES
    by_octo, by_own = replies[::2], replies[1::2]
    won = [reply for reply in by_octo if reply.status_code == 200]
    won += [reply for reply in by_own if reply.json()["status"] == "Issued"]
    assert len(won) == 1
    lost = {reply.json()["error"] for reply in by_octo if reply.status_code != 200}
    assert lost <= {"UNPROCESSABLE_ENTITY"}
    assert {reply.json()["status"] for reply in by_own} <= {"Issued", "Error"}
    async with database.transaction() as conn:
        reserved = await conn.scalar(text("SELECT sum(reserved) FROM time_slots"))
    assert reserved == 1
    await assert_audit_clean(database, company_id)


async def test_a_hold_by_octo_is_a_draft_of_the_same_row(reseller, venue, database):
    held = await reseller.reserve(contact={"fullName": "Jane Doe"})
    draft = (await venue.get(f"{ORDERS}/{held['id']}")).json()
    assert (draft["status"], draft["orderId"]) == ("Draft", held["id"])
    assert draft["buyFromOrderReference"] == held["supplierReference"]
    assert draft["sellToOrderReference"] == held["uuid"]
    assert (draft["sellToName"], draft["items"][0]["quantity"]) == ("Jane Doe", 2)
    references = [wallet["externalReferenceNumber"] for wallet in draft["items"][0]["wallets"]]
    assert references == [unit["uuid"] for unit in held["unitItems"]]
    listed = (await venue.get(f"{ORDERS}/orders/{RESELLER}?status=Draft")).json()
    assert [one["orderId"] for one in listed] == [held["id"]]
    await venue.post(f"{ORDERS}/{held['id']}/confirm", json={"paymentReference": "P-1"})
    booked = await reseller.get(held)
    assert booked["status"] == "CONFIRMED"
    issued = (await venue.get(f"{ORDERS}/{held['id']}")).json()
    numbers = [wallet["assets"][0]["referenceNumber"] for wallet in issued["items"][0]["wallets"]]
    assert numbers == [
        unit["ticket"]["deliveryOptions"][0]["deliveryValue"] for unit in booked["unitItems"]
    ]
    await venue.delete(f"{ORDERS}/{held['id']}")
    cancelled = await reseller.get(held)
    assert (cancelled["status"], cancelled["cancellation"]["refund"]) == ("CANCELLED", "FULL")


async def test_a_draft_of_the_own_api_is_a_hold_by_octo(reseller, venue):
    draft = await place(venue, paymentReference=..., line={"quantity": 2, "visitTime": "10:30:00"})
    held = await reseller.call("GET", f"/bookings/{draft['orderId']}")
    assert (held["status"], held["uuid"]) == ("ON_HOLD", draft["orderId"])
    assert held["resellerReference"] == draft["sellToOrderReference"]
    assert held["availability"]["localDateTimeStart"][11:16] == "10:00"
    found = await reseller.call(
        "GET", f"/bookings?resellerReference={draft['sellToOrderReference']}"
    )
    assert [one["id"] for one in found] == [draft["orderId"]]
    longer = await reseller.call("POST", f"/bookings/{held['uuid']}/extend", {})
    assert longer["utcExpiresAt"] > held["utcExpiresAt"]
    more = await reseller.call(
        "PATCH", f"/bookings/{held['uuid']}", {"unitItems": [{"unitId": "TOUR"}] * 3}
    )
    assert len(more["unitItems"]) == 3
    booked = await reseller.confirm(held)
    assert booked["status"] == "CONFIRMED"
    issued = (await venue.get(f"{ORDERS}/{draft['orderId']}")).json()
    assert (issued["status"], issued["items"][0]["quantity"]) == ("Issued", 3)
    assert issued["sellToOrderReference"] == draft["sellToOrderReference"]
    await reseller.call("POST", f"/bookings/{held['uuid']}/cancel", {})
    assert (await venue.get(f"{ORDERS}/{draft['orderId']}")).json()["status"] == "Cancelled"


async def test_a_held_order_that_the_own_api_replaces_shows_its_new_units(reseller, venue):
    held = await reseller.reserve()
    body = own(sellToOrderReference=held["uuid"], paymentReference=..., line={"quantity": 3})
    reply = await venue.put(f"{ORDERS}/{held['id']}?sync=1", json=body)
    assert reply.json()["status"] == "Draft"
    replaced = await reseller.get(held)
    assert (replaced["status"], len(replaced["unitItems"])) == ("ON_HOLD", 3)


async def test_an_order_of_several_products_is_no_booking(reseller, venue):
    body = own()
    tower = body["items"][0] | {"itemNumber": "TOWER"}
    reply = await venue.post(f"{ORDERS}?sync=1", json=body | {"items": [*body["items"], tower]})
    assert reply.json()["status"] == "Issued"
    told = await reseller.refused("GET", f"/bookings/{reply.json()['orderId']}")
    assert told["error"] == "INVALID_BOOKING_UUID"
    assert await reseller.call("GET", f"/bookings?localDate={day(7)}") == []


async def test_an_order_that_failed_is_no_booking(reseller, venue):
    reply = await venue.post(f"{ORDERS}?sync=1", json=own(line={"quantity": 41}))
    assert reply.json()["status"] == "Error"
    told = await reseller.refused("GET", f"/bookings/{reply.json()['orderId']}")
    assert told["error"] == "INVALID_BOOKING_UUID"


async def test_events_tell_of_bookings_as_of_any_order(reseller, database):
    booked = await reseller.booked()
    await reseller.call("POST", f"/bookings/{booked['uuid']}/cancel", {})
    async with database.transaction() as conn:
        rows = await conn.execute(
            text(
                "SELECT event_name, payload->>'status' AS status FROM webhook_events"
                " WHERE order_id = :id ORDER BY sequence"
            ),
            {"id": booked["id"]},
        )
        assert [tuple(row) for row in rows] == [
            ("ota_cm_order_processed", "Draft"),
            ("ota_cm_order_confirmed", "Issued"),
            ("ota_cm_order_cancelled", "Cancelled"),
        ]
        assert await conn.scalar(text("SELECT count(*) FROM pgqueuer")) == 0


async def test_a_forgotten_guest_is_forgotten_in_what_octo_keeps(reseller, venue, database):
    unit = {"unitId": "TOUR", "contact": {"fullName": "Jane Doe"}}
    held = await reseller.reserve(unitItems=[unit, {"unitId": "TOUR"}], notes="Jane's birthday")
    booked = await reseller.confirm(held)
    async with database.transaction() as conn:
        access = operator_access(await pick_company(conn, None))
        assert (await erase_guest(conn, access, "guest@example.com")).orders == 1
    forgotten = await reseller.get(booked)
    assert "Jane" not in str(forgotten)
    assert "guest@example.com" not in str(forgotten)
    assert [unit["uuid"] for unit in forgotten["unitItems"]] == [
        unit["uuid"] for unit in booked["unitItems"]
    ]
    assert forgotten["unitItems"][0]["ticket"] == booked["unitItems"][0]["ticket"]
