"""OCTO: reservations, confirmations and all that becomes of a booking."""

import pytest

from support.octo import Reseller, selling


@pytest.fixture
async def shop(database, database_url, settings):
    async with selling(database, database_url, settings) as resellers_and_venue:
        yield resellers_and_venue


@pytest.fixture
def reseller(shop) -> Reseller:
    return shop[0]


async def test_a_reservation_is_on_hold(reseller):
    body = await reseller.reserving(resellerReference="R-1", notes="By the window")
    held = await reseller.call("POST", "/bookings", body)
    assert (held["status"], held["uuid"], held["cancellable"]) == ("ON_HOLD", body["uuid"], True)
    assert (held["productId"], held["optionId"]) == ("TOUR", "DEFAULT")
    assert held["availabilityId"] == held["availability"]["id"] == body["availabilityId"]
    assert (held["resellerReference"], held["notes"]) == ("R-1", "By the window")
    assert [unit["status"] for unit in held["unitItems"]] == ["ON_HOLD"] * 2
    assert [unit["ticket"] for unit in held["unitItems"]] == [None, None]


async def test_a_confirmation_answers_with_the_tickets(reseller):
    booked = await reseller.booked()
    assert booked["status"] == "CONFIRMED"
    assert booked["contact"]["fullName"] == "Jane Doe"
    numbers = [
        each["deliveryValue"]
        for unit in booked["unitItems"]
        for each in unit["ticket"]["deliveryOptions"]
        if each["deliveryFormat"] == "QRCODE"
    ]
    assert len(set(numbers)) == 2
    assert all(number.startswith("CH-") for number in numbers)
    assert await reseller.get(booked) == booked
