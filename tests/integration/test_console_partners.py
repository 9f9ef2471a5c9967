"""Partners, keys and webhooks in the console."""

import re

import pytest
from aiohttp import web
from sqlalchemy import text

from channel_manager.console.roles import Role
from support import castle
from support.castle import COMPANY_PATH, ORDERS_PATH, order
from support.console import add_person, signed_in
from support.receiver import receiving
from support.webhooks import until

ROLES = {"anna": Role.ADMIN, "otto": Role.OPERATOR, "vera": Role.VIEWER}


@pytest.fixture
async def people(database, company_id):
    for login, role in ROLES.items():
        await add_person(database, company_id, login, role)


@pytest.fixture
async def anna(client, people):
    async with signed_in(client.app, "anna") as visitor:
        yield visitor


async def subscriber(client, url: str, **changes) -> str:
    body = {"notificationUrl": url, "eventName": "ota_cm_order_processed"} | changes
    reply = await client.post(f"{COMPANY_PATH}/webhook", json=body)
    assert reply.status_code == 201, reply.text
    return reply.json()["id"]


async def test_a_key_is_shown_once_works_and_is_ended(client, anna):
    page = await anna.do(
        "/partners/keys",
        partner=castle.PARTNER,
        name="<b>shop</b>",
        permission=["orders:read", "orders:write"],
        rate_limit="500",
    )
    key = re.search(r"<code data-copy>([^<]+)</code>", page)[1]
    made = await client.post(ORDERS_PATH, json=order(), headers={"x-np-api-key": key})
    assert made.status_code == 201
    listed = await anna.page("/partners/keys")
    assert key not in listed
    assert "&lt;b&gt;shop&lt;/b&gt;" in listed
    assert "500 requests in five minutes" in listed
    shown = await anna.page(f"/partners/{castle.PARTNER}")
    assert f"{key[:4]}…{key[-4:]}" in shown
    key_id = re.search(r"&lt;b&gt;shop.*?/keys/([0-9a-f-]{36})/rotate", listed, re.DOTALL)[1]
    page = await anna.do(f"/partners/keys/{key_id}/rotate", overlap="0")
    another = re.search(r"<code data-copy>([^<]+)</code>", page)[1]
    reply = await client.get(
        f"{ORDERS_PATH}/orders/{castle.PARTNER}", headers={"x-np-api-key": key}
    )
    assert reply.status_code == 401
    listed = await anna.page("/partners/keys")
    renewed = re.findall(r"/keys/([0-9a-f-]{36})/revoke", listed)
    for one in renewed:
        await anna.do(f"/partners/keys/{one}/revoke")
    reply = await client.get(
        f"{ORDERS_PATH}/orders/{castle.PARTNER}", headers={"x-np-api-key": another}
    )
    assert reply.status_code == 401


async def test_a_key_that_can_not_be_is_not_made(anna):
    other = "01a214f2-3d7d-7463-a2f1-aaee175d44da"
    for fields in (
        {"permission": ["everything"]},
        {},
        {"permission": ["gate"], "partner": "nobody"},
        {"permission": ["gate"], "partner": other},
        {"permission": ["gate"], "rate_limit": "0"},
        {"permission": ["gate"], "rate_limit": "many"},
        {"permission": ["gate"], "name": "x" * 101},
    ):
        assert (await anna.send("/partners/keys", **fields)).status_code == 400, fields


async def test_a_partner_that_is_inactive_orders_no_more(client, database, anna):
    where = f"/partners/{castle.PARTNER}/active"
    assert "inactive" in await anna.do(where, active="false")
    assert (await client.post(ORDERS_PATH, json=order())).json()["code"] == "partner_inactive"
    await anna.do(where, active="true")
    await anna.do(where, active="true")
    assert (await client.post(ORDERS_PATH, json=order())).status_code == 201
    async with database.read() as conn:
        told = (
            await conn.execute(
                text("SELECT after FROM audit_events WHERE action = 'partner.active'")
            )
        ).all()
    assert told == [({"active": False},), ({"active": True},)]
    other = "01a214f2-3d7d-7463-a2f1-aaee175d44da"
    assert (await anna.send(f"/partners/{other}/active", active="true")).status_code == 404
    assert (await anna.http.get(f"/console/partners/{other}")).status_code == 404


async def test_deliveries_are_seen_and_sent_again(client, anna, worker):
    async with receiving() as receiver:
        receiver.answer = lambda _: web.Response(status=500)
        hook = await subscriber(client, receiver.url)
        await client.post(ORDERS_PATH, json=order())
        await receiver.wait_for(1)

        async def told() -> bool:
            return "500" in await anna.page(f"/webhooks/{hook}?state=waiting")

        await until(told)
        receiver.answer = lambda _: web.Response(status=204)
        page = await anna.page(f"/webhooks/{hook}")
        delivery = re.search(r'name="delivery" value="([^"]+)"', page)[1]
        page = await anna.do(f"/webhooks/{hook}/replay", delivery=delivery)
        assert "It is on its way again." in page
        await receiver.wait_for(2)
        page = await anna.do(f"/webhooks/{hook}/replay", since=castle.soon(0))
        assert "Nothing has failed since then." in page
        await anna.do(f"/webhooks/{hook}/ping")
        await receiver.wait_for(3)
        assert "paused" in await anna.do(f"/webhooks/{hook}/pause")
        assert (await anna.send(f"/webhooks/{hook}/ping")).status_code == 400
        await anna.do(f"/webhooks/{hook}/resume")
        page = await anna.do(f"/webhooks/{hook}/secret", overlap="1")
        assert "shown this once" in page
        await anna.do(f"/webhooks/{hook}/delete")
        assert (await anna.http.get(f"/console/webhooks/{hook}")).status_code == 404


async def test_a_receiver_is_subscribed_for_a_partner_or_for_the_company(client, anna):
    async with receiving() as receiver:
        event = "ota_cm_order_cancelled"
        page = await anna.do("/webhooks", url=receiver.url, event=event, partner=castle.PARTNER)
        assert "shown this once" in page
        await anna.do("/webhooks", url=receiver.url, event=event)
        assert "the company itself" in await anna.page("/webhooks")
    for fields in (
        {"url": "ftp://example.com", "event": event},
        {"url": "https://example.com", "event": "everything"},
        {"url": "", "event": event},
        {"url": "https://example.com", "event": event, "partner": "x"},
    ):
        assert (await anna.send("/webhooks", **fields)).status_code == 400, fields


async def test_addresses_that_lead_nowhere(client, anna):
    hook = await subscriber(client, "http://127.0.0.1:9/hook")
    assert (await anna.http.get(f"/console/webhooks/{hook}?state=lost")).status_code == 400
    assert (await anna.http.get(f"/console/webhooks/{hook}?key=lost")).status_code == 400
    assert (await anna.http.get("/console/webhooks/lost")).status_code == 404
    assert (await anna.send(f"/webhooks/{hook}/replay", since="never")).status_code == 400
    assert (await anna.send(f"/webhooks/{hook}/replay", delivery="x")).status_code == 400


async def test_secrets_of_addresses_are_not_shown(client, anna):
    hook = await subscriber(client, "http://127.0.0.1:9/hook?token=SECRET")
    for page in ("/webhooks", f"/webhooks/{hook}", f"/partners/{castle.PARTNER}"):
        assert "SECRET" not in await anna.page(page)


async def test_keys_are_for_admins_and_sending_again_for_operators(client, people):
    hook = await subscriber(client, "http://127.0.0.1:9/hook")
    async with signed_in(client.app, "otto") as otto, signed_in(client.app, "vera") as vera:
        for visitor in (otto, vera):
            assert (await visitor.http.get("/console/partners/keys")).status_code == 403
            reply = await visitor.send("/partners/keys", permission=["gate"])
            assert reply.status_code == 403
            await visitor.page("/partners")
            await visitor.page(f"/webhooks/{hook}")
        assert (await otto.send(f"/webhooks/{hook}/pause")).status_code == 303
        assert (await vera.send(f"/webhooks/{hook}/resume")).status_code == 403
        assert (await otto.send(f"/webhooks/{hook}/delete")).status_code == 403
