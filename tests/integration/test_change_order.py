"""Confirm, replace and delete: the state table over HTTP."""

import asyncio

import pytest
from sqlalchemy import text

from support.castle import ORDERS_PATH, line, order

IN_FLIGHT = ("Submitted", "Scheduled", "Processing")
CONFIRM = {"paymentReference": "PAY-1"}


async def make(client, database, status: str) -> dict:
    """An order in this status, and its body for a replace."""
    paid = {} if status == "Issued" else {"paymentReference": ...}
    body = order(**paid)
    made = (await client.post(f"{ORDERS_PATH}?sync=1", json=body)).json()
    if status in (*IN_FLIGHT, "Error", "Cancelled"):
        async with database.transaction() as conn:
            await conn.execute(
                text("UPDATE orders SET status = :s WHERE order_id = :id"),
                {"s": status, "id": made["orderId"]},
            )
    return {"id": made["orderId"], "body": body, "made": made}


async def call(client, operation: str, made: dict):
    path = f"{ORDERS_PATH}/{made['id']}"
    if operation == "confirm":
        return await client.post(f"{path}/confirm", json=CONFIRM)
    if operation == "replace":
        return await client.put(path, json=made["body"])
    return await client.delete(path)


@pytest.mark.parametrize(
    ("status", "operation", "expected"),
    [
        ("Draft", "confirm", "Issued"),
        ("Draft", "replace", "Submitted"),
        ("Draft", "delete", "Cancelled"),
        ("Error", "confirm", None),
        ("Error", "replace", "Submitted"),
        ("Error", "delete", "Cancelled"),
        ("Issued", "confirm", "Issued"),
        ("Issued", "replace", None),
        ("Issued", "delete", "Cancelled"),
        ("Cancelled", "confirm", None),
        ("Cancelled", "replace", None),
        ("Cancelled", "delete", "Cancelled"),
        *((status, op, None) for status in IN_FLIGHT for op in ("confirm", "replace", "delete")),
    ],
)
async def test_the_state_table(client, database, status, operation, expected):
    made = await make(client, database, status)
    before = (await client.get(f"{ORDERS_PATH}/{made['id']}")).json()
    reply = await call(client, operation, made)
    after = await client.get(f"{ORDERS_PATH}/{made['id']}")
    if expected is None:
        assert (reply.status_code, reply.json()["code"]) == (400, "invalid_status")
        assert reply.json()["status"] == status
        assert after.json() == before
    else:
        assert (reply.status_code, reply.json()["status"]) == (200, expected)
        removed = operation == "delete" and status in ("Draft", "Error")
        assert after.status_code == (404 if removed else 200)


async def test_confirm_makes_the_assets_valid(client, database):
    made = await make(client, database, "Draft")
    assert await valid_assets(database) == 0
    reply = await client.post(f"{ORDERS_PATH}/{made['id']}/confirm", json=CONFIRM)
    assert (reply.json()["paymentReference"], "manifestUrl" in reply.json()) == ("PAY-1", True)
    assert await valid_assets(database) == 2


@pytest.mark.parametrize("body", [{}, {"paymentReference": " "}, {"paymentReference": None}])
async def test_confirm_needs_a_payment_reference(client, database, body):
    made = await make(client, database, "Draft")
    reply = await client.post(f"{ORDERS_PATH}/{made['id']}/confirm", json=body)
    assert (reply.status_code, reply.json()["errors"][0]["path"]) == (400, "paymentReference")


async def test_replace_voids_what_was_issued_and_keeps_the_identity(client, database):
    made = await make(client, database, "Draft")
    old = made["made"]["items"][0]["wallets"]
    reply = await client.put(
        f"{ORDERS_PATH}/{made['id']}?sync=1", json=made["body"] | {"items": [line(quantity=3)]}
    )
    body = reply.json()
    for field in ("orderId", "buyFromOrderReference", "receivedAt"):
        assert body[field] == made["made"][field]
    assert body["jobId"] != made["made"]["jobId"]
    new = body["items"][0]["wallets"]
    assert len(new) == 3
    assert not {w["walletId"] for w in old} & {w["walletId"] for w in new}
    async with database.transaction() as conn:
        rows = await conn.execute(
            text("SELECT count(*) FILTER (WHERE voided_at IS NULL), count(*) FROM assets")
        )
        assert tuple(rows.one()) == (3, 5)


async def test_replace_may_use_its_own_external_references_again(client):
    body = order(
        paymentReference=..., items=[line(wallet={"externalReferenceNumbers": ["R-1", "R-2"]})]
    )
    made = (await client.post(f"{ORDERS_PATH}?sync=1", json=body)).json()
    reply = await client.put(f"{ORDERS_PATH}/{made['orderId']}?sync=1", json=body)
    assert reply.json()["status"] == "Draft"


@pytest.mark.parametrize(
    "change",
    [
        {"partnerId": "11111111-3f4a-4c5b-9e6d-7f8a9b0c1d2e"},
        {"sellToOrderReference": "ANOTHER"},
    ],
)
async def test_partner_and_reference_can_not_be_replaced(client, database, change):
    made = await make(client, database, "Draft")
    reply = await client.put(f"{ORDERS_PATH}/{made['id']}", json=made["body"] | change)
    assert (reply.status_code, reply.json()["code"]) == (400, "immutable_field")
    assert (await client.get(f"{ORDERS_PATH}/{made['id']}")).json() == made["made"]


async def test_a_replace_that_fails_validation_changes_nothing(client, database):
    made = await make(client, database, "Draft")
    wrong = made["body"] | {"items": [line(itemNumber="NOPE")]}
    reply = await client.put(f"{ORDERS_PATH}/{made['id']}", json=wrong)
    assert (reply.status_code, reply.json()["code"]) == (400, "unknown_item")
    assert (await client.get(f"{ORDERS_PATH}/{made['id']}")).json() == made["made"]


async def test_a_removed_order_frees_its_reference(client, database):
    made = await make(client, database, "Draft")
    await client.delete(f"{ORDERS_PATH}/{made['id']}")
    again = await client.post(ORDERS_PATH, json=made["body"])
    assert again.status_code == 201
    assert again.json()["orderId"] != made["id"]


async def test_of_two_requests_at_once_one_wins(client, database):
    for _ in range(10):
        made = await make(client, database, "Draft")
        replies = await asyncio.gather(call(client, "replace", made), call(client, "delete", made))
        assert sorted(reply.status_code for reply in replies) in ([200, 400], [200, 404])


@pytest.mark.parametrize(
    "order_id", ["2147483648", "nope", "AB%2FCD", "%00", "00000000-0000-0000-0000-000000000000"]
)
async def test_an_unknown_order_is_404_for_every_operation(client, order_id):
    path = f"{ORDERS_PATH}/{order_id}"
    replies = [
        await client.get(path),
        await client.delete(path),
        await client.put(path, json=order()),
        await client.post(f"{path}/confirm", json=CONFIRM),
    ]
    assert {(reply.status_code, reply.json()["code"]) for reply in replies} == {
        (404, "resource_not_found")
    }


async def valid_assets(database) -> int:
    async with database.transaction() as conn:
        return await conn.scalar(text("SELECT count(*) FROM assets WHERE valid_at IS NOT NULL"))
