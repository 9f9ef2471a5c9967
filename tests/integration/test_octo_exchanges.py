"""OCTO: calls about bookings are kept as they came and as they were answered."""

import json
from uuid import UUID

import pytest
from sqlalchemy import text

from channel_manager.cli.companies import operator_access
from channel_manager.companies.service import find_company
from channel_manager.exchanges.service import exchanges_of_order, refused_creates
from channel_manager.orders.guests import erase_guest
from support.octo import NEVER, RESELLER

JANE = "jane.doe@example.com"


@pytest.fixture
def kept(database, harbour_id):
    """The calls about a booking, newest first, by the uuid under which its reseller knows it."""

    async def read(booking):
        async with database.read() as conn:
            order_id = await conn.scalar(
                text("SELECT order_id FROM octo_bookings WHERE booking_uuid = :uuid"),
                {"uuid": UUID(booking["uuid"])},
            )
            return await exchanges_of_order(conn, harbour_id, order_id)

    return read


async def test_a_whole_booking_is_kept_as_it_went_over_the_wire(reseller, kept):
    wanted = await reseller.reserving(resellerReference="R-1")
    held = await reseller.call("POST", "/bookings", wanted)
    confirmed = await reseller.confirm(held)
    cancelled = await reseller.call("POST", f"/bookings/{held['uuid']}/cancel", {"reason": "Rain"})
    calls = await kept(held)
    assert [(one.method, one.path, one.status) for one in calls] == [
        ("POST", f"/octo/bookings/{held['uuid']}/cancel", 200),
        ("POST", f"/octo/bookings/{held['uuid']}/confirm", 200),
        ("POST", "/octo/bookings", 200),
    ]
    replies = [json.loads(one.reply_body) for one in calls]
    assert replies == [cancelled, confirmed, held]
    assert json.loads(calls[-1].request_body) == wanted
    assert {one.partner_id for one in calls} == {UUID(RESELLER)}


async def test_a_repeated_reservation_is_a_call_of_its_own(reseller, kept):
    wanted = await reseller.reserving()
    first = await reseller.call("POST", "/bookings", wanted)
    assert await reseller.call("POST", "/bookings", wanted) == first
    assert [one.status for one in await kept(first)] == [200, 200]


async def test_what_is_refused_is_kept_as_it_was_told(reseller, kept, database, harbour_id):
    held = await reseller.reserve()
    told = await reseller.refused("PATCH", f"/bookings/{held['uuid']}", {"optionId": "NONE"})
    newest, _ = await kept(held)
    assert (newest.method, newest.status) == ("PATCH", 400)
    assert json.loads(newest.reply_body) == told

    wanted = await reseller.reserving(availabilityId="no time", resellerReference=" Ref-7 ")
    told = await reseller.refused("POST", "/bookings", wanted)
    async with database.read() as conn:
        (refused,) = await refused_creates(conn, harbour_id, "REF-7")
    assert json.loads(refused.reply_body) == told
    assert json.loads(refused.request_body) == wanted


async def test_what_is_about_no_booking_of_the_callers_is_not_kept(
    reseller, other_reseller, database
):
    held = await reseller.reserve()
    await other_reseller.refused("POST", f"/bookings/{held['uuid']}/cancel", {})
    await reseller.refused("POST", f"/bookings/{NEVER}/cancel", {})
    await reseller.refused("POST", "/bookings/not-a-uuid/cancel", {})
    await reseller.refused("POST", "/availability", {"productId": "NONE"})
    await reseller.get(held)
    async with database.read() as conn:
        assert await conn.scalar(text("SELECT count(*) FROM exchanges")) == 1


async def test_a_guest_is_erased_from_octo_calls_too(reseller, kept, database, harbour_id):
    contact = {"fullName": "Jane Doe", "emailAddress": JANE}
    held = await reseller.reserve(contact=contact)
    await reseller.refused("PATCH", f"/bookings/{held['uuid']}", {"contact": contact, "notes": 1})
    async with database.transaction() as conn:
        operator = operator_access(await find_company(conn, harbour_id))
        await erase_guest(conn, operator, JANE)
    assert [(one.request_body, one.reply_body) for one in await kept(held)] == [(None, None)] * 2
