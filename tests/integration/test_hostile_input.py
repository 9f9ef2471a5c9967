"""Input that means harm, or that only an accident makes (cases: Input): never a 500."""

import json

import pytest

from support.castle import COMPANY_PATH, ORDERS_PATH, PARTNER, line, order

LIST = f"{ORDERS_PATH}/orders/{PARTNER}"
NUL, SURROGATE = "\0", "\ud83d"


async def post(client, body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    return await client.post(ORDERS_PATH, content=content, headers=headers)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (order(sellToName=f"Jane{NUL}Doe"), "sellToName"),
        (order(sellToName=SURROGATE), "sellToName"),
        (order(items=[line(quantity=float("nan"))]), "items[0].quantity"),
        (json.dumps(order()).replace('"quantity": 2', '"quantity": 1e999').encode(),) * 1
        + ("items[0].quantity",),
        (json.dumps(order())[:-1].encode() + b', "partnerId": "x"}', "partnerId"),
        (b"[" * 900 + b"]" * 900, "[0]" * 32),
        (b"\xff\xfe{}", ""),
        (b"", ""),
        (b"[]", ""),
        (b"null", ""),
        (b'"text"', ""),
    ],
)
async def test_a_body_that_is_not_plain_json_is_400_and_names_the_place(client, body, path):
    reply = await post(client, body)
    assert reply.status_code == 400
    assert reply.json()["code"] == "invalid_input"
    assert reply.json()["errors"][0]["path"] == path


@pytest.mark.parametrize("quantity", [0, -3, 1.0, 1.5, "1", True, None, 10**20, [], 1001])
async def test_a_quantity_is_a_whole_number_from_1_to_1000(client, quantity):
    reply = await post(client, order(items=[line(quantity=quantity)]))
    assert (reply.status_code, reply.json()["errors"][0]["path"]) == (400, "items[0].quantity")


@pytest.mark.parametrize("visit", [0, 1_800_000_000, "9999-12-31", "2027-02-29", "", None, NUL])
async def test_a_visit_date_is_a_date(client, visit):
    reply = await post(client, order(items=[line(visitDate=visit)]))
    assert (reply.status_code, reply.json()["errors"][0]["path"]) == (400, "items[0].visitDate")


@pytest.mark.parametrize(
    "order_id",
    [
        "2147483648",
        "-1",
        "%00",
        "%2F",
        "%252F",
        "AB%2FCD",
        "..%2F..%2Fetc",
        "%ED%A0%80",
        "%FF",
        "%zz",
        "x" * 3000,
        "%F0%9F%8E%9F",
        "00000000-0000-0000-0000-000000000000%00",
        "{orderId}",
    ],
)
@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_an_id_that_can_be_no_orders_is_404(client, method, order_id):
    reply = await client.request(method, f"{ORDERS_PATH}/{order_id}")
    assert (reply.status_code, reply.json()["code"]) == (404, "resource_not_found")


async def test_a_slash_in_a_reference_stays_one(client):
    reference = "AB/CD %2F"
    made = await post(client, order(sellToOrderReference=reference))
    assert made.status_code == 201
    found = await client.get(LIST, params={"sellToOrderReference": reference})
    assert [entry["orderId"] for entry in found.json()] == [made.json()["orderId"]]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("sellToOrderReference=%00", 400),
        ("sellToOrderReference=%ED%A0%80", 200),
        ("status=%00", 400),
        ("receivedAtFrom=0001-01-01T00:00:00%2B14:00", 200),
        ("receivedAtTo=9999-12-31T23:59:59Z", 200),
        ("receivedAtTo=9999-12-31T23:59:59-14:00", 200),
        ("receivedAtFrom=2026-01-01", 400),
        ("receivedAtFrom=1e999", 400),
        ("pageSize=-1", 400),
        ("pageSize=99999999999999999999", 400),
        ("pageSize=%C2%B2", 400),
        ("pageKey=%00", 400),
        ("pageKey=AAAA", 400),
        ("pageKey=%F0%9F%8E%9F", 400),
        ("%00=%00", 400),
        ("pageSize=10&pageSize=x", 400),
    ],
)
async def test_no_query_breaks_a_list(client, query, status):
    reply = await client.get(f"{LIST}?{query}")
    assert reply.status_code == status, reply.text


@pytest.mark.parametrize("key", ["a\x7fb", "x" * 256, ""])
async def test_an_idempotency_key_of_any_bytes_is_taken_or_refused(client, key):
    reply = await client.post(ORDERS_PATH, json=order(), headers={"Idempotency-Key": key})
    assert reply.status_code in (201, 400)


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "json"])
async def test_a_body_that_is_not_declared_as_json_is_415(client, media_type):
    reply = await client.post(ORDERS_PATH, content=b"{}", headers={"Content-Type": media_type})
    assert (reply.status_code, reply.json()["code"]) == (415, "unsupported_media_type")


async def test_a_body_over_the_limit_is_413(client):
    reply = await post(client, b" " * 1_048_577)
    assert (reply.status_code, reply.json()["code"]) == (413, "body_too_large")


@pytest.mark.parametrize(
    "url",
    ["", "x", "http://", "file:///etc/passwd", "http://[::1", "https://\0", "ftp://a.example"],
)
async def test_a_webhook_address_that_is_none_is_400(client, url):
    body = {"notificationUrl": url, "eventName": "ota_cm_order_processed"}
    assert (await client.post(f"{COMPANY_PATH}/webhook", json=body)).status_code == 400


@pytest.mark.parametrize("method", ["PATCH", "TRACE", "OPTIONS", "HEAD", "PROPFIND"])
async def test_a_method_that_is_not_for_an_address_is_405_and_says_which_are(client, method):
    reply = await client.request(method, f"{ORDERS_PATH}/nope")
    assert reply.status_code == 405
    assert reply.headers["allow"] == "GET, PUT, DELETE"


@pytest.mark.parametrize("path", ["/", "/healthz", "/nope", LIST, "/wallets/manifest?mid=x"])
async def test_every_reply_has_the_headers_that_bound_a_browser(client, path):
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-request-id"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert "no-store" in headers["cache-control"]


async def test_a_fault_of_ours_is_told_without_its_trace_and_with_an_id(client, monkeypatch):
    def fail(*_):
        raise RuntimeError("SELECT secret FROM somewhere")

    monkeypatch.setattr("channel_manager.orders.api.view_order_in_scope", fail)
    reply = await client.get(f"{ORDERS_PATH}/x")
    assert (reply.status_code, reply.json()["code"]) == (500, "internal_error")
    assert "SELECT" not in reply.text
    assert reply.headers["x-request-id"]
    assert reply.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("asked", "echoed"), [("2025-05-01", "2025-05-01"), ("latest", "2026-01-01"), (None,) * 2]
)
async def test_a_version_is_echoed_with_the_one_that_served(client, asked, echoed):
    reply = await client.get(LIST, headers={"x-api-version": asked} if asked else {})
    assert reply.headers["x-api-version"] == (echoed or "2026-01-01")
    assert reply.headers["x-api-version-served"] == "2026-01-01"
