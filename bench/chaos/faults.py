"""What goes wrong, once a run, while partners order."""

import asyncio
import contextlib
import os
import random
import signal
import subprocess
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import psutil

from chaos.databases import Embedded, Pair
from chaos.world import COMMAND, World

FAKETIME = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
FULL_SECONDS = 3.0


@dataclass(frozen=True)
class Fault:
    """Something that goes wrong: what it is, how it is done, and on what database."""

    what: str
    do: Callable[[World], Awaitable[None]]
    on: str = "embedded"
    # What this machine must have for it; a hint how to get it.
    needs: Callable[[], str] = lambda: ""


async def kill_api(world: World) -> None:
    """One of two API processes."""
    random.choice(world.children("api")).kill()  # noqa: S311 - which one doesn't matter


async def kill_worker(world: World) -> None:
    """One of two workers."""
    random.choice(world.children("worker")).kill()  # noqa: S311 - likewise


async def kill_all_workers(world: World) -> None:
    """All workers at once."""
    for child in world.children("worker"):
        child.kill()


async def kill_supervisor(world: World) -> None:
    """The parent of all; a service manager starts it again."""
    assert world.process is not None
    children = psutil.Process(world.process.pid).children(recursive=True)
    world.process.kill()
    world.process.wait()
    await asyncio.to_thread(psutil.wait_procs, children, 30)
    world.start()


async def drain(world: World) -> None:
    """SIGTERM to all, as at a restart; it must end by itself and cleanly."""
    assert world.process is not None
    code = await asyncio.to_thread(world.stop)
    if code != 0:
        world.problems.append(f"serve ended with {code} after SIGTERM")
    world.start()


async def kill_database(world: World) -> None:
    """PostgreSQL's first process; `serve` starts it again."""
    assert isinstance(world.database, Embedded)
    os.kill(world.database.pid, signal.SIGKILL)


async def kill_backend(world: World) -> None:
    """One session's process, upon which PostgreSQL ends all sessions and recovers."""
    connection = await asyncpg.connect(world.database.url)
    pids = await connection.fetch(
        "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
        " AND pid <> pg_backend_pid()"
    )
    await connection.close()
    with contextlib.suppress(ProcessLookupError):
        os.kill(random.choice(pids)["pid"], signal.SIGKILL)  # noqa: S311 - likewise


async def restart_fast(world: World) -> None:
    """PostgreSQL restarted by an operator: sessions are ended."""
    assert isinstance(world.database, Embedded)
    await asyncio.to_thread(world.database.restart, "fast")


async def restart_immediate(world: World) -> None:
    """PostgreSQL restarted without a checkpoint: it recovers from its log."""
    assert isinstance(world.database, Embedded)
    await asyncio.to_thread(world.database.restart, "immediate")


async def drop_listeners(world: World) -> None:
    """The connections on which workers are notified."""
    await _terminate(world, "application_name IN ('channel-manager-queue', 'channel-manager-news')")


async def drop_connections(world: World) -> None:
    """Every connection that there is."""
    await _terminate(world, "backend_type = 'client backend'")


async def skew_clocks(world: World) -> None:
    """Two more workers, on hosts whose clocks are ten minutes ahead and behind; the others die."""
    skewed = [_skewed_worker(world, offset) for offset in ("+600s", "-600s")]
    try:
        for _ in range(4):
            await asyncio.sleep(1)
            await kill_all_workers(world)
        await asyncio.sleep(1)
    finally:
        for process in skewed:
            process.terminate()
        for process in skewed:
            await asyncio.to_thread(process.wait, 30)


def _skewed_worker(world: World, offset: str) -> subprocess.Popen[bytes]:
    env = world.env | {"LD_PRELOAD": str(FAKETIME), "FAKETIME": offset}
    if isinstance(world.database, Embedded):
        env["CHANNEL_MANAGER_DATABASE_URL"] = world.database.url
    return subprocess.Popen([*COMMAND, "worker"], env=env, stderr=subprocess.DEVNULL)


async def fill_disk(world: World) -> None:
    """The disk of the database is full for some seconds."""
    assert isinstance(world.database, Embedded)
    filler = world.database.home / "filler"
    with filler.open("wb", buffering=0) as output, contextlib.suppress(OSError):
        while True:
            output.write(b"\0" * 65_536)
    await asyncio.sleep(FULL_SECONDS)
    filler.unlink()


async def fail_over(world: World) -> None:
    """The primary's machine is gone; its synchronous standby takes over."""
    assert isinstance(world.database, Pair)
    await world.database.wait_for_standby()
    await world.database.fail_over()


async def _terminate(world: World, which: str) -> None:
    connection = await asyncpg.connect(world.database.url)
    await connection.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE {which} AND pid <> pg_backend_pid()"
    )
    await connection.close()


def _faketime() -> str:
    return "" if FAKETIME.exists() else "apt-get install faketime"


def _debian() -> str:
    return (
        ""
        if any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
        else "apt-get install postgresql"
    )


def _root() -> str:
    return "" if os.geteuid() == 0 else "run it as root, who may mount a small disk"


FAULTS: dict[str, Fault] = {
    "kill-api": Fault("kill -9 of an API process", kill_api),
    "kill-worker": Fault("kill -9 of a worker", kill_worker),
    "kill-workers": Fault("kill -9 of all workers", kill_all_workers),
    "kill-supervisor": Fault("kill -9 of `serve` itself", kill_supervisor),
    "drain": Fault("SIGTERM, and a new start", drain),
    "kill-database": Fault("kill -9 of the embedded PostgreSQL", kill_database),
    "kill-backend": Fault("kill -9 of one of its sessions", kill_backend),
    "restart-fast": Fault("database restarted", restart_fast),
    "restart-immediate": Fault("database restarted at once", restart_immediate),
    "drop-listeners": Fault("listening connections dropped", drop_listeners),
    "drop-connections": Fault("all connections dropped", drop_connections),
    "skew-clocks": Fault("workers whose clocks are 10 minutes off", skew_clocks, needs=_faketime),
    "fill-disk": Fault("disk full for 3 s", fill_disk, on="small disk", needs=_root),
    "fail-over": Fault("fail-over to a streaming replica", fail_over, on="pair", needs=_debian),
}
