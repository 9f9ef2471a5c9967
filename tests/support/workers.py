"""Worker processes that are quick to start: forked from a server that has all imports done."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.process import BaseProcess

from channel_manager.outbound import Outbound
from channel_manager.settings import Settings
from channel_manager.worker import run_worker

_processes = get_context("forkserver")
_processes.set_forkserver_preload(["channel_manager.worker"])


async def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _work(url: str, settings: Settings, *, doomed: bool) -> None:
    if doomed:
        # The event is committed and claimed, and no byte of it has left.
        Outbound.post = _die  # type: ignore[method-assign, assignment]
    asyncio.run(run_worker(settings, url, asyncio.Event()))


def start_worker(url: str, settings: Settings, *, doomed: bool = False) -> BaseProcess:
    """A worker process; a doomed one kills itself with SIGKILL where it would send its first."""
    process = _processes.Process(target=_work, args=(url, settings), kwargs={"doomed": doomed})
    process.daemon = True
    process.start()
    return process


@contextmanager
def working(url: str, settings: Settings, count: int = 1) -> Iterator[list[BaseProcess]]:
    """Worker processes, killed at the end."""
    processes = [start_worker(url, settings) for _ in range(count)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.join(10)
