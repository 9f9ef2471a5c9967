"""OCTO: subscriptions to notifications, and what arrives by them."""

import json
from uuid import UUID

import pytest
from sqlalchemy import text
from standardwebhooks import Webhook

from channel_manager.orders.holds import expire_holds
from channel_manager.settings import Settings
from support import castle
from support.octo import HARBOUR, NEVER, ORDERS, OTHER_RESELLER, RESELLER, day, selling
from support.receiver import receiving

SPELLINGS = ["/notifications/subscriptions", "/notifications/subcriptions"]
PATH = SPELLINGS[0]
BOOKING = ["BOOKING_UPDATE"]


def told(got) -> dict:
    return json.loads(got.body)


async def subscribed(reseller, receiver, *types):
    body = {"url": receiver.url, "notificationTypes": list(types)}
    return await reseller.call("POST", PATH, body)


@pytest.mark.parametrize("path", SPELLINGS)
async def test_a_subscription_is_made_read_changed_and_deleted(reseller, path):
    body = {
        "url": "http://127.0.0.1:9/octo",
        "notificationTypes": ["PRODUCT_UPDATE", "BOOKING_UPDATE"],
        "headers": {"authorization": "Bearer mine"},
    }
    made = await reseller.call("POST", path, body)
    assert made["secret"].startswith("whsec_")
    shown = {name: value for name, value in made.items() if name != "secret"}
    assert shown["headers"] == body["headers"]
    assert sorted(shown["notificationTypes"]) == sorted(body["notificationTypes"])
    assert await reseller.call("GET", path) == [shown]
    one = f"{path}/{made['id']}"
    assert await reseller.call("GET", one) == shown
    changed = await reseller.call("PATCH", one, {"notificationTypes": BOOKING, "headers": {}})
    assert changed == shown | {"notificationTypes": BOOKING, "headers": {}}
    assert await reseller.call("PATCH", one, {}) == changed
    assert await reseller.call("DELETE", one) == changed
    assert await reseller.call("GET", path) == []
    assert (await reseller.refused("GET", one))["error"] == "BAD_REQUEST"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": ...},
        {"url": "ftp://example.com/"},
        {"url": "not an address"},
        {"notificationTypes": ...},
        {"notificationTypes": []},
        {"notificationTypes": ["SOMETHING"]},
        {"headers": {"Content-Length": "1"}},
        {"headers": {"webhook-signature": "forged"}},
        {"headers": {"a b": "x"}},
        {"headers": {"x": "a\r\nb: c"}},
    ],
)
async def test_what_can_not_be_subscribed(reseller, wrong):
    body = {"url": "http://127.0.0.1:9/octo", "notificationTypes": BOOKING} | wrong
    body = {name: value for name, value in body.items() if value is not ...}
    assert (await reseller.refused("POST", PATH, body))["error"] == "BAD_REQUEST"
    assert await reseller.call("GET", PATH) == []


async def test_an_address_inside_is_refused_as_for_webhooks(database, database_url, harbour_id):
    settings = Settings(public_url="http://venue.example")
    async with selling(database, database_url, settings, harbour_id) as (reseller, _, _):
        body = {"url": "https://127.0.0.1/octo", "notificationTypes": BOOKING}
        assert (await reseller.refused("POST", PATH, body))["error"] == "BAD_REQUEST"


async def test_subscriptions_of_others_look_like_none(reseller, other_reseller, venue):
    body = {"url": "http://127.0.0.1:9/octo", "notificationTypes": BOOKING}
    theirs = await other_reseller.call("POST", PATH, body)
    webhooks = ORDERS.replace("channelManager", "webhook")
    assert (await venue.get(f"{webhooks}s")).json() == []
    assert (await venue.delete(f"{webhooks}/{theirs['id']}")).status_code == 404
    for method in ("GET", "PATCH", "DELETE"):
        found = await reseller.refused(method, f"{PATH}/{theirs['id']}", {})
        assert found == await reseller.refused(method, f"{PATH}/{NEVER}", {})
    assert await reseller.call("GET", PATH) == []
    assert len(await other_reseller.call("GET", PATH)) == 1


@pytest.mark.usefixtures("worker")
async def test_what_becomes_of_a_booking_is_told_and_signed(reseller, other_reseller, venue):
    async with receiving() as receiver, receiving() as others:
        made = await reseller.call(
            "POST",
            PATH,
            {
                "url": receiver.url,
                "notificationTypes": BOOKING,
                "headers": {"authorization": "Bearer mine"},
            },
        )
        await subscribed(other_reseller, others, *BOOKING)
        booked = await reseller.booked()
        await receiver.wait_for(2)
        await reseller.call("POST", f"/bookings/{booked['uuid']}/cancel", {})
        (*_, got) = await receiver.wait_for(3)
    assert got.headers["authorization"] == "Bearer mine"
    Webhook(made["secret"]).verify(got.body, got.headers)
    assert told(got) == {
        "notificationType": "BOOKING_UPDATE",
        "supplierId": (await reseller.call("GET", "/supplier"))["id"],
        "utcCreatedAt": told(got)["utcCreatedAt"],
        "booking": {"id": booked["id"], "uuid": booked["uuid"]},
    }
    assert others.received == []


@pytest.mark.usefixtures("worker")
async def test_a_day_that_others_book_is_told_to_who_asks_for_availability(
    reseller, other_reseller, venue, database
):
    async with receiving() as receiver:
        await subscribed(other_reseller, receiver, "AVAILABILITY_UPDATE")
        await reseller.reserve()
        (got,) = await receiver.wait_for(1)
    assert told(got)["notificationType"] == "AVAILABILITY_UPDATE"
    assert (told(got)["localDateStart"], told(got)["localDateEnd"]) == (day(7), day(7))


@pytest.mark.usefixtures("worker")
async def test_an_import_that_changes_something_is_told(reseller, database):
    async with receiving() as receiver:
        types = ["PRODUCT_UPDATE", "AVAILABILITY_UPDATE"]
        await subscribed(reseller, receiver, *types)
        await castle.load_venue(database, HARBOUR)
        await castle.load_venue(database, HARBOUR.replace("amount: 20", "amount: 21"))
        found = {told(got)["notificationType"] for got in await receiver.wait_for(2)}
    assert found == set(types)
    async with database.transaction() as conn:
        assert await conn.scalar(text("SELECT count(*) FROM webhook_events")) == 2


@pytest.mark.usefixtures("worker")
async def test_a_longer_hold_and_another_contact_are_told_without_a_sequence(reseller, database):
    held = await reseller.reserve()
    path = f"/bookings/{held['uuid']}"
    async with receiving() as receiver:
        await subscribed(reseller, receiver, "BOOKING_UPDATE")
        await reseller.call("POST", f"{path}/extend", {"expirationMinutes": 10})
        await receiver.wait_for(1)
        await reseller.call("PATCH", path, {})
        await reseller.call("PATCH", path, {"contact": {"fullName": "John Roe"}})
        got = await receiver.wait_for(2)
    assert [told(one)["booking"] for one in got] == [{"id": held["id"], "uuid": held["uuid"]}] * 2
    # Partners who count the events of their orders miss none.
    assert not any("webhook-order-sequence" in one.headers for one in got)
    async with database.read() as conn:
        numbers = await conn.scalars(text("SELECT sequence FROM webhook_events ORDER BY sequence"))
    assert numbers.all() == [1, None, None]


async def test_a_hold_that_lapses_is_told_and_what_it_gives_back(
    reseller, other_reseller, database
):
    held = await reseller.reserve()
    async with receiving() as receiver, receiving() as others:
        await subscribed(reseller, receiver, "BOOKING_UPDATE")
        await subscribed(other_reseller, others, "BOOKING_UPDATE", "AVAILABILITY_UPDATE")
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE orders SET hold_expires_at = now()"))
    assert await expire_holds(database) == 1
    async with database.read() as conn:
        found = await conn.execute(
            text(
                "SELECT e.event_name, e.order_id, payload->>'localDateStart', s.partner_id"
                " FROM webhook_deliveries d JOIN webhook_events e USING (company_id, event_id)"
                " JOIN webhook_subscriptions s USING (company_id, subscription_id)"
                " ORDER BY e.event_name"
            )
        )
    assert [tuple(row) for row in found] == [
        ("AVAILABILITY_UPDATE", None, day(7), UUID(OTHER_RESELLER)),
        ("BOOKING_UPDATE", UUID(held["id"]), None, UUID(RESELLER)),
    ]


async def test_nothing_is_written_where_nobody_asks(reseller, database):
    await reseller.reserve()
    async with database.transaction() as conn:
        assert await conn.scalar(text("SELECT count(*) FROM webhook_events")) == 1
        assert await conn.scalar(text("SELECT count(*) FROM webhook_deliveries")) == 0
