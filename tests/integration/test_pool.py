"""Connections that stay open: none is handed on in a state that its next user must not meet."""

import asyncio
from contextlib import suppress

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from channel_manager.db import Database
from channel_manager.errors import Unavailable
from channel_manager.pool import driver_of
from channel_manager.statements import Statement

SERVER = Statement("SELECT pg_backend_pid() AS pid")


@pytest.fixture
async def narrow(database_url):
    """A database with one connection, so that the next user gets what the last one left."""
    database = Database(database_url, pool_size=1)
    yield database
    await database.close()


async def server(database):
    async with database.read() as conn:
        return (await SERVER.one(conn)).pid


async def test_a_connection_is_used_again(narrow):
    assert await server(narrow) == await server(narrow)


async def test_a_connection_that_the_server_has_closed_is_replaced(narrow, database):
    gone = await server(narrow)
    async with database.read() as conn:
        await conn.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": gone})
    await asyncio.sleep(0.2)
    assert await server(narrow) != gone


async def test_a_statement_that_fails_leaves_a_connection_for_the_next(narrow):
    for way in (narrow.read, narrow.transaction, narrow.snapshot):
        with pytest.raises(ProgrammingError):
            async with way() as conn:
                await conn.execute(text("SELECT nothing_of_that_name"))
        async with narrow.transaction() as conn:
            assert await conn.scalar(text("SELECT 1")) == 1


async def test_what_an_ended_task_has_begun_is_rolled_back(narrow):
    begun = asyncio.Event()

    async def work() -> None:
        async with narrow.transaction() as conn:
            await conn.execute(text("SET LOCAL work_mem = '64kB'"))
            begun.set()
            await conn.execute(text("SELECT pg_sleep(60)"))

    task = asyncio.create_task(work())
    await begun.wait()
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with narrow.read() as conn:
        assert not driver_of(conn).is_in_transaction()
        assert await conn.scalar(text("SHOW work_mem")) != "64kB"


async def test_a_transaction_left_open_by_hand_goes_to_nobody(narrow):
    async with narrow.read() as conn:
        first = (await SERVER.one(conn)).pid
        await driver_of(conn).execute("BEGIN")
    assert await server(narrow) != first


async def test_whoever_finds_no_free_connection_is_told_so(narrow):
    narrow.pool._wait_seconds = 0.1  # noqa: SLF001 - five seconds are long for a test
    async with narrow.read():
        with pytest.raises(Unavailable):
            await server(narrow)
    await server(narrow)
    assert narrow.pool.in_use == 0


async def test_no_waiting_task_that_ends_takes_a_place_with_it(narrow):
    async with narrow.read():
        waiting = [asyncio.create_task(server(narrow)) for _ in range(5)]
        await asyncio.sleep(0)
        waiting.pop().cancel()
    # Told to end in the moment in which the place came to it.
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await server(narrow)
    assert narrow.pool.in_use == 0


async def test_what_the_server_has_rolled_back_is_not_told_as_committed(narrow):
    async def go_on_all_the_same() -> None:
        async with narrow.transaction() as conn:
            with suppress(ProgrammingError):
                await conn.execute(text("SELECT nothing_of_that_name"))

    with pytest.raises(RuntimeError, match="ROLLBACK"):
        await go_on_all_the_same()
    await server(narrow)
