"""Closed loops (as fast as so many can) and open loops (so many a second, come what may)."""

import asyncio
import time

from load.lives import PATIENCE_SECONDS, Deed, Failed, Partner


async def closed(partner: Partner, deed: Deed, *, side_by_side: int, seconds: float) -> float:
    """So many at the same time, each after the other; returns how many a second were done."""
    end = time.perf_counter() + seconds
    done = 0

    async def one_after_the_other() -> None:
        nonlocal done
        while time.perf_counter() < end:
            ended = await _once(partner, deed)
            done += ended

    started = time.perf_counter()
    await asyncio.gather(*(one_after_the_other() for _ in range(side_by_side)))
    return done / (time.perf_counter() - started)


async def open_loop(partner: Partner, deed: Deed, *, rate: float, seconds: float) -> float:
    """So many a second, whether those before are done or not; returns how many a second ended.

    Latency counts what waits, unlike in a closed loop, which asks less of a service that is slow.
    """
    running = set()
    started = time.perf_counter()
    for number in range(int(rate * seconds)):
        due = started + number / rate
        if (wait := due - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        running.add(asyncio.create_task(_once(partner, deed)))
        running = {task for task in running if not task.done()} if number % 500 == 0 else running
    await asyncio.gather(*running)
    errors = sum(partner.tally.errors.values())
    return (int(rate * seconds) - errors) / (time.perf_counter() - started)


async def _once(partner: Partner, deed: Deed) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await deed(partner)
    except (Failed, OSError, TimeoutError) as error:
        partner.tally.errors[f"{type(error).__name__}: {error}"[:120]] += 1
        return False
    return True
