import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from channel_manager.access.permissions import Permission
from support import castle
from support.castle import COMPANY_PATH, ORDERS_PATH, PARTNER, order

KEYS = f"{COMPANY_PATH}/keys"
LIST = f"{ORDERS_PATH}/orders/{PARTNER}"


async def status_with(client, key):
    return (await client.get(LIST, headers={"x-np-api-key": key})).status_code


async def test_a_key_is_made_listed_rotated_and_revoked(client):
    made = await client.post(KEYS, json={"name": "till", "partnerId": PARTNER})
    assert made.status_code == 201
    key = made.json()["key"]
    assert await status_with(client, key) == 200
    rotated = (await client.post(f"{KEYS}/{made.json()['id']}/rotate", json={})).json()
    assert rotated["key"] != key
    assert (rotated["name"], rotated["partnerId"]) == ("till", PARTNER)
    assert [await status_with(client, k) for k in (key, rotated["key"])] == [200, 200]
    revoked = await client.delete(f"{KEYS}/{made.json()['id']}")
    assert revoked.json()["revokedAt"]
    assert [await status_with(client, k) for k in (key, rotated["key"])] == [401, 200]
    listed = await client.get(KEYS)
    assert {entry["id"] for entry in listed.json()} >= {made.json()["id"], rotated["id"]}
    assert key not in listed.text
    assert rotated["key"] not in listed.text


async def test_without_overlap_the_old_key_ends_with_the_rotation(client):
    made = (await client.post(KEYS, json={})).json()
    await client.post(f"{KEYS}/{made['id']}/rotate", json={"overlapHours": 0})
    assert await status_with(client, made["key"]) == 401
    again = await client.post(f"{KEYS}/{made['id']}/rotate", json={})
    assert (again.status_code, again.json()["code"]) == (400, "key_ended")


async def test_nobody_gives_away_more_than_they_have(client, database, company_id):
    some = (Permission.ADMIN, Permission.ORDERS_READ)
    client.headers["x-np-api-key"] = await castle.make_key(
        database, company_id, partner=PARTNER, permissions=some
    )
    too_much = await client.post(KEYS, json={"permissions": ["orders:write"]})
    assert (too_much.status_code, too_much.json()["code"]) == (403, "forbidden")
    same = (await client.post(KEYS, json={})).json()
    assert (same["permissions"], same["partnerId"]) == (["orders:read", "admin"], PARTNER)
    everyone = (await client.get(KEYS)).json()
    assert {entry["partnerId"] for entry in everyone} == {PARTNER}


@pytest.mark.parametrize(
    "body", [{"permissions": ["all"]}, {"permissions": []}, {"rateLimit": 0}, {"partnerId": "x"}]
)
async def test_a_key_that_cannot_be_meant_is_refused(client, body):
    assert (await client.post(KEYS, json=body)).status_code == 400


async def test_the_last_use_is_noted_in_batches(client):
    await client.get(LIST)
    await client.app.state.rate_limits.sync()
    (entry,) = (await client.get(KEYS)).json()
    assert entry["lastUsedAt"]


async def test_each_change_is_in_the_audit_trail(client, database):
    made = (await client.post(f"{ORDERS_PATH}?sync=1", json=order(paymentReference=...))).json()
    path = f"{ORDERS_PATH}/{made['orderId']}"
    again = order(sellToOrderReference=made["sellToOrderReference"], paymentReference=...)
    await client.put(f"{path}?sync=1", json=again)
    await client.post(f"{path}/confirm", json={"paymentReference": "PAY-1"})
    await client.post(f"{path}/confirm", json={"paymentReference": "PAY-1"})
    await client.delete(path)
    query = text("SELECT actor, action, before, after FROM audit_events ORDER BY event_id")
    async with database.read() as conn:
        events = [row._asdict() for row in await conn.execute(query)]
    assert [event["action"].partition(".")[2] for event in events] == [
        "create",
        "replace",
        "confirm",
        "delete",
    ]
    assert [event["before"].get("status") for event in events] == [None, "Draft", "Draft", "Issued"]
    assert all(event["actor"].startswith("key ") for event in events)
    assert "Jane" not in str(events)
    assert "guest@" not in str(events)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_events SET actor = 'x'",
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "TRUNCATE gate_entries",
    ],
)
async def test_the_audit_trail_only_grows(client, database, statement):
    await client.post(ORDERS_PATH, json=order())
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.transaction() as conn:
            await conn.execute(text(statement))


async def test_a_change_that_fails_leaves_no_trace(client, database):
    await asyncio.gather(*(client.post(ORDERS_PATH, json=order(items=[])) for _ in range(3)))
    async with database.read() as conn:
        assert await conn.scalar(text("SELECT count(*) FROM audit_events")) == 0
