"""Events on their way: what arrives, when it comes again, and when it stops."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web
from sqlalchemy import text
from standardwebhooks import Webhook

from support.castle import ORDERS_PATH, order
from support.receiver import receiving
from support.webhooks import (
    WEBHOOK,
    attempted,
    hasten,
    log_of,
    settle,
    shown,
    subscribe,
    until,
)

pytestmark = pytest.mark.usefixtures("worker")
CONFIRM = {"paymentReference": "PAY-1"}
NAME = "Søren Ærø 🎟️ 王"


def answering(status: int, **more):
    return lambda _: web.Response(status=status, **more)


async def test_the_published_library_verifies_the_very_bytes_of_a_non_ascii_delivery(client):
    async with receiving() as receiver:
        made = await subscribe(client, receiver.url, clientState=NAME, appId="王小明")
        settled = await settle(client)
        (got,) = await receiver.wait_for(1)
    assert NAME.encode() in got.body
    Webhook(made["secret"]).verify(got.body, got.headers)
    assert got.event["clientState"] == NAME
    assert got.event["payload"] == {
        "orderId": settled["orderId"],
        "buyFromOrderReference": settled["buyFromOrderReference"],
        "status": "Issued",
    }


async def test_an_order_read_inside_the_receiver_shows_the_state_that_the_event_tells(client):
    async with receiving() as receiver:
        seen = []

        async def read(got):
            payload = got.event["payload"]
            found = (await client.get(f"{ORDERS_PATH}/{payload['orderId']}")).json()
            seen.append((payload["status"], found["status"]))
            return web.Response(status=204)

        receiver.answer = read
        await subscribe(client, receiver.url)
        for number in range(20):
            await client.post(ORDERS_PATH, json=order(paymentReference=f"P-{number}"))
        await until(lambda: asyncio.sleep(0, len(seen) == 20))
    assert seen == [("Issued", "Issued")] * 20


async def test_events_of_an_order_carry_submission_and_sequence(client, company_id):
    async with receiving() as receiver:
        for event in ("processed", "confirmed", "cancelled"):
            await subscribe(client, receiver.url, f"ota_cm_order_{event}")
        body = order(paymentReference=...)
        made = (await client.post(f"{ORDERS_PATH}?sync=1", json=body)).json()
        path = f"{ORDERS_PATH}/{made['orderId']}"
        await client.put(f"{path}?sync=1", json=body)
        await client.post(f"{path}/confirm", json=CONFIRM)
        await client.post(f"{path}/confirm", json=CONFIRM)
        await client.delete(path)
        arrived = await receiver.wait_for(4)
    told = sorted(
        (
            got.headers["webhook-order-sequence"],
            got.headers["webhook-order-submission"],
            got.event["eventName"].removeprefix("ota_cm_order_"),
            got.event["payload"]["status"],
        )
        for got in arrived
    )
    assert told == [
        ("1", "1", "processed", "Draft"),
        ("2", "2", "processed", "Draft"),
        ("3", "2", "confirmed", "Issued"),
        ("4", "2", "cancelled", "Cancelled"),
    ]


async def test_a_retry_has_the_same_id_and_body_and_a_fresh_timestamp(client, database):
    async with receiving() as receiver:
        receiver.answer = answering(500, text="x" * 10_000)
        made = await subscribe(client, receiver.url)
        await settle(client)
        first = await attempted(client, made, 1)
        await asyncio.sleep(1.1)
        receiver.answer = answering(204)
        await hasten(database)
        one, two = await receiver.wait_for(2)
        second = await attempted(client, made, 2)
    assert one.body == two.body
    assert one.headers["webhook-id"] == two.headers["webhook-id"]
    assert int(one.headers["webhook-timestamp"]) < int(two.headers["webhook-timestamp"])
    assert one.headers["webhook-signature"] != two.headers["webhook-signature"]
    Webhook(made["secret"]).verify(two.body, two.headers)
    assert first["state"] == "waiting"
    assert [(a["outcome"], a["status"]) for a in second["attempts"]] == [
        ("retry", 500),
        ("delivered", 204),
    ]
    assert second["attempts"][0]["reply"] == "x" * 2048
    assert second["state"] == "delivered"
    assert second["webhookId"] == one.headers["webhook-id"]


@pytest.mark.parametrize("status", [301, 302, 304, 400, 404, 429, 500, 503])
async def test_what_is_not_2xx_is_tried_again_within_seconds(client, status):
    async with receiving() as receiver:
        headers = {"location": receiver.url} if status < 400 else {}
        receiver.answer = answering(status, headers=headers)
        made = await subscribe(client, receiver.url)
        await settle(client)
        first = await attempted(client, made, 1)
        assert len(receiver.received) == 1
    assert first["state"] == "waiting"
    assert first["attempts"][0]["status"] == status
    assert wait_of(first) <= timedelta(seconds=7)


def wait_of(delivery) -> timedelta:
    return datetime.fromisoformat(delivery["nextAttemptAt"]) - datetime.now(UTC)


async def test_retry_after_is_honoured(client):
    async with receiving() as receiver:
        receiver.answer = answering(429, headers={"retry-after": "7200"})
        made = await subscribe(client, receiver.url)
        await settle(client)
        first = await attempted(client, made, 1)
    assert timedelta(seconds=7190) < wait_of(first) <= timedelta(seconds=7201)


async def test_410_switches_the_subscription_off_and_nothing_more_is_written_for_it(client):
    async with receiving() as receiver:
        receiver.answer = answering(410)
        made = await subscribe(client, receiver.url)
        await settle(client)
        await attempted(client, made, 1)
        now = await shown(client, made)
        await settle(client)
        log = await log_of(client, made)
    assert (now["state"], now["stateReason"]) == ("gone", "the receiver answered 410")
    assert [entry["state"] for entry in log] == ["failed"]
    assert len(receiver.received) == 1


async def test_after_the_last_try_it_is_paused_not_lost_and_goes_on_when_resumed(client, database):
    async with receiving() as receiver:
        receiver.answer = answering(500)
        made = await subscribe(client, receiver.url)
        await settle(client)
        await attempted(client, made, 1)
        await hasten(database, attempts=11)
        await attempted(client, made, 2)
        paused = await shown(client, made)
        assert paused["state"] == "paused"
        assert "12 attempts" in paused["stateReason"]

        receiver.answer = answering(204)
        await settle(client)
        await asyncio.sleep(1.5)
        assert len(receiver.received) == 2
        assert [entry["state"] for entry in await log_of(client, made)] == ["waiting", "failed"]

        resumed = await client.post(f"{WEBHOOK}/{made['id']}/resume")
        assert resumed.json()["state"] == "active"
        replayed = await client.post(
            f"{WEBHOOK}/{made['id']}/replay", json={"since": "2026-01-01T00:00:00Z"}
        )
        assert replayed.json() == {"replayed": 1}
        await receiver.wait_for(4)
        await until(lambda: all_delivered(client, made))


async def all_delivered(client, made):
    return {entry["state"] for entry in await log_of(client, made)} == {"delivered"}


async def test_after_days_of_failure_it_is_paused_before_the_last_try(client, database):
    async with receiving() as receiver:
        receiver.answer = answering(500)
        made = await subscribe(client, receiver.url)
        await settle(client)
        await attempted(client, made, 1)
        assert (await shown(client, made))["failingSince"]
        async with database.transaction() as conn:
            await conn.execute(
                text("UPDATE webhook_subscriptions SET failing_since = now() - interval '73 h'")
            )
        await hasten(database)
        await attempted(client, made, 2)
        paused = await shown(client, made)
        assert paused["state"] == "paused"
        assert "every attempt has failed since" in paused["stateReason"]
        assert (await log_of(client, made))[0]["state"] == "waiting"


async def test_one_event_that_is_refused_for_ever_does_not_stop_the_others(client, database):
    async with receiving() as receiver:
        made = await subscribe(client, receiver.url)
        bad = await settle_refused(client, receiver)
        await attempted(client, made, 1)
        await settle(client)
        await receiver.wait_for(2)
        await until(lambda: is_well(client, made))
        await hasten(database, attempts=11)
        await until(lambda: has_failed(client, made))
        assert (await shown(client, made))["state"] == "active"
        (failed,) = await log_of(client, made, state="failed")
    assert failed["orderId"] == bad


async def settle_refused(client, receiver):
    refused = []

    def answer(got):
        order_id = got.event["payload"]["orderId"]
        refused.append(order_id)
        return web.Response(status=500 if order_id == refused[0] else 204)

    receiver.answer = answer
    return (await settle(client))["orderId"]


async def is_well(client, made):
    return (await shown(client, made))["failingSince"] is None


async def has_failed(client, made):
    return await log_of(client, made, state="failed")


async def test_the_second_of_three_endpoints_answers_500_and_the_others_get_theirs(client):
    async with receiving() as one, receiving() as two, receiving() as three:
        two.answer = answering(500)
        subscriptions = [await subscribe(client, r.url) for r in (one, two, three)]
        await settle(client)
        for receiver in (one, two, three):
            await receiver.wait_for(1)
        states = [(await attempted(client, made, 1))["state"] for made in subscriptions]
    assert states == ["delivered", "waiting", "delivered"]


async def test_an_endless_body_costs_nothing_but_its_first_bytes(client):
    async with receiving() as receiver:

        async def pour(got):
            response = EndlessResponse()
            response.content_type = "text/plain"
            return response

        receiver.answer = pour
        made = await subscribe(client, receiver.url)
        await settle(client)
        first = await attempted(client, made, 1)
    assert first["state"] == "delivered"
    assert first["attempts"][0]["reply"] == "y" * 2048


class EndlessResponse(web.StreamResponse):
    async def prepare(self, request):
        await super().prepare(request)
        while True:
            await self.write(b"y" * 65_536)


async def test_both_secrets_sign_while_a_rotation_overlaps(client):
    async with receiving() as receiver:
        made = await subscribe(client, receiver.url)
        path = f"{WEBHOOK}/{made['id']}"
        rotated = (await client.post(f"{path}/rotate")).json()
        assert rotated["secret"] != made["secret"]
        assert rotated["overlapUntil"]
        await settle(client)
        (during,) = await receiver.wait_for(1)
        for secret in (made["secret"], rotated["secret"]):
            Webhook(secret).verify(during.body, during.headers)

        last = (await client.post(f"{path}/rotate", params={"overlapHours": 0})).json()
        await settle(client)
        _, after = await receiver.wait_for(2)
        Webhook(last["secret"]).verify(after.body, after.headers)
        assert after.headers["webhook-signature"].count("v1,") == 1
        everything = (await client.get(f"{WEBHOOK}s")).text + (await client.get(path)).text
    assert "secret" not in everything
    assert "whsec_" not in everything


async def test_the_old_secret_signs_no_more_once_the_overlap_has_passed(client, database):
    async with receiving() as receiver:
        made = await subscribe(client, receiver.url)
        rotated = (await client.post(f"{WEBHOOK}/{made['id']}/rotate")).json()
        async with database.transaction() as conn:
            await conn.execute(text("UPDATE webhook_subscriptions SET overlap_until = now()"))
        await settle(client)
        (got,) = await receiver.wait_for(1)
    assert got.headers["webhook-signature"].count("v1,") == 1
    Webhook(rotated["secret"]).verify(got.body, got.headers)


async def test_a_ping_arrives_signed_and_belongs_to_no_order(client):
    async with receiving() as receiver:
        made = await subscribe(client, receiver.url)
        reply = await client.post(f"{WEBHOOK}/{made['id']}/ping")
        (got,) = await receiver.wait_for(1)
        delivery = await attempted(client, made, 1)
    assert reply.status_code == 202
    assert delivery["deliveryId"] == reply.json()["deliveryId"]
    assert delivery["orderId"] is None
    Webhook(made["secret"]).verify(got.body, got.headers)
    assert got.event["eventName"] == "ota_cm_ping"
    assert "webhook-order-sequence" not in got.headers


async def test_one_delivery_is_replayed_with_its_id(client):
    async with receiving() as receiver:
        made = await subscribe(client, receiver.url)
        await settle(client)
        delivered = await attempted(client, made, 1)
        reply = await client.post(
            f"{WEBHOOK}/{made['id']}/replay", json={"deliveryId": delivered["deliveryId"]}
        )
        one, two = await receiver.wait_for(2)
    assert reply.json() == {"replayed": 1}
    assert one.headers["webhook-id"] == two.headers["webhook-id"]
    assert json.loads(one.body) == json.loads(two.body)


async def test_a_sleeping_receiver_with_many_events_delays_no_other(client, settings):
    asleep = asyncio.Event()
    async with receiving() as sleeper, receiving() as other:

        async def sleep(_):
            await asleep.wait()
            return web.Response(status=204)

        sleeper.answer = sleep
        await subscribe(client, sleeper.url)
        for _ in range(settings.webhook_concurrency * 3):
            await settle(client)
        await sleeper.wait_for(settings.webhook_concurrency)
        await subscribe(client, other.url)
        for _ in range(5):
            await settle(client)
        await other.wait_for(5, seconds=10)
        assert len(sleeper.received) == settings.webhook_concurrency
        asleep.set()
        await sleeper.wait_for(settings.webhook_concurrency * 3 + 5)


async def test_a_deleted_subscription_gets_nothing_more_and_leaves_nothing(client, database):
    async with receiving() as receiver:
        receiver.answer = answering(500)
        made = await subscribe(client, receiver.url)
        await settle(client)
        await attempted(client, made, 1)
        assert (await client.delete(f"{WEBHOOK}/{made['id']}")).status_code == 200
        await hasten(database)
        async with database.transaction() as conn:
            for table in ("webhook_deliveries", "webhook_attempts"):
                assert await conn.scalar(text(f"SELECT count(*) FROM {table}")) == 0
