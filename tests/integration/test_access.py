import asyncio

import pytest
from sqlalchemy import text

from channel_manager.access.permissions import Permission
from support import castle
from support.castle import ORDERS_PATH, PARTNER, TENANT, order

LIST = f"{ORDERS_PATH}/orders/{PARTNER}"


async def status_of(client, headers, path=LIST):
    client.headers.pop("x-np-api-key", None)
    reply = await client.get(path, headers=headers)
    return reply.status_code, reply.json().get("code") if reply.is_error else None


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-np-api-key": ""},
        {"x-np-api-key": "nope"},
        [(b"x-np-api-key", "nøkkel".encode())],
        [(b"x-np-api-key", b"\xff\xfe")],
        {"Authorization": "Bearer"},
        {"Authorization": "Basic abc"},
    ],
)
async def test_without_a_good_key_it_is_401(client, headers):
    assert await status_of(client, headers) == (401, "unauthorized")


async def test_a_bearer_token_works_too(client):
    key = client.headers["x-np-api-key"]
    assert await status_of(client, {"Authorization": f"Bearer {key}"}) == (200, None)


async def test_a_revoked_or_expired_key_is_401(client, database):
    key = client.headers["x-np-api-key"]
    for column in ("revoked_at", "expires_at"):
        async with database.transaction() as conn:
            await conn.execute(text(f"UPDATE api_keys SET {column} = now()"))
        assert await status_of(client, {"x-np-api-key": key}) == (401, "unauthorized")
        async with database.transaction() as conn:
            await conn.execute(text("UPDATE api_keys SET revoked_at = NULL, expires_at = NULL"))


async def test_a_key_without_the_permission_is_403(client, database, company_id):
    key = await castle.make_key(database, company_id, permissions=(Permission.GATE,))
    assert await status_of(client, {"x-np-api-key": key}) == (403, "forbidden")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (LIST.replace(TENANT, TENANT[:-1] + "0"), "saas_tenant_not_found"),
        (LIST.replace("production", "sandbox"), "saas_environment_not_found"),
        (LIST.replace("CRONUS", "FABRIKAM"), "saas_company_not_found"),
    ],
)
async def test_an_address_that_is_not_the_keys_is_404(client, path, code):
    key = client.headers["x-np-api-key"]
    assert await status_of(client, {"x-np-api-key": key}, path) == (404, code)


@pytest.mark.parametrize(
    "company",
    [
        "CRONUS%20International%20Ltd.",
        "CRONUS%2520International%2520Ltd.",
        "cronus%20international%20ltd.",
    ],
)
async def test_each_spelling_of_the_company_reaches_it(client, company):
    key = client.headers["x-np-api-key"]
    path = f"/{TENANT}/production/{company}/channelManager/orders/{PARTNER}"
    assert await status_of(client, {"x-np-api-key": key}, path) == (200, None)


async def test_the_key_is_checked_before_the_body(client):
    del client.headers["x-np-api-key"]
    reply = await client.post(ORDERS_PATH, content=b"{", headers={"Content-Type": "text/plain"})
    assert reply.status_code == 401


async def test_another_partners_order_and_list_look_like_nothing(client, database, company_id):
    other = "99999999-3f4a-4c5b-9e6d-7f8a9b0c1d2e"
    async with database.transaction() as conn:
        await conn.execute(
            text(
                "INSERT INTO partners SELECT company_id, CAST(:other AS uuid), 'Other', active,"
                " order_reference_pattern, hold_minutes, reject_unknown_fields, design"
                " FROM partners"
            ),
            {"other": other},
        )
    made = (await client.post(f"{ORDERS_PATH}?sync=1", json=order())).json()
    client.headers["x-np-api-key"] = await castle.make_key(database, company_id, partner=other)
    hers, never = made["orderId"], "00000000-0000-0000-0000-000000000000"
    for method, suffix, body in (
        ("GET", "", None),
        ("DELETE", "", None),
        ("PUT", "", order(partnerId=other)),
        ("POST", "/confirm", {"paymentReference": "P"}),
    ):
        replies = await asyncio.gather(
            *(
                client.request(method, f"{ORDERS_PATH}/{order_id}{suffix}", json=body)
                for order_id in (hers, never)
            )
        )
        assert [reply.status_code for reply in replies] == [404, 404]
        assert replies[0].content == replies[1].content
    lists = [await client.get(f"{ORDERS_PATH}/orders/{p}") for p in (PARTNER, never)]
    assert [reply.status_code for reply in lists] == [404, 404]
    assert lists[0].content == lists[1].content
    foreign = await client.post(ORDERS_PATH, json=order())
    assert (foreign.status_code, foreign.json()["code"]) == (400, "unknown_partner")
