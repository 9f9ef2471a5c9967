"""OCTO: reservations, their idempotency and their limits; extensions."""

import asyncio
from datetime import datetime
from uuid import uuid4

import pytest
from sqlalchemy import text

from support import castle
from support.octo import HARBOUR, NEVER, day, selling


async def orders(database) -> int:
    async with database.transaction() as conn:
        return await conn.scalar(text("SELECT count(*) FROM orders"))


def seconds(booking) -> float:
    """How long a booking is held from its making."""
    made = datetime.fromisoformat(booking["utcCreatedAt"])
    return (datetime.fromisoformat(booking["utcExpiresAt"]) - made).total_seconds()


async def test_a_reservation_is_on_hold(reseller):
    body = await reseller.reserving(resellerReference="R-1", notes="By the window")
    held = await reseller.call("POST", "/bookings", body)
    assert (held["status"], held["uuid"], held["cancellable"]) == ("ON_HOLD", body["uuid"], True)
    assert (held["productId"], held["optionId"]) == ("TOUR", "DEFAULT")
    assert held["availabilityId"] == held["availability"]["id"] == body["availabilityId"]
    assert held["availability"]["vacancies"] == 38
    assert (held["resellerReference"], held["notes"]) == ("R-1", "By the window")
    assert [unit["status"] for unit in held["unitItems"]] == ["ON_HOLD"] * 2
    assert [unit["ticket"] for unit in held["unitItems"]] == [None, None]
    assert seconds(held) == 30 * 60


@pytest.mark.parametrize("product", ["MUSEUM", "AUDIO", "TOWER"])
async def test_products_of_each_kind(reseller, product):
    held = await reseller.reserve(product)
    assert (held["status"], held["productId"]) == ("ON_HOLD", product)
    assert (held["availabilityId"] == day(7)) is (product != "TOWER")


async def test_units_of_several_kinds_come_in_their_own_order(reseller):
    units = [
        {"unitId": unit, "uuid": str(uuid4()), "resellerReference": f"U{n}"}
        for n, unit in enumerate(["TOUR-CHILD", "TOUR", "TOUR-CHILD", "TOUR-SENIOR", "TOUR"])
    ]
    held = await reseller.reserve(unitItems=units)
    shown = [
        {name: unit[name] for name in ("unitId", "uuid", "resellerReference")}
        for unit in held["unitItems"]
    ]
    assert shown == units
    booked = await reseller.call(
        "POST",
        f"/bookings/{held['uuid']}/confirm",
        {"contact": {}},
        headers={"octo-capabilities": "octo/pricing"},
    )
    prices = [unit["pricing"]["retail"] for unit in booked["unitItems"]]
    assert prices[0] == prices[2] == 1000
    assert prices[3] == 1600
    assert booked["pricing"]["retail"] == sum(prices)
    assert booked["pricing"]["includedTaxes"][0]["retail"] == sum(prices) // 5


async def test_a_group_has_one_ticket_for_all(reseller):
    units = [{"unitId": "TOUR-GROUP"}] * 12
    held = await reseller.reserve(optionId="TOUR-GROUP", unitItems=units)
    assert held["availability"]["vacancies"] == 28
    booked = await reseller.confirm(held)
    assert len({unit["uuid"] for unit in booked["unitItems"]}) == 12
    codes = {unit["ticket"]["deliveryOptions"][0]["deliveryValue"] for unit in booked["unitItems"]}
    assert len(codes) == 1
    twice = [{"unitId": "TOUR-GROUP", "uuid": held["unitItems"][4]["uuid"]}, *units]
    body = await reseller.reserving(optionId="TOUR-GROUP", unitItems=twice)
    assert (await reseller.refused("POST", "/bookings", body))["error"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    ("wrong", "error", "named"),
    [
        ({"productId": "never"}, "INVALID_PRODUCT_ID", "productId"),
        ({"optionId": "never"}, "INVALID_OPTION_ID", "optionId"),
        ({"availabilityId": "never"}, "INVALID_AVAILABILITY_ID", "availabilityId"),
        ({"availabilityId": ...}, "INVALID_AVAILABILITY_ID", "availabilityId"),
        ({"availabilityId": f"{day(7)}T10:17:00+01:00"}, "INVALID_AVAILABILITY_ID", None),
        ({"availabilityId": f"{day(7)}T03:00:00+01:00"}, "INVALID_AVAILABILITY_ID", None),
        ({"availabilityId": "2020-05-01T10:00:00+02:00"}, "INVALID_AVAILABILITY_ID", None),
        ({"unitItems": [{"unitId": "never"}]}, "INVALID_UNIT_ID", "unitId"),
        ({"unitItems": [{"unitId": "TOWER"}]}, "INVALID_UNIT_ID", "unitId"),
        ({"unitItems": [{}]}, "INVALID_UNIT_ID", "unitId"),
        ({"unitItems": []}, "UNPROCESSABLE_ENTITY", None),
        ({"unitItems": ...}, "UNPROCESSABLE_ENTITY", None),
        ({"unitItems": [{"unitId": "TOUR-CHILD"}]}, "UNPROCESSABLE_ENTITY", None),
        ({"unitItems": [{"unitId": "TOUR"}] * 21}, "UNPROCESSABLE_ENTITY", None),
        ({"unitItems": [{"unitId": "TOUR", "uuid": NEVER}] * 2}, "BAD_REQUEST", None),
        ({"uuid": "not-a-uuid"}, "BAD_REQUEST", None),
        ({"expirationMinutes": 0}, "BAD_REQUEST", None),
        ({"currency": "USD"}, "BAD_REQUEST", None),
    ],
)
async def test_what_is_refused_leaves_nothing(reseller, database, wrong, error, named):
    body = await reseller.reserving()
    body = {name: value for name, value in (body | wrong).items() if value is not ...}
    told = await reseller.refused("POST", "/bookings", body)
    assert told["error"] == error
    assert named is None or named in told
    assert await orders(database) == 0


async def test_a_sold_out_time(reseller, database):
    chartered = (await reseller.times("TOUR"))[-1]
    body = await reseller.reserving(availabilityId=chartered["id"])
    told = await reseller.refused("POST", "/bookings", body)
    assert told["error"] == "UNPROCESSABLE_ENTITY"
    assert "no place left" in told["errorMessage"]
    assert await orders(database) == 0


async def test_the_same_request_again_gets_the_same_booking(reseller, database):
    body = await reseller.reserving(notes="Twice")
    first = await reseller.call("POST", "/bookings", body)
    assert await reseller.call("POST", "/bookings", body) == first
    replies = await asyncio.gather(*(reseller.call("POST", "/bookings", body) for _ in range(10)))
    assert replies == [first] * 10
    assert await orders(database) == 1


async def test_ten_at_once_are_one_booking(reseller, database):
    body = await reseller.reserving()
    replies = await asyncio.gather(*(reseller.call("POST", "/bookings", body) for _ in range(10)))
    assert len({reply["id"] for reply in replies}) == 1
    assert await orders(database) == 1


async def test_a_repeat_gets_what_has_become_of_it(reseller):
    body = await reseller.reserving()
    held = await reseller.call("POST", "/bookings", body)
    await reseller.confirm(held)
    assert (await reseller.call("POST", "/bookings", body))["status"] == "CONFIRMED"
    cancelled = await reseller.reserving()
    await reseller.call("POST", "/bookings", cancelled)
    await reseller.call("POST", f"/bookings/{cancelled['uuid']}/cancel", {})
    assert (await reseller.call("POST", "/bookings", cancelled))["status"] == "CANCELLED"


async def test_the_same_uuid_for_something_else_is_refused(reseller):
    body = await reseller.reserving()
    await reseller.call("POST", "/bookings", body)
    for changes in ({"notes": "other"}, {"unitItems": [{"unitId": "TOUR"}]}):
        told = await reseller.refused("POST", "/bookings", body | changes)
        assert told["error"] == "BAD_REQUEST"
        assert body["uuid"] in told["errorMessage"]


async def test_a_units_uuid_is_one_units(reseller):
    mine = str(uuid4())
    await reseller.reserve(unitItems=[{"unitId": "TOUR", "uuid": mine}])
    body = await reseller.reserving(unitItems=[{"unitId": "TOUR", "uuid": mine}])
    told = await reseller.refused("POST", "/bookings", body)
    assert told["error"] == "BAD_REQUEST"
    assert mine in told["errorMessage"]


async def test_a_hold_is_as_long_as_is_asked_and_can_be_made_longer(reseller):
    held = await reseller.reserve(expirationMinutes=10)
    assert seconds(held) == 600
    longer = await reseller.call(
        "POST", f"/bookings/{held['uuid']}/extend", {"expirationMinutes": 10}
    )
    assert seconds(longer) == 1200
    assert seconds(await reseller.call("POST", f"/bookings/{held['uuid']}/extend")) == 3000
    told = await reseller.refused(
        "POST", f"/bookings/{held['uuid']}/extend", {"expirationMinutes": 1440}
    )
    assert told["error"] == "UNPROCESSABLE_ENTITY"


async def test_only_what_is_on_hold_can_be_extended(reseller):
    booked = await reseller.booked()
    told = await reseller.refused("POST", f"/bookings/{booked['uuid']}/extend", {})
    assert told["error"] == "UNPROCESSABLE_ENTITY"
    told = await reseller.refused("POST", f"/bookings/{NEVER}/extend", {"expirationMinutes": 5})
    assert (told["error"], told["uuid"]) == ("INVALID_BOOKING_UUID", NEVER)


async def test_drafts_that_are_held_for_ever_are_not_so_by_octo(database, database_url, settings):
    text_ = HARBOUR.replace("holdMinutes: 30", "holdMinutes: 0")
    company_id = await castle.load_venue(database, text_)
    async with selling(database, database_url, settings, company_id) as (reseller, _, _):
        assert seconds(await reseller.reserve()) == 1800


async def test_an_inactive_partner_sells_nothing(database, database_url, settings):
    text_ = HARBOUR.replace("    holdMinutes: 30", "    holdMinutes: 30\n    active: false", 1)
    company_id = await castle.load_venue(database, text_)
    async with selling(database, database_url, settings, company_id) as (reseller, _, _):
        told = await reseller.refused("POST", "/bookings", await reseller.reserving())
        assert told["error"] == "UNPROCESSABLE_ENTITY"
