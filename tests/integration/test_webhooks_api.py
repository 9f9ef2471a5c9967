"""Subscriptions and their logs over HTTP: whose they are, and what is refused."""

import httpx
import pytest
from sqlalchemy import text

from channel_manager.access.permissions import Permission
from channel_manager.app import make_app
from channel_manager.settings import Settings
from channel_manager.webhooks.retention import forget_old
from support import castle
from support.webhooks import PROCESSED, WEBHOOK, log_of, settle, shown, subscribe

URL = "http://127.0.0.1:9/hook"
NOBODY = "00000000-0000-4000-8000-000000000000"
OPERATIONS = [
    ("GET", "", None),
    ("DELETE", "", None),
    ("POST", "/rotate", None),
    ("POST", "/ping", None),
    ("POST", "/pause", None),
    ("POST", "/resume", None),
    ("GET", "/deliveries", None),
    ("POST", "/replay", {"since": "2026-01-01T00:00:00Z"}),
]


@pytest.mark.parametrize(("method", "path", "body"), OPERATIONS)
async def test_another_partners_subscription_looks_like_none(
    client, database, company_id, method, path, body
):
    made = await subscribe(client, URL)
    client.headers["x-np-api-key"] = await castle.make_key(
        database, company_id, partner="11111111-1111-4111-8111-111111111111"
    )
    foreign = await client.request(method, f"{WEBHOOK}/{made['id']}{path}", json=body)
    unknown = await client.request(method, f"{WEBHOOK}/{NOBODY}{path}", json=body)
    malformed = await client.request(method, f"{WEBHOOK}/2147483648{path}", json=body)
    assert foreign.status_code == unknown.status_code == malformed.status_code == 404
    assert foreign.content == unknown.content == malformed.content
    assert (await client.get(f"{WEBHOOK}s")).json() == []


@pytest.mark.parametrize(("method", "path", "body"), OPERATIONS)
async def test_a_key_without_the_permission_is_refused(
    client, database, company_id, method, path, body
):
    made = await subscribe(client, URL)
    client.headers["x-np-api-key"] = await castle.make_key(
        database, company_id, permissions=(Permission.ORDERS_READ,)
    )
    reply = await client.request(method, f"{WEBHOOK}/{made['id']}{path}", json=body)
    assert (reply.status_code, reply.json()["code"]) == (403, "forbidden")


async def test_another_subscriptions_delivery_can_not_be_replayed_or_paged_from(client):
    one, two = await subscribe(client, URL), await subscribe(client, URL)
    await settle(client)
    delivery = (await log_of(client, one))[0]["deliveryId"]
    reply = await client.post(f"{WEBHOOK}/{two['id']}/replay", json={"deliveryId": delivery})
    assert (reply.status_code, reply.json()["message"]) == (404, "There is no such delivery.")
    page = await client.get(f"{WEBHOOK}/{two['id']}/deliveries", params={"pageKey": delivery})
    assert (page.status_code, page.json()["errors"][0]["path"]) == (400, "pageKey")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"deliveryId": NOBODY, "since": "2026-01-01T00:00:00Z"},
        {"deliveryId": "1"},
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00"},
        {"since": 1_800_000_000},
        [],
    ],
)
async def test_a_replay_of_nothing_clear_is_400(client, body):
    made = await subscribe(client, URL)
    reply = await client.post(f"{WEBHOOK}/{made['id']}/replay", json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_input")


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/deliveries?pageSize=-1", "pageSize"),
        ("/deliveries?pageSize=99999999999999999999", "pageSize"),
        ("/deliveries?state=lost", "state"),
        ("/deliveries?pageKey=zzz", "pageKey"),
        ("/rotate?overlapHours=-1", "overlapHours"),
        ("/rotate?overlapHours=169", "overlapHours"),
    ],
)
async def test_bad_parameters_are_400_and_name_the_place(client, path, where):
    made = await subscribe(client, URL)
    method = "POST" if path.startswith("/rotate") else "GET"
    reply = await client.request(method, f"{WEBHOOK}/{made['id']}{path}")
    assert (reply.status_code, reply.json()["errors"][0]["path"]) == (400, where)


async def test_the_log_is_paged_newest_first_each_delivery_once(client):
    made = await subscribe(client, URL)
    orders = [(await settle(client))["orderId"] for _ in range(7)]
    path, found = f"{WEBHOOK}/{made['id']}/deliveries?pageSize=3", []
    sizes = []
    while path:
        page = (await client.get(path)).json()
        found += [entry["orderId"] for entry in page["data"]]
        sizes.append(len(page["data"]))
        path = page["nextPageURL"]
        assert page["morePages"] == bool(page["nextPageKey"]) == bool(path)
    assert sizes == [3, 3, 1]
    assert found == orders[::-1]


async def test_a_paused_subscription_collects_what_happens_and_takes_no_ping(client):
    made = await subscribe(client, URL)
    paused = (await client.post(f"{WEBHOOK}/{made['id']}/pause")).json()
    assert (paused["state"], paused["stateReason"]) == ("paused", "on request")
    await settle(client)
    assert [entry["state"] for entry in await log_of(client, made)] == ["waiting"]
    ping = await client.post(f"{WEBHOOK}/{made['id']}/ping")
    assert (ping.status_code, ping.json()["code"]) == (400, "invalid_status")
    await client.post(f"{WEBHOOK}/{made['id']}/resume")
    assert (await shown(client, made))["state"] == "active"


async def test_the_ping_event_can_not_be_subscribed_to(client):
    body = {"notificationUrl": URL, "eventName": "ota_cm_ping"}
    assert (await client.post(WEBHOOK, json=body)).status_code == 400


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "https://169.254.169.254/latest",
        "https://[::ffff:10.0.0.5]/",
        "https://0x7f000001/",
        "https://localhost/",
        "https://user:secret@example.com/",
    ],
)
async def test_forbidden_addresses_are_refused_at_save(database, database_url, company_id, url):
    reply = await subscribe_under(Settings(), database, database_url, company_id, url)
    assert (reply.status_code, reply.json()["errors"][0]["path"]) == (400, "notificationUrl")


async def test_a_named_network_may_be_reached_and_only_that(database, database_url, company_id):
    settings = Settings(webhook_networks="10.20.0.0/16, fd00:1::/64")
    for url, expected in [
        ("https://10.20.3.4/hook", 201),
        ("https://[fd00:1::5]/hook", 201),
        ("https://10.21.0.1/hook", 400),
        ("http://10.20.3.4/hook", 400),
    ]:
        reply = await subscribe_under(settings, database, database_url, company_id, url)
        assert reply.status_code == expected, url


async def subscribe_under(settings, database, database_url, company_id, url):
    app = make_app(settings, database_url)
    key = await castle.make_key(database, company_id)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://venue.example"
        ) as client,
    ):
        return await client.post(
            WEBHOOK,
            json={"notificationUrl": url, "eventName": PROCESSED},
            headers={"x-np-api-key": key},
        )


async def test_the_log_ends_after_its_days_and_the_sequence_goes_on(client, database):
    made = await subscribe(client, URL)
    await subscribe(client, URL, "ota_cm_order_cancelled")
    order = await settle(client)
    assert await forget_old(database, days=30) == 0
    await age(database)
    assert await forget_old(database, days=30) == 1
    assert await log_of(client, made) == []
    assert await sequences(database) == [1]
    await client.delete(f"{castle.ORDERS_PATH}/{order['orderId']}")
    assert await sequences(database) == [1, 2]


async def test_an_order_keeps_its_last_event_alone_when_all_are_old(client, database):
    await subscribe(client, URL)
    await subscribe(client, URL, "ota_cm_order_cancelled")
    order = await settle(client)
    await client.delete(f"{castle.ORDERS_PATH}/{order['orderId']}")
    await age(database)
    assert await forget_old(database, days=30) == 2
    assert await sequences(database) == [2]


async def age(database) -> None:
    async with database.transaction() as conn:
        await conn.execute(
            text("UPDATE webhook_deliveries SET created_at = now() - interval '31 days'")
        )


async def sequences(database) -> list[int]:
    async with database.transaction() as conn:
        found = await conn.execute(text("SELECT sequence FROM webhook_events ORDER BY 1"))
        return list(found.scalars())
