import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from channel_manager.db import Database

Result = TypeVar("Result")


def run(url: str, work: Callable[[Database], Awaitable[Result]]) -> Result:
    """Do a command's work on a small pool of its own."""

    async def inside() -> Result:
        database = Database(url, pool_size=2)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(inside())
