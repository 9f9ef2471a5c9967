"""The embedded PostgreSQL through starts, kills and crashes, with real processes."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from sqlalchemy import text

from channel_manager.db import Database
from channel_manager.embedded import EmbeddedPostgres, EmbeddedPostgresError

pytestmark = pytest.mark.embedded

# Uses the server until it is told to stop; says when it has it.
USER = """
import sys
from pathlib import Path
from channel_manager.embedded import EmbeddedPostgres
from channel_manager.logs import configure_logs
configure_logs("WARNING", "json")
with EmbeddedPostgres(Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cm-embedded-") as folder:
        yield Path(folder)
        for pid in server_pids(Path(folder)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def server_pids(home: Path) -> list[int]:
    return [
        process.pid
        for process in psutil.process_iter(["cmdline"])
        if process.info["cmdline"]
        and "postgres" in process.info["cmdline"][0]
        and str(home / "postgres") in process.info["cmdline"]
    ]


def start_user(home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", USER, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def ready(user: subprocess.Popen[str]) -> None:
    assert user.stdout.readline() == "ready\n"


def finish(user: subprocess.Popen[str]) -> None:
    user.communicate("\n", timeout=30)


@contextlib.asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()


async def test_data_is_kept_and_the_server_stops_with_its_last_user(home):
    with EmbeddedPostgres(home) as url:
        async with connected(url) as connection:
            await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)")
            assert await connection.fetchval("SHOW fsync") == "on"
            assert (await connection.fetchval("SHOW listen_addresses")) == ""
    assert server_pids(home) == []
    with EmbeddedPostgres(home) as url:
        async with connected(url) as connection:
            assert await connection.fetchval("SELECT n FROM kept") == 42


async def test_the_address_serves_sqlalchemy_too(home):
    with EmbeddedPostgres(home) as url:
        database = Database(url, pool_size=1)
        async with database.transaction() as conn:
            assert await conn.scalar(text("SELECT 1")) == 1
        await database.close()


async def test_processes_that_start_at_once_share_one_server(home):
    users = [start_user(home) for _ in range(4)]
    for user in users:
        ready(user)
    assert len(server_pids(home)) == 1
    for user in users[:-1]:
        finish(user)
    assert len(server_pids(home)) == 1
    finish(users[-1])
    assert server_pids(home) == []


async def test_a_killed_user_leaves_no_count_behind(home):
    killed, other = start_user(home), start_user(home)
    ready(killed)
    ready(other)
    killed.kill()
    killed.communicate()
    assert len(server_pids(home)) == 1
    finish(other)
    assert server_pids(home) == []


async def test_a_server_whose_users_were_all_killed_is_found_again(home):
    user = start_user(home)
    ready(user)
    before = server_pids(home)
    user.kill()
    user.communicate()
    with EmbeddedPostgres(home):
        assert server_pids(home) == before
    assert server_pids(home) == []


async def test_a_server_that_was_killed_recovers_what_was_committed(home):
    embedded = EmbeddedPostgres(home)
    url = embedded.start()
    async with connected(url) as connection:
        await connection.execute("CREATE TABLE kept (n int); INSERT INTO kept VALUES (42)")
    (postmaster,) = server_pids(home)
    family = psutil.Process(postmaster).children(recursive=True)
    os.kill(postmaster, signal.SIGKILL)
    for child in family:
        with contextlib.suppress(psutil.Error):
            child.kill()
    psutil.wait_procs(family, timeout=10)
    with EmbeddedPostgres(home) as again:
        async with connected(again) as connection:
            assert await connection.fetchval("SELECT n FROM kept") == 42
    embedded.release()


async def test_a_stale_pid_that_is_somebody_elses_by_now_does_not_confuse(home):
    with EmbeddedPostgres(home):
        saved = (home / "postgres" / "postmaster.pid").read_text()
    lines = saved.splitlines()
    lines[0] = str(os.getpid())
    (home / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
    with EmbeddedPostgres(home) as url:
        async with connected(url) as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def test_an_interrupted_first_start_is_begun_anew(home):
    (home / "postgres.new" / "base").mkdir(parents=True)
    (home / "postgres.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(home) as url:
        async with connected(url) as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def test_a_long_path_still_has_a_socket(home):
    deep = home / ("x" * 60) / ("y" * 60)
    with EmbeddedPostgres(deep) as url:
        async with connected(url) as connection:
            assert await connection.fetchval("SELECT 1") == 1
    for pid in server_pids(deep):
        raise AssertionError(f"{pid} still runs")


def test_data_of_another_version_is_refused_with_a_remedy(home):
    (home / "postgres").mkdir()
    (home / "postgres" / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedPostgresError, match="PostgreSQL 12"):
        EmbeddedPostgres(home).start()


def test_a_home_that_is_a_file_is_refused_with_a_remedy(home):
    (home / "file").write_text("")
    with pytest.raises(EmbeddedPostgresError, match="CHANNEL_MANAGER_HOME"):
        EmbeddedPostgres(home / "file").start()


async def test_starting_and_stopping_in_turns_never_misses(home):
    async def use() -> None:
        embedded = EmbeddedPostgres(home)
        url = await asyncio.to_thread(embedded.start)
        async with connected(url) as connection:
            assert await connection.fetchval("SELECT 1") == 1
        await asyncio.to_thread(embedded.release)

    for _ in range(3):
        await asyncio.gather(*(use() for _ in range(4)))
    assert server_pids(home) == []
