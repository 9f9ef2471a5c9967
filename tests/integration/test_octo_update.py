"""OCTO: changes before and after confirmation."""

import asyncio
from datetime import date

import pytest
from sqlalchemy import text

from support.octo import GROUP, NEVER, day


async def made(reseller, when: str, **changes):
    """A booking on hold or confirmed."""
    return await (reseller.booked if when == "after" else reseller.reserve)(**changes)


def status(when: str) -> str:
    return "CONFIRMED" if when == "after" else "ON_HOLD"


async def vacancies(reseller, product: str, days: int, start: str | None = None) -> int:
    found = await reseller.times(product, days=days)
    return next(one["vacancies"] for one in found if start in (None, one["id"]))


async def valid_numbers(database) -> list[str]:
    async with database.transaction() as conn:
        rows = await conn.execute(
            text(
                "SELECT reference_number FROM assets"
                " WHERE voided_at IS NULL AND valid_at IS NOT NULL"
            )
        )
        return sorted(rows.scalars())


WHEN = pytest.mark.parametrize("when", ["before", "after"])


@WHEN
async def test_other_units(reseller, database, when):
    booking = await made(reseller, when)
    first = booking["availabilityId"]
    units = [{"unitId": "TOUR", "uuid": booking["unitItems"][1]["uuid"]}, {"unitId": "TOUR-SENIOR"}]
    units.append({"unitId": "TOUR-SENIOR"})
    changed = await reseller.call("PATCH", f"/bookings/{booking['uuid']}", {"unitItems": units})
    assert (changed["status"], changed["id"]) == (status(when), booking["id"])
    assert changed["utcConfirmedAt"] == booking["utcConfirmedAt"]
    assert changed["utcExpiresAt"] == booking["utcExpiresAt"]
    assert changed["supplierReference"] == booking["supplierReference"]
    assert [unit["unitId"] for unit in changed["unitItems"]] == [
        "TOUR",
        "TOUR-SENIOR",
        "TOUR-SENIOR",
    ]
    assert changed["unitItems"][0]["uuid"] == units[0]["uuid"]
    assert await vacancies(reseller, "TOUR", 7, first) == 37
    shown = [
        unit["ticket"]["deliveryOptions"][0]["deliveryValue"]
        for unit in changed["unitItems"]
        if unit["ticket"]
    ]
    assert sorted(shown) == await valid_numbers(database)
    assert len(shown) == (3 if when == "after" else 0)


@WHEN
async def test_another_date(reseller, when):
    booking = await made(reseller, when)
    (other, *_) = await reseller.times("TOUR", days=8)
    body = {"availabilityId": other["id"]}
    changed = await reseller.call("PATCH", f"/bookings/{booking['uuid']}", body)
    assert (changed["availabilityId"], changed["status"]) == (other["id"], status(when))
    assert [unit["uuid"] for unit in changed["unitItems"]] == [
        unit["uuid"] for unit in booking["unitItems"]
    ]
    assert await vacancies(reseller, "TOUR", 7, booking["availabilityId"]) == 40
    assert await vacancies(reseller, "TOUR", 8, other["id"]) == 38


@WHEN
async def test_another_product(reseller, when):
    booking = await made(reseller, when)
    (other, *_) = await reseller.times("TOWER", days=9)
    body = {
        "productId": "TOWER",
        "optionId": "DEFAULT",
        "availabilityId": other["id"],
        "unitItems": [{"unitId": "TOWER"}],
    }
    changed = await reseller.call("PATCH", f"/bookings/{booking['uuid']}", body)
    assert (changed["productId"], changed["status"]) == ("TOWER", status(when))
    assert await vacancies(reseller, "TOUR", 7, booking["availabilityId"]) == 40
    assert await vacancies(reseller, "TOWER", 9, other["id"]) == 11
    # What is not said stays, and the boat's units are none of the tower's.
    told = await reseller.refused(
        "PATCH", f"/bookings/{booking['uuid']}", {"productId": "MUSEUM", "availabilityId": day(9)}
    )
    assert told["error"] == "INVALID_UNIT_ID"


@WHEN
async def test_another_contact_keeps_the_tickets(reseller, database, when):
    booking = await made(reseller, when)
    before = await valid_numbers(database)
    body = {
        "contact": {"firstName": "John", "lastName": "Roe", "locales": ["da-DK"]},
        "notes": "A wheelchair",
        "resellerReference": "R-9",
    }
    changed = await reseller.call("PATCH", f"/bookings/{booking['uuid']}", body)
    assert changed["contact"]["firstName"] == "John"
    assert (changed["notes"], changed["resellerReference"]) == ("A wheelchair", "R-9")
    assert await valid_numbers(database) == before
    async with database.transaction() as conn:
        row = (await conn.execute(text("SELECT * FROM orders"))).one()
    assert row.sell_to_language == "DA-DK"
    assert row.sell_to_email == ("guest@example.com" if when == "after" else "")
    assert row.submission == 1


@WHEN
async def test_the_same_again_changes_nothing(reseller, database, when):
    booking = await made(reseller, when)
    body = {
        "availabilityId": booking["availabilityId"],
        "unitItems": [
            {"unitId": unit["unitId"], "uuid": unit["uuid"]} for unit in booking["unitItems"]
        ],
    }
    before = await valid_numbers(database)
    changed = await reseller.call("PATCH", f"/bookings/{booking['uuid']}", body)
    assert changed["unitItems"] == booking["unitItems"]
    assert await valid_numbers(database) == before


async def test_a_refused_change_changes_nothing(reseller, database):
    booking = await reseller.booked()
    chartered = (await reseller.times("TOUR"))[-1]["id"]
    for wrong, error in (
        ({"availabilityId": chartered}, "UNPROCESSABLE_ENTITY"),
        ({"availabilityId": "never"}, "INVALID_AVAILABILITY_ID"),
        ({"productId": "never"}, "INVALID_PRODUCT_ID"),
        ({"optionId": "never"}, "INVALID_OPTION_ID"),
        ({"unitItems": [{"unitId": "never"}]}, "INVALID_UNIT_ID"),
        ({"unitItems": []}, "UNPROCESSABLE_ENTITY"),
    ):
        told = await reseller.refused("PATCH", f"/bookings/{booking['uuid']}", wrong)
        assert told["error"] == error
    assert await reseller.get(booking) == booking
    told = await reseller.refused("PATCH", f"/bookings/{NEVER}", {"notes": "x"})
    assert told["error"] == "INVALID_BOOKING_UUID"


async def test_what_is_cancelled_or_past_its_cutoff_stays_as_it_is(reseller, database):
    cancelled, late = await reseller.reserve(), await reseller.booked(**GROUP)
    await reseller.call("POST", f"/bookings/{cancelled['uuid']}/cancel", {})
    async with database.transaction() as conn:
        await conn.execute(
            text(
                "UPDATE time_slots SET starts_at = now() + interval '23 hours',"
                " ends_at = now() + interval '24 hours' WHERE local_date = :day"
                " AND admission_code = 'BOAT' AND start_time = '10:00'"
            ),
            {"day": date.fromisoformat(day(7))},
        )
    for booking in (cancelled, late):
        told = await reseller.refused("PATCH", f"/bookings/{booking['uuid']}", {"notes": "x"})
        assert told["error"] == "UNPROCESSABLE_ENTITY"


async def test_two_changes_at_once_come_one_after_the_other(reseller, database):
    booking = await reseller.booked()
    path = f"/bookings/{booking['uuid']}"
    await asyncio.gather(
        *(
            reseller.call("PATCH", path, {"unitItems": [{"unitId": "TOUR"}] * count})
            for count in (1, 2, 3, 4, 5)
        )
    )
    now = await reseller.get(booking)
    assert len(await valid_numbers(database)) == len(now["unitItems"])
    assert await vacancies(reseller, "TOUR", 7, booking["availabilityId"]) == 40 - len(
        now["unitItems"]
    )
