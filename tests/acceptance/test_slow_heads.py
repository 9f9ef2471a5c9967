"""Connections that take their time, on a real server (cases: slow clients hold nothing)."""

import asyncio
import time

import pytest

from support.service import serving

SECONDS = 0.4


@pytest.fixture(scope="module")
async def address(postgres, template):
    from support.postgres import fresh_database  # noqa: PLC0415 - beside its only use

    async with fresh_database(postgres, template) as url:
        env = {
            "DATABASE_URL": url,
            "CHANNEL_MANAGER_LOG_LEVEL": "WARNING",
            "CHANNEL_MANAGER_REQUEST_SECONDS": str(SECONDS),
        }
        async with serving(env) as service:
            host, _, port = service.base.removeprefix("http://").partition(":")
            yield host, int(port)


async def answer(address, *, first=b"", again=b"", every=0.05):
    """What the server says to who sends `first`, and then `again` for as long as it listens."""
    reader, writer = await asyncio.open_connection(*address)
    writer.write(first)

    async def dribble():
        while again:
            await asyncio.sleep(every)
            writer.write(again)

    dribbling = asyncio.create_task(dribble())
    started = time.monotonic()
    try:
        told = await asyncio.wait_for(reader.read(), 20)
    except ConnectionResetError:
        told = b""
    finally:
        dribbling.cancel()
        writer.close()
    return told, time.monotonic() - started


async def test_a_head_that_dribbles_in_is_told_so_and_cut_off(address):
    told, _ = await answer(
        address, first=b"GET /healthz HTTP/1.1\r\nHost: x\r\n", again=b"X: 1\r\n"
    )
    assert told.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"request_timeout"' in told


async def test_who_connects_and_says_nothing_is_hung_up_on(address):
    told, _ = await answer(address)
    assert told == b""


async def test_a_body_that_dribbles_in_after_its_reply_is_cut_off(address):
    head = (
        b"POST /healthz HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100000\r\n\r\n"
    )
    told, _ = await answer(address, first=head, again=b" ")
    # Answered at once, since nothing reads it, and still not for ever.
    assert told.startswith(b"HTTP/1.1 405 ")


async def test_a_head_without_an_end_is_refused_by_its_size(address):
    line = b"X-Filler: " + b"x" * 8_000 + b"\r\n"
    told, _ = await answer(
        address, first=b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + line, again=line * 4, every=0.01
    )
    assert told.startswith((b"HTTP/1.1 431 ", b"HTTP/1.1 400 ")) or told == b""


async def test_the_next_request_on_a_connection_has_its_own_time(address):
    reader, writer = await asyncio.open_connection(*address)
    for _ in range(3):
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert head.startswith(b"HTTP/1.1 200 ")
        await reader.readexactly(15)
        # Idle between requests for longer than a head may take.
        await asyncio.sleep(SECONDS * 1.5)
    writer.close()
