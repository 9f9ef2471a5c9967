import asyncio
import contextlib
import json
import logging
import re

import pytest
import structlog
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import JSONResponse, StreamingResponse
from structlog.testing import capture_logs

from channel_manager import request_id
from channel_manager.request_id import RequestId


@pytest.fixture
def logged(monkeypatch):
    before = structlog.get_config()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        cache_logger_on_first_use=False,
    )
    # A logger that was used under other settings keeps them.
    monkeypatch.setattr(request_id, "log", structlog.get_logger())
    structlog.contextvars.clear_contextvars()
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as entries:
        yield entries
    structlog.contextvars.clear_contextvars()
    structlog.configure(**before)


def make_app() -> FastAPI:
    app = FastAPI()
    router = APIRouter(prefix="/wallets")

    @router.get("/{wallet}/page")
    async def page(wallet: str) -> str:
        structlog.get_logger().info("inside")
        return wallet

    @app.get("/own")
    async def own() -> JSONResponse:
        return JSONResponse({}, headers={"X-Request-Id": "of-the-route"})

    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a secret")

    @app.get("/broken-later")
    async def broken_later() -> StreamingResponse:
        async def parts():
            yield b"one"
            raise RuntimeError("later")

        return StreamingResponse(parts())

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        structlog.get_logger().error("request_failed")
        return JSONResponse({}, 500)

    app.include_router(router)
    app.add_middleware(RequestId)
    return app


async def get(path, given=None):
    """What is answered: status, the ids in the reply's headers, body."""
    sent = []
    parts = [{"type": "http.request"}]

    async def receive():
        if not parts:
            await asyncio.Event().wait()
        return parts.pop()

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": b"mid=secret",
        "headers": [] if given is None else [(b"x-request-id", given)],
        "root_path": "",
    }
    # Starlette lets the server see the fault too, that of a stream in a group.
    with contextlib.suppress(RuntimeError, ExceptionGroup):
        await make_app()(scope, receive, send)
    ids = [v.decode() for k, v in sent[0]["headers"] if k.lower() == b"x-request-id"]
    return sent[0]["status"], ids, b"".join(m.get("body", b"") for m in sent[1:])


@pytest.mark.parametrize("given", [b"partner-42", b"A.b_c-9", b"x" * 64])
async def test_a_sane_id_is_kept(given, logged):
    assert (await get("/wallets/7/page", given))[1] == [given.decode()]
    assert {entry["request_id"] for entry in logged} == {given.decode()}


@pytest.mark.parametrize(
    "given", [None, b"", b"x" * 65, b"a b", b"a\n", b"\xff", b"a\r\nset-cookie"]
)
async def test_another_is_replaced_by_a_new_one(given, logged):
    _, first, _ = await get("/wallets/7/page", given)
    _, second, _ = await get("/wallets/7/page", given)
    assert re.fullmatch("[0-9a-f]{32}", first[0])
    assert first != second


async def test_every_reply_has_it_once(logged):
    for path, status in (("/own", 200), ("/nope", 404), ("/broken", 500), ("/broken-later", 200)):
        found, ids, _ = await get(path, b"id-1")
        assert (path, found, ids) == (path, status, ["id-1"])


async def test_a_fault_is_told_without_its_words_and_logged_under_the_id(logged):
    _, _, body = await get("/broken", b"id-1")
    assert json.loads(body)["code"] == "internal_error"
    assert b"secret" not in body
    assert [(e["event"], e["request_id"]) for e in logged] == [
        ("request", "id-1"),
        ("request_failed", "id-1"),
    ]
    assert logged[0]["status"] == 500


async def test_one_line_is_logged_for_a_request_with_the_route_and_no_secret(logged):
    await get("/wallets/7/page", b"id-1")
    inside, request = logged
    assert inside["request_id"] == "id-1"
    milliseconds = request.pop("milliseconds")
    assert milliseconds >= 0
    assert request == {
        "event": "request",
        "log_level": "info",
        "request_id": "id-1",
        "method": "GET",
        "path": "/wallets/{wallet}/page",
        "status": 200,
    }


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/wallets/manifest-secret", "/wallets/"),
        ("/x/wallets/secret", "/x/wallets/"),
        ("/" + "n" * 200, "/" + "n" * 99),
    ],
)
async def test_a_path_without_a_route_is_cut(path, shown, logged):
    await get(path)
    assert [entry["path"] for entry in logged] == [shown]


async def test_what_is_not_http_passes(logged):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    await RequestId(app)({"type": "lifespan"}, None, None)
    assert (seen, logged) == (["lifespan"], [])
