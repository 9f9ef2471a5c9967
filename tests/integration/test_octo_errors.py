"""OCTO: whatever is sent, the answer is in OCTO's own form: never 404, 405, 415 or 422."""

from unittest.mock import patch

import httpx
import pytest

from channel_manager.access.permissions import Permission
from channel_manager.errors import Unavailable
from channel_manager.octo import api
from support import castle
from support.octo import RESELLER, Reseller, day, selling


def assert_octo(reply: httpx.Response, status: int, error: str) -> dict:
    assert (reply.status_code, reply.json()["error"]) == (status, error), reply.text
    assert isinstance(reply.json()["errorMessage"], str)
    assert reply.json()["errorMessage"]
    assert reply.headers["content-type"] == "application/json"
    assert "octo-capabilities" in reply.headers
    assert "x-request-id" in reply.headers
    return reply.json()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("GET", "/"),
        ("GET", "/nothing"),
        ("GET", "/products/"),
        ("GET", "/products/a/b"),
        ("GET", "//products"),
        ("GET", "/products/%00"),
        ("GET", "/products/%FF"),
        ("GET", "/../octo/x"),
        ("DELETE", "/products"),
        ("PUT", "/bookings"),
        ("PATCH", "/bookings"),
        ("OPTIONS", "/bookings"),
        ("BREW", "/supplier"),
        ("POST", "/supplier"),
        ("GET", "/availability"),
        ("GET", "/bookings/x/confirm"),
    ],
)
async def test_there_is_nothing_at_this_address(reseller, method, path):
    reply = await reseller.ask(method, path)
    assert reply.status_code == 400
    assert reply.json()["error"] in ("BAD_REQUEST", "INVALID_PRODUCT_ID", "INVALID_BOOKING_UUID")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b'{"productId": 1}',
        b'{"productId": "a", "productId": "b"}',
        b'{"productId": NaN}',
        b'{"productId": "\\u0000"}',
        b"\xff\xfe",
        b"[" * 100,
        b'{"units": {}, "unitItems": {}}',
    ],
)
@pytest.mark.parametrize("path", ["/availability", "/availability/calendar", "/bookings"])
async def test_a_body_that_is_none(reseller, path, content):
    reply = await reseller.client.post(
        f"/octo{path}",
        content=content,
        headers=reseller.headers | {"content-type": "application/json"},
    )
    assert_octo(reply, 400, "BAD_REQUEST")


async def test_a_body_that_is_not_declared_as_json(reseller):
    headers = reseller.headers | {"content-type": "text/plain"}
    reply = await reseller.client.post("/octo/bookings", content=b"{}", headers=headers)
    assert_octo(reply, 400, "BAD_REQUEST")


async def test_a_body_that_is_too_large(reseller):
    reply = await reseller.ask("POST", "/bookings", {"notes": "x" * 2_000_000})
    assert_octo(reply, 400, "BAD_REQUEST")


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Bearer x"}, {"authorization": "Basic x"}, {"x-np-api-key": "nobody's"}],
)
async def test_a_bad_token(reseller, headers):
    for path in ("/products", "/bookings/x"):
        reply = await reseller.client.get(f"/octo{path}", headers=headers)
        assert_octo(reply, 403, "UNAUTHORIZED")
    reply = await reseller.client.post("/octo/bookings", content=b"{", headers=headers)
    assert_octo(reply, 403, "UNAUTHORIZED")


async def test_a_token_without_the_permission(database, database_url, settings, harbour_id):
    async with selling(database, database_url, settings, harbour_id) as (reseller, _, _):
        key = await castle.make_key(
            database, harbour_id, partner=RESELLER, permissions=(Permission.CATALOG_READ,)
        )
        reader = Reseller(reseller.client, key)
        await reader.call("GET", "/products")
        assert_octo(await reader.ask("GET", f"/bookings?localDate={day()}"), 403, "FORBIDDEN")
        assert_octo(await reader.ask("POST", "/bookings", {}), 403, "FORBIDDEN")


async def test_a_fault_of_ours_tells_nothing_of_itself(reseller):
    with patch.object(api, "find_offering", side_effect=RuntimeError("a secret")):
        reply = await reseller.ask("GET", "/products")
    told = assert_octo(reply, 500, "INTERNAL_SERVER_ERROR")
    assert "secret" not in reply.text
    assert set(told) == {"error", "errorMessage"}
    with patch.object(api, "find_offering", side_effect=Unavailable("The database is away.")):
        reply = await reseller.ask("GET", "/products")
    assert_octo(reply, 500, "INTERNAL_SERVER_ERROR")
    assert reply.headers["retry-after"]


async def test_too_many_requests(database, database_url, settings, harbour_id):
    few = settings.model_copy(update={"rate_limit": 3})
    async with selling(database, database_url, few, harbour_id) as (reseller, _, _):
        replies = [await reseller.ask("GET", "/products") for _ in range(4)]
        assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
        assert_octo(replies[3], 429, "TOO_MANY_REQUESTS")
        assert replies[3].headers["retry-after"]


async def test_success_is_always_200(reseller):
    body = await reseller.reserving()
    assert (await reseller.ask("POST", "/bookings", body)).status_code == 200


async def test_errors_outside_octo_are_as_before(reseller):
    reply = await reseller.client.get("/octopus")
    assert (reply.status_code, reply.json()["code"]) == (404, "resource_not_found")


@pytest.mark.parametrize(
    ("language", "begins"),
    [
        ("da-DK", "Bestillingen findes ikke."),
        ("de", "Diese Buchung gibt es nicht."),
        ("xx, fr;q=0.8", "Cette réservation n'existe pas."),
        ("", "There is no such booking."),
    ],
)
async def test_messages_are_in_the_language_that_is_asked_for(reseller, language, begins):
    reply = await reseller.ask("GET", "/bookings/x", headers={"accept-language": language})
    told = assert_octo(reply, 400, "INVALID_BOOKING_UUID")
    assert told["errorMessage"].startswith(begins)
