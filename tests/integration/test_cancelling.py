"""A task that is told to end ends, whatever becomes of its connection."""

import asyncio

import pytest
from sqlalchemy import text


@pytest.mark.parametrize("way", ["transaction", "read", "single", "snapshot"])
async def test_a_connection_that_fails_does_not_hide_the_end(database, way):
    begun = asyncio.Event()

    async def work() -> None:
        async with getattr(database, way)() as conn:
            server = await conn.scalar(text("SELECT pg_backend_pid()"))
            begun.set()
            try:
                await asyncio.sleep(60)
            finally:
                async with database.read() as other:
                    await other.execute(
                        text("SELECT pg_terminate_backend(:server)"), {"server": server}
                    )
                # As the driver does where the statement that it ends finds no server.
                await conn.execute(text("SELECT 1"))

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), 30)
    assert task.cancelled()


async def test_an_error_after_the_end_was_asked_for_is_told_as_it_is(database):
    """Whoever ends a task may still use the database, and hear what is wrong with it."""

    async def tidy_up() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            with pytest.raises(OverflowError):
                async with database.read():
                    raise OverflowError

    task = asyncio.create_task(tidy_up())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
