import asyncio
import json
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme

from channel_manager.outbound import Outbound, Reply
from channel_manager.outbound_addresses import AddressPolicy
from channel_manager.webhooks.signing import new_secret, sign

DEVELOPMENT = AddressPolicy(development=True)
STRICT = AddressPolicy()
PUBLIC = "93.184.215.14"
HOW_TO = Path(__file__).parents[2] / "docs/how-to/receive-webhooks.md"
RECEIVER = Path(__file__).parents[2] / "examples/receiver.py"
NO_CONTENT = b"HTTP/1.1 204 No Content\r\n\r\n"

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Receiver:
    """A real server on loopback that keeps the requests it got and answers each with `reply`."""

    def __init__(self, reply: bytes = NO_CONTENT, talk: Talk | None = None) -> None:
        self.reply = reply
        self.talk = talk
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.connections = 0
        self.port = 0
        self.left = asyncio.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                await self.one(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.left.set()

    async def one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        self.heads.append(head)
        self.bodies.append(await reader.readexactly(length))
        if self.talk:
            await self.talk(reader, writer)
        writer.write(self.reply)
        await writer.drain()


@asynccontextmanager
async def listening(
    receiver: Receiver, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Receiver]:
    ongoing: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ongoing.add(asyncio.create_task(receiver.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        for task in ongoing:
            task.cancel()
        await asyncio.gather(*ongoing, return_exceptions=True)


async def posted(url: str, policy: AddressPolicy = DEVELOPMENT) -> Reply:
    async with Outbound() as outbound:
        return await outbound.post(url, b"{}", {}, policy=policy)


async def answered(reply: bytes) -> Reply:
    async with listening(Receiver(reply)) as receiver:
        return await posted(receiver.url)


def names(*answers: str) -> Callable[[str], Awaitable[Sequence[str]]]:
    async def resolve(_: str) -> Sequence[str]:
        return answers

    return resolve


async def test_204_is_a_reply_and_the_bytes_arrive_as_they_were() -> None:
    body = '{"n":"Søren Ærø 🎟️ 王"}'.encode()
    async with listening(Receiver()) as receiver, Outbound() as outbound:
        reply = await outbound.post(
            receiver.url + "?a=%2F", body, {"webhook-id": "msg_1"}, policy=DEVELOPMENT
        )
    assert (reply.status, reply.reply_text, reply.error) == (204, "", None)
    assert reply.duration_ms >= 0
    assert receiver.bodies == [body]
    head = receiver.heads[0].lower()
    assert head.startswith(b"post /hook?a=%2f http/1.1\r\n")
    for line in (
        b"host: 127.0.0.1:%d" % receiver.port,
        b"webhook-id: msg_1",
        b"content-type: application/json",
    ):
        assert b"\r\n" + line + b"\r\n" in head
    assert b"cookie" not in head
    assert b"gzip" not in head


async def test_one_connection_serves_many_deliveries() -> None:
    async with listening(Receiver()) as receiver, Outbound() as outbound:
        for _ in range(5):
            assert (await outbound.post(receiver.url, b"{}", {}, policy=DEVELOPMENT)).status == 204
    assert receiver.connections == 1


async def test_a_refusal_comes_with_its_text_and_retry_after() -> None:
    reply = await answered(
        b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 7\r\n\r\nlater\0\xff"
    )
    assert (reply.status, reply.retry_after) == (503, "120")
    assert reply.reply_text == "later\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    async with listening(Receiver()) as elsewhere:
        reply = await answered(
            b"HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n"
            % (status, elsewhere.url.encode())
        )
        assert reply.status == status
        assert elsewhere.connections == 0


@pytest.mark.parametrize("size", [2047, 2048, 2049, 100_000])
async def test_of_a_body_only_2_kib_are_read(size: int) -> None:
    reply = await answered(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (size, b"x" * size))
    assert reply.status == 200
    assert reply.reply_text == "x" * min(size, 2048)


async def test_an_endless_body_ends_with_its_status() -> None:
    async def pour(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()

    async with listening(Receiver(talk=pour)) as receiver, Outbound() as outbound:
        reply = await outbound.post(receiver.url, b"{}", {}, policy=DEVELOPMENT)
        assert (reply.status, reply.reply_text) == (200, "x" * 2048)
        # Closed at once, while the client is still open: nothing is read on in the background.
        async with asyncio.timeout(10):
            await receiver.left.wait()


async def test_a_body_that_dribbles_does_not_undo_the_status() -> None:
    async def dribble(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    async with (
        listening(Receiver(talk=dribble)) as receiver,
        Outbound(limit_seconds=0.4) as outbound,
    ):
        reply = await outbound.post(receiver.url, b"{}", {}, policy=DEVELOPMENT)
    assert (reply.status, reply.error) == (200, None)
    assert reply.reply_text.startswith("x")


async def sleep(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def test_a_sleeping_receiver_is_left_after_the_limit_and_delays_nobody() -> None:
    async with (
        listening(Receiver(talk=sleep)) as asleep,
        listening(Receiver()) as awake,
        Outbound(limit_seconds=0.5) as outbound,
    ):
        waiting = [
            asyncio.create_task(outbound.post(asleep.url, b"{}", {}, policy=DEVELOPMENT))
            for _ in range(50)
        ]
        assert (await outbound.post(awake.url, b"{}", {}, policy=DEVELOPMENT)).status == 204
        assert not any(task.done() for task in waiting)
        replies = await asyncio.gather(*waiting)
    assert {(r.status, r.error) for r in replies} == {(None, "timed out after 0.5 s")}


async def test_a_lookup_counts_towards_the_limit() -> None:
    async def resolve(_: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async with Outbound(resolve=resolve, limit_seconds=0.1) as outbound:
        reply = await outbound.post("https://example.com/", b"", {}, policy=STRICT)
    assert reply.error == "timed out after 0.1 s"


async def test_nobody_there_is_connection_refused() -> None:
    async with listening(Receiver()) as receiver:
        url = receiver.url
    assert (await posted(url)).error == "connection refused"


async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()
    raise ConnectionError


async def test_a_receiver_that_hangs_up_is_an_error_in_words() -> None:
    async with listening(Receiver(talk=hang_up)) as receiver:
        assert (await posted(receiver.url)).error == "connection closed without a reply"


@pytest.mark.parametrize(
    "reply", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 two OK\r\n\r\n", b"HTTP/1.1 200 OK\r\n: x\r\n\r\n"]
)
async def test_what_is_not_http_is_an_error_in_words(reply: bytes) -> None:
    assert (await answered(reply)).error == "the reply is not valid HTTP"


async def test_endless_headers_are_an_error_in_words() -> None:
    reply = await answered(b"HTTP/1.1 200 OK\r\nX-A: " + b"a" * 1_000_000)
    assert reply.error == "the reply is not valid HTTP"


async def test_a_name_that_resolves_differently_the_second_time_is_refused_at_connect() -> None:
    answers = [PUBLIC, "127.0.0.1"]

    async def rebinding(_: str) -> Sequence[str]:
        return [answers.pop(0)]

    async with listening(Receiver()) as receiver, Outbound(resolve=rebinding) as outbound:
        assert await rebinding("as saved") == [PUBLIC]
        reply = await outbound.post(
            f"https://rebind.example:{receiver.port}/", b"{}", {}, policy=STRICT
        )
    assert reply.error == "address not allowed: 127.0.0.1"
    assert receiver.connections == 0


async def test_one_forbidden_answer_refuses_the_whole_name() -> None:
    async with (
        listening(Receiver()) as receiver,
        Outbound(resolve=names("127.0.0.1", "10.0.0.5")) as outbound,
    ):
        reply = await outbound.post(
            f"http://two.example:{receiver.port}/", b"{}", {}, policy=DEVELOPMENT
        )
    assert reply.error == "address not allowed: 10.0.0.5"
    assert receiver.connections == 0


async def test_loopback_is_refused_outside_development() -> None:
    async with listening(Receiver()) as receiver:
        for host in ("127.0.0.1", "[::1]", "[::ffff:127.0.0.1]"):
            reply = await posted(f"https://{host}:{receiver.port}/", STRICT)
            assert (reply.status, (reply.error or "")[:20]) == (None, "address not allowed:")
        for url in (f"https://localhost:{receiver.port}/", f"https://127.1:{receiver.port}/"):
            assert (await posted(url, STRICT)).status is None
    assert receiver.connections == 0


async def test_a_connection_kept_alive_is_not_taken_up_under_a_stricter_policy() -> None:
    vouched = AddressPolicy(development=True, allowed_networks=(ip_network("127.0.0.0/8"),))
    async with listening(Receiver()) as receiver, Outbound(resolve=names("127.0.0.1")) as outbound:
        url = f"https://till.example:{receiver.port}/"
        plain = url.replace("https", "http")
        assert (await outbound.post(plain, b"{}", {}, policy=vouched)).status == 204
        reply = await outbound.post(url, b"{}", {}, policy=STRICT)
    assert reply.error == "address not allowed: 127.0.0.1"
    assert receiver.connections == 1


async def test_the_environment_s_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening(Receiver()) as proxy, listening(Receiver()) as receiver:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        assert (await posted(receiver.url)).status == 204
    assert proxy.connections == 0


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


async def over_tls(authority: trustme.CA, certified: str, *, trusted: bool = True) -> Reply:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(certified).configure_cert(serving)
    seen: list[str] = []
    serving.sni_callback = lambda _, name, __: seen.append(name)
    client = ssl.create_default_context()
    if trusted:
        authority.configure_trust(client)
    vouched = AddressPolicy(allowed_networks=(ip_network("127.0.0.1/32"),))
    async with (
        listening(Receiver(), serving) as receiver,
        Outbound(resolve=names("127.0.0.1"), tls=client) as outbound,
    ):
        reply = await outbound.post(
            f"https://till.example:{receiver.port}/", b"{}", {}, policy=vouched
        )
    assert seen == ["till.example"]
    if reply.error is None:
        assert b"host: till.example:%d\r\n" % receiver.port in receiver.heads[0].lower()
    return reply


async def test_tls_is_for_the_name_while_the_address_is_pinned(authority: trustme.CA) -> None:
    assert (await over_tls(authority, "till.example")).status == 204


async def test_another_name_s_certificate_is_refused(authority: trustme.CA) -> None:
    reply = await over_tls(authority, "other.example")
    assert reply.error == "certificate not valid for this name"


async def test_an_unknown_authority_s_certificate_is_refused(authority: trustme.CA) -> None:
    reply = await over_tls(authority, "till.example", trusted=False)
    assert reply.error == "certificate not trusted"


class Plain(Receiver):
    async def one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        raise ConnectionError


async def test_plain_http_behind_an_https_address_is_an_error_in_words() -> None:
    async with listening(Plain()) as receiver:
        reply = await posted(receiver.url.replace("http:", "https:"))
    assert (reply.status, reply.error) == (None, "TLS failed")


@pytest.mark.parametrize("url", ["http://xn--a-ecp.example/", "http://xn--.example/", "http://"])
async def test_an_odd_stored_address_is_an_error_in_words(url: str) -> None:
    async with Outbound(resolve=names()) as outbound:
        reply = await outbound.post(url, b"{}", {}, policy=DEVELOPMENT)
    assert reply.error


@pytest.fixture
def example() -> Iterator[tuple[subprocess.Popen[str], str, str]]:
    secret = new_secret()
    with subprocess.Popen(
        [sys.executable, RECEIVER, "--secret", secret, "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
    ) as process:
        assert process.stdout
        url = process.stdout.readline().split()[-1]
        yield process, secret, url
        process.terminate()


async def test_the_example_receiver_takes_a_signed_event_once_and_no_other(
    example: tuple[subprocess.Popen[str], str, str],
) -> None:
    process, secret, url = example
    event = {"eventName": "ota_cm_order_processed", "companyName": "Søren Ærø 🎟️ 王"}
    body = json.dumps({"value": [event]}, ensure_ascii=False).encode()
    headers = sign([new_secret(), secret], "msg_1", datetime.now(UTC), body)
    forged = sign([new_secret()], "msg_2", datetime.now(UTC), body)
    async with Outbound() as outbound:
        statuses = [
            (await outbound.post(url, body, each, policy=DEVELOPMENT)).status
            for each in (headers, headers, forged, {})
        ]
    assert statuses == [204, 204, 401, 401]
    assert process.stdout
    printed = [process.stdout.readline() for _ in range(3)]
    process.terminate()
    assert sorted(line.startswith("refused: ") for line in printed) == [False, True, True]
    assert [json.loads(line) for line in printed if line.startswith("{")] == [event]
    assert process.stdout.read() == ""


@pytest.fixture
def guide(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The how-to's own code, run and served as it stands there."""
    monkeypatch.setenv("WEBHOOK_SECRET", new_secret())
    code = "\n".join(re.findall(r"```python\n(.*?)```", HOW_TO.read_text("utf-8"), re.DOTALL))
    names: dict[str, Any] = {"__name__": "guide"}
    exec(compile(code, str(HOW_TO), "exec"), names)  # noqa: S102 - the guide's code is the subject
    serving = threading.Thread(target=names["server"].serve_forever)
    serving.start()
    yield names
    names["server"].shutdown()
    names["server"].server_close()
    serving.join()


async def test_the_how_to_code_takes_a_signed_event_once_and_no_other(
    guide: dict[str, Any],
) -> None:
    body = b'{"value":[{"eventName":"ota_cm_order_processed","payload":{"orderId":"1"}}]}'
    headers = sign([os.environ["WEBHOOK_SECRET"]], "msg_1", datetime.now(UTC), body)
    url = f"http://127.0.0.1:{guide['server'].server_port}/"
    attempts = [(body, headers), (body, headers), (body + b" ", headers), (body, {})]
    async with Outbound() as outbound:
        statuses = [
            (await outbound.post(url, sent, each, policy=DEVELOPMENT)).status
            for sent, each in [*attempts, (b"\xff", headers)]
        ]
    assert statuses == [204, 204, 401, 401, 401]
    assert guide["work"].get_nowait() == json.loads(body)["value"][0]
    assert guide["work"].empty()


async def test_the_system_s_resolver_finds_loopback() -> None:
    async with listening(Receiver()) as receiver:
        reply = await posted(receiver.url.replace("127.0.0.1", "localhost"))
    assert reply.status == 204


async def test_a_name_that_can_not_exist_is_an_error_in_words() -> None:
    assert (await posted("http://nowhere.invalid/")).error in {
        "name does not resolve",
        "name lookup timed out",
    }
