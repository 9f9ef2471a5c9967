"""OCTO: cancellations, before and after the cut-off; reading and listing bookings."""

from datetime import date

import pytest
from sqlalchemy import text

from support.octo import GROUP, NEVER, ORDERS, day


async def move_slots(database, hours: int) -> None:
    """Make the usual day's first boat leave in so many hours."""
    async with database.transaction() as conn:
        await conn.execute(
            text(
                "UPDATE time_slots SET starts_at = now() + make_interval(hours => :hours),"
                " ends_at = now() + make_interval(hours => :hours + 1) WHERE local_date = :day"
                " AND admission_code = 'BOAT' AND start_time = '10:00'"
            ),
            {"day": date.fromisoformat(day(7)), "hours": hours},
        )


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_booking_is_cancelled_and_its_places_are_free(reseller, when):
    booking = await (reseller.booked if when == "after" else reseller.reserve)()
    path = f"/bookings/{booking['uuid']}/cancel"
    cancelled = await reseller.call("POST", path, {"reason": "Rain"})
    assert (cancelled["status"], cancelled["cancellable"]) == ("CANCELLED", False)
    assert (cancelled["cancellation"]["refund"], cancelled["cancellation"]["reason"]) == (
        "FULL",
        "Rain",
    )
    assert cancelled["utcConfirmedAt"] == booking["utcConfirmedAt"]
    assert [unit["status"] for unit in cancelled["unitItems"]] == ["CANCELLED"] * 2
    assert not any(unit["ticket"] for unit in cancelled["unitItems"])
    assert await reseller.get(booking) == cancelled
    assert await reseller.call("POST", path, {}) == cancelled
    assert (await reseller.times("TOUR"))[0]["vacancies"] == 40


async def test_a_cancelled_booking_is_over(reseller):
    booking = await reseller.reserve()
    await reseller.call("POST", f"/bookings/{booking['uuid']}/cancel")
    for path in ("confirm", "extend"):
        told = await reseller.refused("POST", f"/bookings/{booking['uuid']}/{path}", {})
        assert told["error"] == "UNPROCESSABLE_ENTITY"


async def test_past_the_cutoff_only_force_cancels_and_nothing_is_refunded(reseller, database):
    booking = await reseller.booked(**GROUP)
    path = f"/bookings/{booking['uuid']}/cancel"
    await move_slots(database, 25)
    assert (await reseller.get(booking))["cancellable"]
    await move_slots(database, 23)
    assert not (await reseller.get(booking))["cancellable"]
    for body in ({}, {"force": False}):
        told = await reseller.refused("POST", path, body)
        assert told["error"] == "UNPROCESSABLE_ENTITY"
        assert "cut-off" in told["errorMessage"]
    cancelled = await reseller.call("POST", path, {"force": True})
    assert cancelled["cancellation"]["refund"] == "NONE"


async def test_an_unknown_booking(reseller):
    for method, path in (("POST", f"/bookings/{NEVER}/cancel"), ("GET", f"/bookings/{NEVER}")):
        told = await reseller.refused(method, path, {} if method == "POST" else None)
        assert (told["error"], told["uuid"]) == ("INVALID_BOOKING_UUID", NEVER)


async def test_lists_by_each_reference(reseller, other_reseller):
    mine = await reseller.booked(resellerReference="TRIP 1")
    second = await reseller.reserve(resellerReference="TRIP 1", days=8)
    museum = await reseller.booked("MUSEUM", days=9)
    await other_reseller.booked(resellerReference="TRIP 1")

    async def listed(query: str) -> list[str]:
        found = await reseller.call("GET", f"/bookings?{query}")
        return sorted(one["uuid"] for one in found)

    assert await listed("resellerReference=TRIP%201") == sorted([mine["uuid"], second["uuid"]])
    assert await listed(f"supplierReference={mine['supplierReference']}") == [mine["uuid"]]
    assert await listed(f"localDate={day(8)}") == [second["uuid"]]
    assert await listed(f"localDateStart={day(8)}&localDateEnd={day(9)}") == sorted(
        [second["uuid"], museum["uuid"]]
    )
    assert await listed("resellerReference=never") == []
    await reseller.call("POST", f"/bookings/{second['uuid']}/cancel", {})
    assert await listed(f"localDate={day(8)}") == [second["uuid"]]


@pytest.mark.parametrize(
    "query", ["", "localDateStart=2026-05-01", "localDateEnd=2026-05-01", "localDate=soon", "x=1"]
)
async def test_a_list_of_nothing_in_particular(reseller, query):
    told = await reseller.refused("GET", f"/bookings?{query}")
    assert told["error"] == "BAD_REQUEST"


async def test_another_resellers_booking_looks_like_none(reseller, other_reseller):
    theirs = await other_reseller.booked(resellerReference="THEIRS")
    uuid = theirs["uuid"]
    for method, path, body in (
        ("GET", f"/bookings/{uuid}", None),
        ("PATCH", f"/bookings/{uuid}", {"notes": "x"}),
        ("POST", f"/bookings/{uuid}/confirm", {}),
        ("POST", f"/bookings/{uuid}/extend", {}),
        ("POST", f"/bookings/{uuid}/cancel", {}),
        ("GET", f"/bookings/{theirs['id']}", None),
    ):
        found = await reseller.ask(method, path, body)
        never = await reseller.ask(method, path.replace(uuid, NEVER), body)
        assert found.status_code == 400
        told = found.json()
        assert told.pop("uuid") in (uuid, theirs["id"])
        assert told == {k: v for k, v in never.json().items() if k != "uuid"}
    for query in (
        "resellerReference=THEIRS",
        f"localDate={day(7)}",
        f"supplierReference={theirs['supplierReference']}",
    ):
        assert await reseller.call("GET", f"/bookings?{query}") == []
    # The same uuid is another booking to another reseller.
    mine = await reseller.call("POST", "/bookings", await reseller.reserving(uuid=uuid))
    assert mine["id"] != theirs["id"]
    assert await other_reseller.get(theirs) == theirs | {
        "availability": (await other_reseller.get(theirs))["availability"]
    }


async def test_a_key_of_no_partner_sells_nothing(reseller, venue):
    for path in ("/octo/products", f"/octo/bookings/{NEVER}"):
        reply = await venue.get(path)
        assert (reply.status_code, reply.json()["error"]) == (403, "FORBIDDEN")
    assert (await venue.get(f"{ORDERS}/{NEVER}")).status_code == 404
