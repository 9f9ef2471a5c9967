"""What every worker does for capacity beside its jobs, all of it safe to do several times at once:
give back what Drafts held too long, and make the time slots of the days to come.
"""

import asyncio
from datetime import timedelta

import structlog

from channel_manager.capacity.generation import generate_everywhere
from channel_manager.clock import system_clock
from channel_manager.db import Database
from channel_manager.orders.holds import expire_holds

log = structlog.get_logger(__name__)

HOLD_SECONDS = 2.0
GENERATE_EVERY = timedelta(hours=1)


async def keep_capacity(database: Database) -> None:
    """Run until cancelled. Slots are made hourly, so that each venue's new day finds its own soon
    after its midnight, wherever it is.
    """
    next_run = system_clock()
    while True:
        try:
            await expire_holds(database)
            if system_clock() >= next_run:
                await generate_everywhere(database, system_clock())
                next_run = system_clock() + GENERATE_EVERY
        except Exception:
            # The database is away, or a bug: the next round tries again.
            log.warning("capacity_not_kept", exc_info=True)
        await asyncio.sleep(HOLD_SECONDS)
