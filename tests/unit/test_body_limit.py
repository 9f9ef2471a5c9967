import asyncio
import json

import pytest
from fastapi import FastAPI
from starlette.requests import Request as PlainRequest
from starlette.responses import PlainTextResponse

from channel_manager.body_limit import BodyLimit
from channel_manager.errors import TooLarge

LIMIT = 100


class Client:
    """Sends parts of a body, then hangs on or leaves; keeps what it is sent."""

    def __init__(self, *parts: bytes, ends: bool = True, leaves: bool = True) -> None:
        self.parts = list(parts)
        self.ends = ends
        self.leaves = leaves
        self.sent = []
        self.asked = 0

    async def receive(self):
        self.asked += 1
        if self.parts:
            body = self.parts.pop(0)
            return {
                "type": "http.request",
                "body": body,
                "more_body": bool(self.parts) or not self.ends,
            }
        if not self.leaves:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def send(self, message):
        self.sent.append(message)

    async def post(self, app, *, seconds=20.0, headers=()):
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/",
            "query_string": b"",
            "headers": list(headers),
            "root_path": "",
        }
        await BodyLimit(app, limit=LIMIT, seconds=seconds)(scope, self.receive, self.send)
        return self.status

    @property
    def status(self):
        starts = [m for m in self.sent if m["type"] == "http.response.start"]
        assert len(starts) == 1
        return starts[0]["status"]

    @property
    def headers(self):
        return dict(self.sent[0]["headers"])

    @property
    def body(self):
        assert not self.sent[-1].get("more_body", False)
        return b"".join(m.get("body", b"") for m in self.sent[1:])


async def echo_length(scope, receive, send):
    body = await PlainRequest(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


def fastapi() -> FastAPI:
    """An app that takes an error while it reads the body for the client's bad JSON."""
    app = FastAPI()

    @app.post("/")
    async def take(body: dict[str, str]) -> int:
        return len(body)

    return app


async def untouchable(scope, receive, send):
    raise AssertionError("must not be reached")


def assert_refused(client, status, code):
    assert client.status == status
    told = json.loads(client.body)
    assert told["code"] == code
    assert set(told) == {"code", "message"}
    assert client.headers[b"connection"] == b"close"
    assert int(client.headers[b"content-length"]) == len(client.body)


async def test_a_body_of_exactly_the_limit_passes_in_one_part_or_many():
    for parts in ([b"x" * LIMIT], [b"x"] * LIMIT, [b"", b"x" * LIMIT, b""]):
        client = Client(*parts)
        assert await client.post(echo_length) == 200
        assert client.body == b"100"
        assert b"connection" not in client.headers


@pytest.mark.parametrize("length", [b"101", b"9" * 30, b"000000000000000101"])
async def test_a_declared_length_over_the_limit_is_refused_unread(length):
    client = Client(leaves=True)
    await client.post(untouchable, headers=[(b"content-length", length)])
    assert_refused(client, 413, "body_too_large")


async def test_the_refusal_is_sent_before_the_rest_is_waited_for():
    client = Client(*[b"x" * 50] * 10)
    started_at = []
    send = client.send

    async def noting(message):
        started_at.append(client.asked)
        await send(message)

    client.send = noting
    await client.post(untouchable, headers=[(b"content-length", b"500")])
    assert started_at[:2] == [0, 0]
    assert client.parts == []


@pytest.mark.parametrize("app", [echo_length, fastapi()], ids=["plain", "fastapi"])
async def test_a_body_over_the_limit_is_refused_while_it_arrives(app):
    client = Client(*[b"x" * 40] * 5)
    await client.post(app, headers=[(b"content-type", b"application/json")])
    assert_refused(client, 413, "body_too_large")


@pytest.mark.parametrize("app", [echo_length, fastapi()], ids=["plain", "fastapi"])
async def test_a_body_that_takes_too_long_is_refused(app):
    client = Client(b"x", ends=False, leaves=False)
    await client.post(app, seconds=0.05, headers=[(b"content-type", b"application/json")])
    assert_refused(client, 408, "request_timeout")
    assert "0.05 seconds" in json.loads(client.body)["message"]


async def test_a_client_that_never_stops_sending_is_left_after_a_moment():
    class Endless(Client):
        async def receive(self):
            await asyncio.sleep(0.001)
            return {"type": "http.request", "body": b"x", "more_body": True}

    client = Endless()
    await client.post(untouchable, headers=[(b"content-length", b"101")])
    assert_refused(client, 413, "body_too_large")


async def test_time_before_the_body_is_read_is_not_the_clients():
    async def slow_to_begin(scope, receive, send):
        await asyncio.sleep(0.15)
        await echo_length(scope, receive, send)

    client = Client(b"x", b"y")
    assert await client.post(slow_to_begin, seconds=0.1) == 200


async def test_the_wait_for_a_disconnect_is_not_the_bodys():
    async def listens(scope, receive, send):
        await receive()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 0.15)
        await PlainTextResponse("done")(scope, receive, send)

    assert await Client(b"x", leaves=False).post(listens, seconds=0.05) == 200


async def test_an_app_that_replies_to_a_refused_body_anyway_is_not_heard():
    async def stubborn(scope, receive, send):
        for _ in range(2):
            try:
                await receive()
            except TooLarge:
                await PlainTextResponse("fine")(scope, receive, send)

    client = Client(b"x" * 101)
    await client.post(stubborn)
    assert_refused(client, 413, "body_too_large")


async def test_a_fault_of_the_app_itself_is_the_apps():
    async def broken(scope, receive, send):
        raise RuntimeError("own")

    with pytest.raises(RuntimeError, match="own"):
        await Client(b"x").post(broken)


async def test_a_reply_under_way_ends_with_the_error_of_the_body():
    async def early(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await receive()

    client = Client(b"x" * 101)
    with pytest.raises(TooLarge, match="over 100 bytes"):
        await client.post(early)
    assert client.status == 200


async def test_what_is_not_http_passes():
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["type"])

    await BodyLimit(app, limit=1)({"type": "lifespan"}, None, None)
    assert seen == ["lifespan"]
