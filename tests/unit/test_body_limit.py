import asyncio

import pytest

from channel_manager.body_limit import BodyLimit


async def reads_all(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def status_of(chunks, *, declared=None, pause=0.0):
    """What a client gets that sends these chunks, with a pause before each."""
    sent = []
    waiting = list(chunks)

    async def receive():
        await asyncio.sleep(pause)
        body = waiting.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(waiting)}

    async def send(message):
        sent.append(message)

    headers = [] if declared is None else [(b"content-length", declared)]
    scope = {"type": "http", "headers": headers}
    await BodyLimit(reads_all, limit=10, seconds=0.2)(scope, receive, send)
    return sent[0]["status"]


@pytest.mark.parametrize(
    ("chunks", "status"), [([b"x" * 10], 200), ([b"x" * 11], 413), ([b"x"] * 11, 413), ([b""], 200)]
)
async def test_a_body_is_counted_as_it_comes(chunks, status):
    assert await status_of(chunks) == status


async def test_a_body_that_says_it_is_too_large_is_not_read():
    assert await status_of([], declared=b"11") == 413


async def test_a_body_that_dribbles_in_is_given_up():
    assert await status_of([b"x"] * 10, pause=0.1) == 408
