"""Building large things in a thread, so that the event loop goes on with what else there is."""

import asyncio
import gc
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple, Unpack

Given = TypeVarTuple("Given")
Made = TypeVar("Made")
_running = 0


async def beside(function: Callable[[Unpack[Given]], Made], *given: *Given) -> Made:
    """What the function makes, made in a thread while Python collects no garbage.

    The collector stops every thread while it looks through all that there is. Something large that
    grows has it look again and again, half a second each time, for cycles that aren't there.
    """
    global _running  # noqa: PLW0603 - of the process, as the collector is
    _running += 1
    gc.disable()
    try:
        return await asyncio.to_thread(function, *given)
    finally:
        _running -= 1
        if not _running:
            gc.enable()
