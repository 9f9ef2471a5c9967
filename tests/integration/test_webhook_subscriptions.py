import pytest
from standardwebhooks import Webhook

from support import castle
from support.castle import COMPANY_PATH, ORDERS_PATH, order
from support.receiver import receiving

ADDRESS = "https://hooks.example.com/orders"
WEBHOOK = f"{COMPANY_PATH}/webhook"


def subscription(**changes):
    body = {
        "notificationUrl": "http://127.0.0.1:9/hook",
        "eventName": "ota_cm_order_processed",
        "clientState": "state-1",
    } | changes
    return {name: value for name, value in body.items() if value is not ...}


async def test_a_subscription_is_made_read_listed_and_deleted(client):
    made = (await client.post(WEBHOOK, json=subscription())).json()
    assert made["secret"].startswith("whsec_")
    shown = {name: value for name, value in made.items() if name != "secret"}
    assert shown["eventVersion"] == "1.0"
    assert (await client.get(f"{WEBHOOK}/{made['id']}")).json() == shown
    for path in (WEBHOOK, f"{COMPANY_PATH}/webhooks"):
        assert (await client.get(path)).json() == [shown]
    assert (await client.delete(f"{WEBHOOK}/{made['id']}")).json() == shown
    gone = await client.get(f"{WEBHOOK}/{made['id']}")
    assert (gone.status_code, gone.json()["code"]) == (404, "resource_not_found")


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"notificationUrl": ...}, "notificationUrl"),
        ({"notificationUrl": "ftp://example.com"}, "notificationUrl"),
        ({"notificationUrl": "https://user:pw@example.com"}, "notificationUrl"),
        ({"notificationUrl": "http://169.254.169.254/"}, "notificationUrl"),
        ({"notificationUrl": "https://[::ffff:10.0.0.5]/"}, "notificationUrl"),
        ({"notificationUrl": "https://0x7f000001/"}, "notificationUrl"),
        ({"eventName": "nope"}, "eventName"),
        ({"eventName": ...}, "eventName"),
        ({"clientState": "x" * 51}, "clientState"),
    ],
)
async def test_a_wrong_subscription_is_named(client, change, path):
    reply = await client.post(WEBHOOK, json=subscription(**change))
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_input")
    assert [problem["path"] for problem in reply.json()["errors"]] == [path]


async def test_each_event_reaches_its_subscribers_signed_and_after_the_commit(client, worker):
    async with receiving() as receiver:
        secrets = {}
        for name in ("processed", "confirmed", "cancelled"):
            made = await client.post(
                WEBHOOK,
                json=subscription(notificationUrl=receiver.url, eventName=f"ota_cm_order_{name}"),
            )
            secrets[f"ota_cm_order_{name}"] = made.json()["secret"]
        made = (await client.post(ORDERS_PATH, json=order(paymentReference=...))).json()
        path = f"{ORDERS_PATH}/{made['orderId']}"
        await receiver.wait_for(1)
        assert (await client.get(path)).json()["status"] == "Draft"
        await client.post(f"{path}/confirm", json={"paymentReference": "P"})
        await receiver.wait_for(2)
        await client.delete(path)
        await receiver.wait_for(3)
        seen = [(d.event["eventName"], d.event["payload"]["status"]) for d in receiver.received]
        assert seen == [
            ("ota_cm_order_processed", "Draft"),
            ("ota_cm_order_confirmed", "Issued"),
            ("ota_cm_order_cancelled", "Cancelled"),
        ]
        for delivery in receiver.received:
            Webhook(secrets[delivery.event["eventName"]]).verify(delivery.body, delivery.headers)


async def test_a_partner_is_told_of_its_own_orders_alone(client, worker, database, company_id):
    other = "99999999-3f4a-4c5b-9e6d-7f8a9b0c1d2e"
    venue = castle.CASTLE_FILE.read_text(encoding="utf-8")
    two = venue.replace("partners:\n", f"partners:\n  - id: {other}\n    name: Other\n", 1)
    await castle.load_venue(database, two)
    async with receiving() as mine, receiving() as theirs:
        full_key = client.headers["x-np-api-key"]
        for partner, receiver in ((castle.PARTNER, mine), (other, theirs)):
            client.headers["x-np-api-key"] = await castle.make_key(
                database, company_id, partner=partner
            )
            await client.post(WEBHOOK, json=subscription(notificationUrl=receiver.url))
            assert len((await client.get(WEBHOOK)).json()) == 1
        client.headers["x-np-api-key"] = full_key
        await client.post(ORDERS_PATH, json=order(partnerId=other))
        await client.post(ORDERS_PATH, json=order())
        assert len(await theirs.wait_for(1)) == len(await mine.wait_for(1)) == 1
        assert mine.received[0].event["payload"] != theirs.received[0].event["payload"]
