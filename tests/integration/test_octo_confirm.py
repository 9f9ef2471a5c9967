"""OCTO: confirmations, which answer with the tickets."""

import asyncio
from uuid import uuid4

import pytest
from sqlalchemy import text

from support import castle
from support.octo import GATE, NEVER, harbour, selling
from support.slots import end_holds


def numbers(booking, kind: str = "QRCODE") -> list[str]:
    return [
        each["deliveryValue"]
        for unit in booking["unitItems"]
        for each in unit["ticket"]["deliveryOptions"]
        if each["deliveryFormat"] == kind
    ]


async def test_a_confirmation_answers_with_the_tickets(reseller):
    held = await reseller.reserve(resellerReference="R-1")
    booked = await reseller.confirm(held, resellerReference="R-2", emailReceipt=False)
    assert (booked["status"], booked["resellerReference"]) == ("CONFIRMED", "R-2")
    assert booked["contact"]["fullName"] == "Jane Doe"
    assert len(set(numbers(booked))) == 2
    assert all(number.startswith("CH-") for number in numbers(booked))
    assert await reseller.get(booked) == booked
    same = {name: booked[name] for name in ("id", "uuid", "utcCreatedAt", "supplierReference")}
    assert same == {name: held[name] for name in same}


async def test_the_tickets_documents_are_there(reseller):
    booked = await reseller.booked()
    (voucher,) = booked["voucher"]["deliveryOptions"]
    for address in [voucher["deliveryValue"], *numbers(booked, "PDF_URL")]:
        reply = await reseller.client.get(address)
        assert (reply.status_code, reply.headers["content-type"]) == (200, "application/pdf")
        assert reply.content.startswith(b"%PDF")


@pytest.mark.parametrize("most", [3, 1])
async def test_a_confirmation_may_change_the_units(reseller, most):
    held = await reseller.reserve()
    kept = held["unitItems"][0]["uuid"]
    units = [{"unitId": "TOUR", "uuid": kept}, *([{"unitId": "TOUR-CHILD"}] * (most - 1))]
    booked = await reseller.confirm(held, unitItems=units)
    assert booked["status"] == "CONFIRMED"
    assert [unit["unitId"] for unit in booked["unitItems"]] == [unit["unitId"] for unit in units]
    assert booked["unitItems"][0]["uuid"] == kept
    assert len(numbers(booked)) == most
    found = await reseller.times("TOUR")
    assert found[0]["vacancies"] == 40 - most


async def test_more_units_than_there_are_places_change_nothing(reseller, database):
    held = await reseller.reserve()
    async with database.transaction() as conn:
        await conn.execute(
            text(
                "UPDATE time_slots SET capacity = 2 WHERE slot_id IN"
                " (SELECT slot_id FROM reservations)"
            )
        )
    path = f"/bookings/{held['uuid']}/confirm"
    told = await reseller.refused("POST", path, {"unitItems": [{"unitId": "TOUR"}] * 3})
    assert told["error"] == "UNPROCESSABLE_ENTITY"
    again = await reseller.get(held)
    assert [unit["uuid"] for unit in again["unitItems"]] == [
        unit["uuid"] for unit in held["unitItems"]
    ]
    assert (await reseller.confirm(held))["status"] == "CONFIRMED"


async def test_a_second_confirmation_changes_nothing(reseller):
    booked = await reseller.booked()
    assert await reseller.confirm(booked, resellerReference="other") == booked


async def test_twenty_at_once_confirm_once(reseller, database):
    held = await reseller.reserve()
    replies = await asyncio.gather(*(reseller.confirm(held) for _ in range(20)))
    assert replies == [replies[0]] * 20
    async with database.transaction() as conn:
        confirmed = "SELECT count(*) FROM webhook_events WHERE event_name = :name"
        name = {"name": "ota_cm_order_confirmed"}
        assert await conn.scalar(text(confirmed), name) == 1


async def test_what_the_option_requires_of_the_contact(database, database_url, settings):
    venue = harbour(TOWER={"octo": {"requiredContactFields": ["emailAddress", "phoneNumber"]}})
    company_id = await castle.load_venue(database, venue)
    async with selling(database, database_url, settings, company_id) as (reseller, _, _):
        held = await reseller.reserve("TOWER", contact={"phoneNumber": "+45 33 12 34 56"})
        path = f"/bookings/{held['uuid']}/confirm"
        told = await reseller.refused("POST", path, {"contact": {"fullName": "Jane Doe"}})
        assert told["error"] == "BAD_REQUEST"
        assert "emailAddress" in told["errorMessage"]
        booked = await reseller.confirm(held)
        assert booked["contact"]["phoneNumber"] == "+45 33 12 34 56"


async def test_an_unknown_booking(reseller):
    for uuid in (NEVER, str(uuid4()), "not-a-uuid"):
        told = await reseller.refused("POST", f"/bookings/{uuid}/confirm", {})
        assert (told["error"], told["uuid"]) == ("INVALID_BOOKING_UUID", uuid)


async def test_a_lapsed_hold_is_expired_and_confirmed_only_where_there_is_room(reseller, database):
    held, other = await reseller.reserve(), await reseller.reserve()
    await end_holds(database)
    assert (await reseller.get(held))["status"] == "EXPIRED"
    assert not (await reseller.get(held))["cancellable"]
    assert (await reseller.confirm(held))["status"] == "CONFIRMED"
    async with database.transaction() as conn:
        await conn.execute(
            text(
                "UPDATE orders SET hold_ended_at = now() WHERE status = 'Draft' AND order_id = :id"
            ),
            {"id": other["id"]},
        )
        await conn.execute(
            text("UPDATE reservations SET released_at = now() WHERE order_id = :id"),
            {"id": other["id"]},
        )
        await conn.execute(
            text(
                "UPDATE time_slots SET reserved = capacity WHERE slot_id IN"
                " (SELECT slot_id FROM reservations)"
            )
        )
    told = await reseller.refused("POST", f"/bookings/{other['uuid']}/confirm", {})
    assert told["error"] == "UNPROCESSABLE_ENTITY"
    assert (await reseller.get(other))["status"] == "EXPIRED"


async def test_what_the_gate_lets_in_is_redeemed(reseller, venue):
    booked = await reseller.booked()
    scan = {"admissionCode": "BOAT", "scannerId": "S1"}
    first, second = numbers(booked)

    async def admit(number):
        return await venue.post(
            f"{GATE}/tryAndAttemptAdmit", json={"referenceNumber": number, **scan}
        )

    # Days before its time the gate lets nobody in; only what it has recorded counts.
    refused = await admit(first)
    assert refused.json()["code"] != "ok"
    assert (await reseller.get(booked))["status"] == "CONFIRMED"
    await let_in(venue, first)
    half = await reseller.get(booked)
    assert (half["status"], half["cancellable"]) == ("CONFIRMED", False)
    assert [unit["status"] for unit in half["unitItems"]] == ["REDEEMED", "CONFIRMED"]
    assert half["unitItems"][0]["ticket"]["utcRedeemedAt"]
    await let_in(venue, second)
    redeemed = await reseller.get(booked)
    assert redeemed["status"] == "REDEEMED"
    assert [unit["status"] for unit in redeemed["unitItems"]] == ["REDEEMED"] * 2
    for path, body in (("cancel", {"force": True}), ("extend", {})):
        told = await reseller.refused("POST", f"/bookings/{booked['uuid']}/{path}", body)
        assert told["error"] == "UNPROCESSABLE_ENTITY"
    told = await reseller.refused("PATCH", f"/bookings/{booked['uuid']}", {"notes": "x"})
    assert told["error"] == "UNPROCESSABLE_ENTITY"


async def let_in(venue, number: str) -> None:
    """A scan that was taken while the line was down, which records what has happened."""
    scan = {
        "scanId": str(uuid4()),
        "referenceNumber": number,
        "admissionCode": "BOAT",
        "scannerId": "S1",
        "scannedAt": "2026-01-02T03:04:05Z",
        "quantity": 1,
    }
    reply = await venue.post(f"{GATE}/scans", json={"scans": [scan]})
    assert reply.status_code == 200, reply.text
