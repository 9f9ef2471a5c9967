"""A task that is told to end ends, whatever becomes of its transaction."""

import asyncio

import pytest
from sqlalchemy import text


async def test_a_failed_rollback_does_not_hide_the_end(database):
    begun = asyncio.Event()

    async def work() -> None:
        async with database.transaction() as conn:
            server = await conn.scalar(text("SELECT pg_backend_pid()"))
            begun.set()
            try:
                await asyncio.sleep(60)
            finally:
                async with database.read() as other:
                    await other.execute(
                        text("SELECT pg_terminate_backend(:server)"), {"server": server}
                    )

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(asyncio.shield(task), 30)
    assert task.cancelled()
