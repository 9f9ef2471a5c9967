from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from channel_manager.access.limits import RateLimits
from channel_manager.app import make_app
from channel_manager.db import Database, new_id
from channel_manager.errors import RateLimited, Unavailable
from support import castle
from support.castle import COMPANY_PATH, ORDERS_PATH, PARTNER

LIST = f"{ORDERS_PATH}/orders/{PARTNER}"


class Instant:
    """All of a test in one window, however long it takes."""

    now = datetime.now(UTC)


def one_instant():
    return Instant.now


@pytest.fixture(autouse=True)
def now():
    # Of the test, not of the run: the database forgets windows that are minutes old.
    Instant.now = datetime.now(UTC)


@pytest.fixture
async def client(database, database_url, settings, company_id):
    key = await castle.make_key(database, company_id)
    async with another_process(settings, database_url, key) as client:
        yield client


@asynccontextmanager
async def another_process(settings, database_url, key):
    app = make_app(settings, database_url, clock=one_instant)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=transport, base_url="http://venue.example", headers={"x-np-api-key": key}
        ) as client,
    ):
        client.app = app
        yield client


async def limited_key(client, limit):
    made = await client.post(f"{COMPANY_PATH}/keys", json={"rateLimit": limit})
    return made.json()["key"]


async def test_every_reply_says_where_the_key_stands(client):
    first = await client.get(LIST)
    assert first.headers["ratelimit-limit"] == "6000"
    assert 0 < int(first.headers["ratelimit-reset"]) <= 300
    assert first.headers["ratelimit-policy"] == '"key";q=6000;w=300'
    second = await client.get(f"{ORDERS_PATH}/nope")
    left = [int(reply.headers["ratelimit-remaining"]) for reply in (first, second)]
    assert left[0] - left[1] == 1


async def test_over_the_limit_it_is_429_until_the_window_ends(client):
    client.headers["x-np-api-key"] = await limited_key(client, 3)
    replies = [await client.get(LIST) for _ in range(5)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429, 429]
    refused = replies[-1]
    assert refused.json()["code"] == "rate_limited"
    assert refused.headers["retry-after"] == refused.headers["ratelimit-reset"]
    assert refused.headers["ratelimit-remaining"] == "0"


async def test_processes_share_a_limit(client, settings, database_url):
    key = await limited_key(client, 6)
    async with AsyncExitStack() as stack:
        processes = [
            await stack.enter_async_context(another_process(settings, database_url, key))
            for _ in range(2)
        ]
        for process in processes:
            assert [(await process.get(LIST)).status_code for _ in range(3)] == [200] * 3
        # What each does by itself once a second; twice, so that the first hears of the second.
        for process in (*processes, *processes):
            await process.app.state.rate_limits.sync()
            statuses = [(await process.get(LIST)).status_code]
        assert [(await process.get(LIST)).status_code for process in processes] == [429, 429]
        assert statuses == [429]


def limits_over(database):
    return RateLimits(database, one_instant, default_limit=100, concurrent=2)


async def test_only_so_many_requests_of_a_key_are_under_way_at_once(database):
    limits, key_id = limits_over(database), new_id()
    limits.count(key_id, None)
    with limits.one_of_few(key_id), limits.one_of_few(key_id):
        third = limits.one_of_few(key_id)
        with pytest.raises(RateLimited):
            third.__enter__()
    with limits.one_of_few(key_id):
        pass


async def test_the_counts_of_processes_add_up(database):
    key_id = new_id()
    first, second = limits_over(database), limits_over(database)
    for limits in (first, second, second, first):
        limits.count(key_id, None)
        await limits.sync()
    assert [limits.count(key_id, None).remaining for limits in (first, second)] == [95, 96]
    # `first` learns of the last of `second` with the next that it has to tell itself.
    for limits in (first, second):
        await limits.sync()
    assert [limits.count(key_id, None).remaining for limits in (first, second)] == [94, 93]


async def test_counts_wait_while_the_database_is_away():
    limits, key_id = limits_over(Database("postgresql://127.0.0.1:9/none")), new_id()
    limits.count(key_id, None)
    with pytest.raises(Unavailable):
        await limits.sync()
    assert limits.count(key_id, None).remaining == 98


async def test_a_new_window_starts_from_nothing(database):
    now = [Instant.now]
    limits = RateLimits(database, lambda: now[0], default_limit=100, concurrent=2)
    key_id = new_id()
    for _ in range(3):
        limits.count(key_id, None)
    await limits.sync()
    now[0] += timedelta(seconds=300)
    assert limits.count(key_id, None).remaining == 99


async def test_who_has_no_valid_key_is_refused_after_a_while_and_locks_nobody_out(
    database_url, database, company_id, settings
):
    key = await castle.make_key(database, company_id)
    few = settings.model_copy(update={"stranger_limit": 3})
    async with another_process(few, database_url, key) as client:
        assert (await client.get(LIST)).status_code == 200
        for left in (2, 1, 0):
            refused = await client.get(LIST, headers={"x-np-api-key": "wrong" * 8})
            assert refused.status_code == 401
            assert refused.headers["ratelimit-remaining"] == str(left)
        for headers in ({"x-np-api-key": "wrong" * 8}, {"x-np-api-key": "é".encode()}):
            refused = await client.get(LIST, headers=headers)
            assert refused.status_code in (401, 429)
        refused = await client.get(LIST, headers={"x-np-api-key": "wrong" * 8})
        assert (refused.status_code, refused.json()["code"]) == (429, "rate_limited")
        assert 0 < int(refused.headers["retry-after"]) <= 301
        # The partner behind the same address, whose key was found valid before.
        assert (await client.get(LIST)).status_code == 200
