"""The embedded PostgreSQL through starts, kills and crashes, with real processes."""

import asyncio
import contextlib
import os
import pwd
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
from sqlalchemy import text

from channel_manager.db import Database
from channel_manager.embedded import (
    ROOTS_USER,
    SHORT_SOCKETS,
    EmbeddedPostgres,
    EmbeddedPostgresError,
)
from support.postgres import at

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


STARTED: list[subprocess.Popen[str]] = []


@pytest.fixture
def home() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="cm-embedded-") as folder:
        yield Path(folder)
        while STARTED:
            with STARTED.pop() as user:
                user.kill()
        for pid in server_pids(Path(folder)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def server_pids(home: Path) -> list[int]:
    found = {
        process.pid: process.info["ppid"]
        for process in psutil.process_iter(["cmdline", "ppid"])
        if process.info["cmdline"]
        and "postgres" in process.info["cmdline"][0]
        and str(home / "postgres") in process.info["cmdline"]
    }
    # A server's child looks like the server until it has named itself.
    return [pid for pid, parent in found.items() if parent not in found]


def start_user(home: Path, **how: object) -> subprocess.Popen[str]:
    user = subprocess.Popen(
        [sys.executable, "-c", USER, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        **how,
    )
    STARTED.append(user)
    return user


def ready(user: subprocess.Popen[str]) -> None:
    assert user.stdout.readline() == "ready\n"


def finish(user: subprocess.Popen[str]) -> None:
    user.communicate("\n", timeout=30)


def eventually(check: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def as_the_server() -> dict[str, object]:
    """How to start a process as the user whom the server runs as."""
    if os.geteuid() != 0:
        return {}
    found = pwd.getpwnam(ROOTS_USER)
    return {"user": found.pw_uid, "group": found.pw_gid, "cwd": "/"}


def kill_server(home: Path, *, with_children: bool) -> None:
    (postmaster,) = (psutil.Process(pid) for pid in server_pids(home))
    family = postmaster.children(recursive=True)
    postmaster.kill()
    for child in family if with_children else []:
        with contextlib.suppress(psutil.Error):
            child.kill()
    psutil.wait_procs([postmaster, *(family if with_children else [])], timeout=10)


async def answer(url: str) -> object:
    async with connected(url) as connection:
        return await connection.fetchval("SELECT 1")


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
    kill_server(home, with_children=True)
    with EmbeddedPostgres(home) as again:
        async with connected(again) as connection:
            assert await connection.fetchval("SELECT n FROM kept") == 42
    embedded.release()


def test_stale_pids_that_are_somebody_elses_by_now_do_not_confuse(home):
    embedded = EmbeddedPostgres(home)
    embedded.start()
    kill_server(home, with_children=True)
    # A process of the server's own user, which PostgreSQL itself takes for a server.
    somebody = subprocess.Popen(["sleep", "600"], **as_the_server())
    try:
        for file in (home / "postgres" / "postmaster.pid", home / "socket" / ".s.PGSQL.5432.lock"):
            _, _, rest = file.read_text().partition("\n")
            file.write_text(f"{somebody.pid}\n{rest}")
        with EmbeddedPostgres(home) as url:
            assert asyncio.run(answer(url)) == 1
        assert somebody.poll() is None
    finally:
        somebody.kill()
        somebody.wait()
        embedded.release()


async def test_an_empty_pid_file_left_by_a_power_cut_does_not_confuse(home):
    with EmbeddedPostgres(home):
        pass
    (home / "postgres" / "postmaster.pid").write_text("")
    with EmbeddedPostgres(home) as url:
        assert await answer(url) == 1


def test_a_server_that_is_busy_starting_or_stopping_is_waited_for(home):
    first = start_user(home)
    ready(first)
    (postmaster,) = server_pids(home)
    os.kill(postmaster, signal.SIGSTOP)
    second = start_user(home)
    time.sleep(4)  # Longer than one question to the server takes.
    assert second.poll() is None
    os.kill(postmaster, signal.SIGCONT)
    ready(second)
    assert server_pids(home) == [postmaster]
    finish(first)
    finish(second)
    assert server_pids(home) == []


async def test_what_a_killed_server_leaves_running_is_waited_for(home):
    with EmbeddedPostgres(home) as url:
        orphan = await asyncpg.connect(url)
        pid = await orphan.fetchval("SELECT pg_backend_pid()")
        os.kill(pid, signal.SIGSTOP)
        kill_server(home, with_children=False)
        user = start_user(home)
        await asyncio.sleep(2)
        assert user.poll() is None
        os.kill(pid, signal.SIGCONT)
        ready(user)
        finish(user)
        orphan.terminate()


async def test_a_first_start_that_is_killed_in_the_middle_is_begun_anew(home):
    users = [start_user(home) for _ in range(2)]
    eventually((home / "postgres.new" / "base").exists)
    for user in users:
        user.kill()
        user.communicate()
    with EmbeddedPostgres(home) as url:
        assert await answer(url) == 1
    assert server_pids(home) == []
    assert not (home / "postgres.new").exists()


async def test_an_interrupted_first_start_is_begun_anew(home):
    (home / "postgres.new" / "base").mkdir(parents=True)
    (home / "postgres.new" / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres(home) as url:
        async with connected(url) as connection:
            assert await connection.fetchval("SELECT 1") == 1


@pytest.mark.parametrize(
    "name", ["x" * 60 + "/" + "y" * 60, "музей" * 8, 'it\'s $HOME, 100% "mine" & `ours`']
)
async def test_any_path_has_a_socket(home, name):
    deep = home / name
    with EmbeddedPostgres(deep) as url:
        assert await answer(url) == 1
        assert len(server_pids(deep)) == 1
    assert server_pids(deep) == []


async def test_another_temporary_directory_finds_the_same_server(home, tmp_path, monkeypatch):
    deep = home / ("x" * 100)
    with EmbeddedPostgres(deep):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        with EmbeddedPostgres(deep) as url:
            assert await answer(url) == 1


async def test_settings_for_other_servers_in_the_environment_do_not_matter(home, monkeypatch):
    with EmbeddedPostgres(home):
        monkeypatch.setenv("PGPORT", "6000")
        monkeypatch.setenv("PGDATA", "elsewhere")
        with EmbeddedPostgres(home) as url:
            assert await answer(url) == 1
            database = Database(url, pool_size=1)
            async with database.transaction() as conn:
                assert await conn.scalar(text("SELECT 1")) == 1
            await database.close()
    with EmbeddedPostgres(home) as url:
        assert await answer(url) == 1


async def test_settings_of_ones_own_are_taken_as_they_are(home):
    with EmbeddedPostgres(home, {"cluster_name": "it's a $test", "fsync": "off"}) as url:
        async with connected(url) as connection:
            assert await connection.fetchval("SHOW fsync") == "off"
            assert await connection.fetchval("SHOW cluster_name") == "it's a $test"
            assert await connection.fetchval("SHOW max_connections") == "200"


def test_a_wrong_setting_is_told_with_the_servers_own_words(home):
    with pytest.raises(EmbeddedPostgresError, match="no_such_setting"):
        EmbeddedPostgres(home, {"no_such_setting": "1"}).start()
    assert server_pids(home) == []


async def test_another_database_is_reached_by_its_name(home):
    with EmbeddedPostgres(home) as url:
        async with connected(url) as connection:
            await connection.execute("CREATE DATABASE other")
        async with connected(at(url, "other")) as connection:
            assert await connection.fetchval("SELECT current_database()") == "other"


def test_a_link_in_the_place_of_the_socket_directory_is_refused(home, tmp_path):
    deep = home / ("x" * 100)
    sockets = EmbeddedPostgres(deep).sockets
    assert sockets.parent == SHORT_SOCKETS
    sockets.symlink_to(tmp_path)
    before = tmp_path.stat()
    try:
        with pytest.raises(EmbeddedPostgresError, match="remove it"):
            EmbeddedPostgres(deep).start()
        assert tmp_path.stat().st_uid == before.st_uid
    finally:
        sockets.unlink()


def test_the_data_and_the_socket_are_private_and_a_terminals_ctrl_c_is_not_the_servers(home):
    with EmbeddedPostgres(home):
        for place in (home / "postgres", home / "socket"):
            assert stat.S_IMODE(place.stat().st_mode) == 0o700
        (pid,) = server_pids(home)
        assert os.getsid(pid) != os.getsid(0)
        ours = {str(home / "postgres.users"), str(home / "postgres.start")}
        open_files = {os.path.realpath(fd) for fd in Path(f"/proc/{pid}/fd").iterdir()}
        assert open_files & ours == set()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as somebody else")
def test_roots_server_has_no_rights_of_root(home):
    closed = home / "closed"
    closed.mkdir(mode=0o700)
    user = start_user(closed / "home", extra_groups=[0, 1])
    ready(user)
    (pid,) = server_pids(closed / "home")
    owner = pwd.getpwnam(ROOTS_USER)
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    groups = next(line.split()[1:] for line in status if line.startswith("Groups:"))
    assert set(psutil.Process(pid).uids()) == {owner.pw_uid}
    assert set(groups) <= {str(owner.pw_gid)}
    assert stat.S_IMODE(closed.stat().st_mode) == 0o701
    finish(user)


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


def test_a_server_that_dies_is_started_again_while_it_is_kept(home):
    embedded = EmbeddedPostgres(home)
    with embedded, embedded.kept_running():
        (first,) = server_pids(home)
        kill_server(home, with_children=False)
        eventually(lambda: server_pids(home) not in ([], [first]))
        (second,) = server_pids(home)
        os.kill(second, signal.SIGKILL)
        eventually(lambda: server_pids(home) not in ([], [second]))
    eventually(lambda: server_pids(home) == [])
