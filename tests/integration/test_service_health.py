import pytest
from httpx import ASGITransport, AsyncClient

from channel_manager.access.permissions import Permission
from channel_manager.app import make_app
from support.castle import COMPANY_PATH


async def test_health_and_readiness(client):
    for path in ("/healthz", "/readyz"):
        assert (await client.get(path)).status_code == 200


async def test_ready_is_503_when_the_database_is_away(settings):
    app = make_app(settings, "postgresql://postgres@127.0.0.1:1/nope")
    app.state.page_secret = b"x"
    async with AsyncClient(transport=ASGITransport(app), base_url="http://x") as client:
        assert (await client.get("/healthz")).status_code == 200
        reply = await client.get("/readyz")
        assert (reply.status_code, reply.json()["code"]) == (503, "unavailable")
        assert int(reply.headers["retry-after"]) > 0


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nope", 404, "resource_not_found"),
        ("GET", "/a%00b", 404, "resource_not_found"),
        ("GET", "/%ff", 404, "resource_not_found"),
        ("GET", "/a//b", 404, "resource_not_found"),
        ("GET", "/../etc/passwd", 404, "resource_not_found"),
        ("DELETE", "/healthz", 405, "method_not_allowed"),
    ],
)
async def test_every_error_has_the_one_shape(client, method, path, status, code):
    reply = await client.request(method, path)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert set(reply.json()) == {"code", "message"}
    assert reply.headers["x-request-id"]


async def test_a_sane_request_id_is_kept_and_another_replaced(client):
    kept = await client.get("/healthz", headers={"x-request-id": "partner-42"})
    assert kept.headers["x-request-id"] == "partner-42"
    replaced = await client.get("/healthz", headers={"x-request-id": "a b\tc"})
    assert replaced.headers["x-request-id"] != "a b\tc"


async def test_the_description_tells_of_every_operation(client):
    described = (await client.get("/openapi.json")).json()
    found = {
        operation["operationId"]
        for path in described["paths"].values()
        for operation in path.values()
    }
    assert {
        "createOrder",
        "getOrder",
        "replaceOrder",
        "deleteOrder",
        "confirmOrder",
        "listOrdersByPartner",
        "createWebhook",
    } <= found


async def test_every_route_of_a_company_declares_its_permission_and_asks_for_a_key(client):
    described = (await client.get("/openapi.json")).json()
    operations = [
        (method, path, operation)
        for path, methods in described["paths"].items()
        if "{tenant}" in path
        for method, operation in methods.items()
    ]
    assert len(operations) >= 10
    del client.headers["x-np-api-key"]
    for method, path, operation in operations:
        assert operation["x-permission"] in list(Permission), path
        address = path.replace("{tenant}/{environment}/{company}", COMPANY_PATH[1:])
        reply = await client.request(method, address)
        assert (address, reply.status_code) == (address, 401)
