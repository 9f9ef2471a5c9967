import asyncio
import json

import pytest
from sqlalchemy import text

from channel_manager.db import Database
from support import castle
from support.castle import ORDERS_PATH, line, order
from support.service import settled


async def count(database: Database, table: str) -> int:
    async with database.transaction() as conn:
        return await conn.scalar(text(f"SELECT count(*) FROM {table}"))


async def test_an_order_is_submitted_and_then_issued(client, worker):
    created = await client.post(ORDERS_PATH, json=order())
    assert created.status_code == 201
    assert (created.json()["status"], created.json()["items"]) == ("Submitted", [])
    issued = await settled(client, f"{ORDERS_PATH}/{created.json()['orderId']}")
    assert issued["status"] == "Issued"
    assert len(issued["items"][0]["wallets"]) == 2


async def test_twenty_identical_posts_in_parallel_make_one_order(client, worker, database):
    body = order()
    replies = await asyncio.gather(*(client.post(ORDERS_PATH, json=body) for _ in range(20)))
    (made,) = [reply.json() for reply in replies if reply.status_code == 201]
    refused = [reply for reply in replies if reply.status_code == 400]
    assert len(refused) == 19
    for reply in refused:
        assert reply.json()["code"] == "duplicate_order"
        assert reply.json()["orderId"] == made["orderId"]
    await settled(client, f"{ORDERS_PATH}/{made['orderId']}")
    assert await count(database, "orders") == 1
    assert await count(database, "assets") == 2


@pytest.mark.parametrize("again", ["partner-order-x", "  PARTNER-ORDER-X  "])
async def test_a_reference_is_compared_without_case_and_trimmed(client, again):
    await client.post(ORDERS_PATH, json=order(sellToOrderReference="PARTNER-ORDER-X"))
    second = await client.post(ORDERS_PATH, json=order(sellToOrderReference=again))
    assert (second.status_code, second.json()["code"]) == (400, "duplicate_order")


async def test_sync_replies_with_the_settled_order(client):
    for flag in ("1", "true"):
        reply = await client.post(f"{ORDERS_PATH}?sync={flag}", json=order())
        assert reply.status_code == 201
        body = reply.json()
        assert (body["status"], len(body["items"][0]["wallets"])) == ("Issued", 2)
        assert (await client.get(f"{ORDERS_PATH}/{body['orderId']}")).json() == body


async def test_the_same_idempotency_key_gives_the_first_reply_byte_for_byte(client, database):
    headers = {"Idempotency-Key": "abc-1"}
    body = order()
    first = await client.post(ORDERS_PATH, json=body, headers=headers)
    again = await client.post(ORDERS_PATH, json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert await count(database, "orders") == 1


async def test_sync_with_an_idempotency_key_keeps_the_settled_reply(client):
    headers = {"Idempotency-Key": "abc-1"}
    body = order()
    replies = await asyncio.gather(
        *(client.post(f"{ORDERS_PATH}?sync=1", json=body, headers=headers) for _ in range(5))
    )
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.content for reply in replies}) == 1
    assert replies[0].json()["status"] == "Issued"


async def test_the_same_idempotency_key_with_another_quantity_is_a_conflict(client):
    headers = {"Idempotency-Key": "abc-1"}
    body = order()
    await client.post(ORDERS_PATH, json=body, headers=headers)
    body["items"][0]["quantity"] = 3
    clash = await client.post(ORDERS_PATH, json=body, headers=headers)
    assert (clash.status_code, clash.json()["code"]) == (409, "idempotency_conflict")


async def test_a_failed_first_try_does_not_block_the_retry(client):
    headers = {"Idempotency-Key": "abc-1"}
    wrong = order(items=[line(itemNumber="NOPE")])
    assert (await client.post(ORDERS_PATH, json=wrong, headers=headers)).status_code == 400
    right = wrong | {"items": [line()]}
    assert (await client.post(ORDERS_PATH, json=right, headers=headers)).status_code == 201


async def test_everything_that_is_wrong_is_named_at_once(client, database):
    body = order(
        partnerId="21e8c1d2-3f4a-4c5b-9e6d-000000000000",
        items=[
            line(itemNumber="NOPE"),
            line(visitDate="2020-01-01"),
            line(visitDate=castle.soon(4 * 366)),
            line(wallet={"names": ["only one"], "externalReferenceNumbers": ["a", "b", "c"]}),
            line(visitDate="2027-03-28", visitTime="02:30:00"),
            line(
                wallet={
                    "componentSchedule": [
                        {"itemNumber": "X", "visitDate": castle.soon(), "visitTime": "10:00:00"}
                    ]
                }
            ),
        ],
    )
    reply = await client.post(ORDERS_PATH, json=body)
    assert (reply.status_code, reply.json()["code"]) == (400, "unknown_partner")
    assert [problem["path"] for problem in reply.json()["errors"]] == [
        "partnerId",
        "items[0].itemNumber",
        "items[1].visitDate",
        "items[2].visitDate",
        "items[3].wallet.names",
        "items[3].wallet.externalReferenceNumbers",
        "items[4].visitTime",
        "items[5].wallet.componentSchedule",
    ]
    assert await count(database, "orders") == 0


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"sellToOrderReference": ""}, "sellToOrderReference"),
        ({"sellToOrderReference": "   "}, "sellToOrderReference"),
        ({"sellToOrderReference": "x" * 51}, "sellToOrderReference"),
        ({"sellToOrderReference": 42}, "sellToOrderReference"),
        ({"sellToOrderReference": ...}, "sellToOrderReference"),
        ({"partnerId": "not-a-uuid"}, "partnerId"),
        ({"partnerId": None}, "partnerId"),
        ({"items": []}, "items"),
        ({"items": [line()] * 501}, "items"),
        ({"items": {}}, "items"),
        ({"sellToName": "x" * 101}, "sellToName"),
        ({"sellToEmail": 1}, "sellToEmail"),
        ({"sellToLanguage": "XX-NOPE"}, "sellToLanguage"),
        ({"paymentReference": "x" * 51}, "paymentReference"),
        ({"items": [line(quantity=0)]}, "items[0].quantity"),
        ({"items": [line(quantity=-3)]}, "items[0].quantity"),
        ({"items": [line(quantity=1.0)]}, "items[0].quantity"),
        ({"items": [line(quantity="1")]}, "items[0].quantity"),
        ({"items": [line(quantity=True)]}, "items[0].quantity"),
        ({"items": [line(quantity=10**20)]}, "items[0].quantity"),
        ({"items": [line(quantity=1001)]}, "items[0].quantity"),
        ({"items": [line(quantity=None)]}, "items[0].quantity"),
        ({"items": [line(visitDate=0)]}, "items[0].visitDate"),
        ({"items": [line(visitDate=1800000000)]}, "items[0].visitDate"),
        ({"items": [line(visitDate="9999-12-31")]}, "items[0].visitDate"),
        ({"items": [line(visitDate="2027-02-29")]}, "items[0].visitDate"),
        ({"items": [line(visitTime="10:30")]}, "items[0].visitTime"),
        ({"items": [line(visitTime="24:00:00")]}, "items[0].visitTime"),
        ({"items": [line(wallet={"names": ["a", "x" * 101]})]}, "items[0].wallet.names[1]"),
        ({"items": [line(wallet={"names": "Jane"})]}, "items[0].wallet.names"),
    ],
)
async def test_each_wrong_field_is_named(client, change, path):
    reply = await client.post(ORDERS_PATH, json=order(**change))
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_input")
    assert [problem["path"] for problem in reply.json()["errors"]] == [path]
    assert path in reply.json()["message"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[" * 900 + b"]" * 900,
        b'{"a": NaN}',
        b'{"a": 1e999}',
        b'{"a": 1, "a": 2}',
        b'{"a": "\\u0000"}',
        b'{"a": "\\ud800"}',
        b"\xff\xfe",
        b"null",
        b"[]",
    ],
)
async def test_hostile_json_is_refused(client, body):
    reply = await client.post(
        ORDERS_PATH, content=body, headers={"Content-Type": "application/json"}
    )
    assert (reply.status_code, reply.json()["code"]) == (400, "invalid_input")


async def test_a_body_that_is_not_json_by_its_type_is_415(client):
    reply = await client.post(ORDERS_PATH, data={"a": "b"})
    assert reply.status_code == 415


async def test_a_body_over_one_mebibyte_is_413(client):
    reply = await client.post(
        ORDERS_PATH,
        content=b" " * (1_048_576 + 1),
        headers={"Content-Type": "application/json"},
    )
    assert reply.status_code == 413


async def test_unknown_fields_are_ignored_but_named(client):
    body = order(colour="red")
    body["items"][0]["wallet"] = {"seat": "4A"}
    reply = await client.post(ORDERS_PATH, json=body)
    assert reply.status_code == 201
    assert reply.headers["x-ignored-fields"] == "colour, items[0].wallet.seat"


async def test_external_references_are_unique_in_the_company(client):
    mine = {"externalReferenceNumbers": ["A-1", "A-2"]}
    first = await client.post(ORDERS_PATH, json=order(items=[line(wallet=mine)]))
    assert first.status_code == 201
    taken = {"externalReferenceNumbers": ["A-3", "A-2"]}
    second = await client.post(ORDERS_PATH, json=order(items=[line(wallet=taken)]))
    assert (second.status_code, second.json()["code"]) == (400, "wallet_reference_taken")
    assert [p["path"] for p in second.json()["errors"]] == [
        "items[0].wallet.externalReferenceNumbers[1]"
    ]
    free = {"externalReferenceNumbers": ["A-3", "A-4"]}
    third = await client.post(ORDERS_PATH, json=order(items=[line(wallet=free)]))
    assert third.status_code == 201


async def test_a_line_may_clear_or_override_what_the_order_says(client):
    lines = [
        line(quantity=1),
        line(quantity=1, sellToName=None, sellToEmail="other@example.com", sellToLanguage="dan"),
    ]
    reply = await client.post(f"{ORDERS_PATH}?sync=1", json=order(items=lines))
    first, second = reply.json()["items"]
    shown = ("sellToName", "sellToEmail", "sellToLanguage", "description")
    assert [first[f] for f in shown] == [
        "Jane Doe",
        "guest@example.com",
        "ENU",
        "Castle Admission",
    ]
    assert [second[f] for f in shown] == ["", "other@example.com", "DAN", "Entré til slottet"]


@pytest.mark.parametrize("payment", [..., None, "", "   "])
async def test_without_a_payment_reference_it_settles_as_draft(client, payment):
    reply = await client.post(f"{ORDERS_PATH}?sync=1", json=order(paymentReference=payment))
    assert (reply.json()["status"], reply.json()["paymentReference"]) == ("Draft", "")


async def test_names_survive_as_they_came(client):
    names = ["王小明", "👩‍👩‍👧 Ħ Ł Ő"]
    reply = await client.post(
        f"{ORDERS_PATH}?sync=1", json=order(items=[line(wallet={"names": names})])
    )
    wallets = reply.json()["items"][0]["wallets"]
    assert [wallet["name"] for wallet in wallets] == names
    assert "王小明".encode() in reply.content


async def test_a_reference_with_a_slash_is_one_reference(client):
    reply = await client.post(ORDERS_PATH, json=order(sellToOrderReference="AB/CD"))
    assert reply.json()["sellToOrderReference"] == "AB/CD"


async def test_money_is_written_without_binary_noise(client, database, company_id):
    async with database.transaction() as conn:
        await conn.execute(text("UPDATE items SET unit_price = 99.99"))
        await conn.execute(text("UPDATE companies SET catalog_version = catalog_version + 1"))
    reply = await client.post(f"{ORDERS_PATH}?sync=1", json=order())
    assert b'"unitPriceExclVat":79.99,"unitPriceInclVat":99.99' in reply.content
    assert json.loads(reply.content)["status"] == "Issued"
