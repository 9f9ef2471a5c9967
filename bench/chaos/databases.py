"""The databases that faults befall: the embedded one, and two servers of Debian's as a pair."""

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
from pathlib import Path

import asyncpg

from channel_manager.embedded import EmbeddedPostgres

DEBIAN = sorted(Path("/usr/lib/postgresql").glob("*/bin"))


class Embedded:
    """The database that `serve` brings along and keeps up."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.embedded = EmbeddedPostgres(home)
        self.url = self.embedded.start()

    @property
    def environment(self) -> dict[str, str]:
        """How a process is told of it."""
        return {"CHANNEL_MANAGER_HOME": str(self.home)}

    @property
    def pid(self) -> int:
        """PostgreSQL's first process."""
        return int((self.embedded.data / "postmaster.pid").read_text().split()[0])

    def restart(self, how: str) -> None:
        """As an operator does it: fast or immediate."""
        arguments = ("-D", str(self.embedded.data), "-m", how, "-w", "restart")
        with (self.home / "restart.log").open("ab") as output:
            self.embedded._run("pg_ctl", *arguments, output=output)  # noqa: SLF001 - as its user

    async def close(self) -> None:
        """Stop it."""
        self.embedded.release()


class Pair:
    """A primary, its synchronous standby, and one address that leads to whichever leads."""

    def __init__(self, home: Path) -> None:
        home.chmod(0o755)
        self._home = home
        self._user = pwd.getpwnam("postgres")
        self._number = 0
        self._primary = self._folder()
        self._ports = {self._primary: _free_port()}
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.port = _free_port()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self._run("initdb", "-D", self._primary, "-A", "trust", "--no-sync")
        self._start(self._primary)
        self._standby = self._follow()

    @property
    def environment(self) -> dict[str, str]:
        """How a process is told of it."""
        return {"CHANNEL_MANAGER_DATABASE_URL": self.url}

    async def listen(self) -> None:
        """Open the one address."""
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", self.port)

    async def fail_over(self) -> None:
        """The primary's machine is gone; the standby leads from now on."""
        pid = int((Path(self._primary) / "postmaster.pid").read_text().split()[0])
        for process in (*_children(pid), pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        old, self._primary = self._primary, self._standby
        await asyncio.to_thread(self._run, "pg_ctl", "-D", self._primary, "-w", "promote")
        # Until there is another standby, nobody can be waited for.
        await self._say(
            "ALTER SYSTEM SET synchronous_standby_names = ''", "SELECT pg_reload_conf()"
        )
        for writer in list(self._writers):
            writer.close()
        shutil.rmtree(old)
        self._standby = await asyncio.to_thread(self._follow)

    async def close(self) -> None:
        """Stop both."""
        if self._server is not None:
            self._server.close()
        for folder in (self._primary, self._standby):
            self._run("pg_ctl", "-D", folder, "-m", "immediate", "stop")

    def _follow(self) -> str:
        folder = self._folder()
        self._ports[folder] = _free_port()
        source = f"host=127.0.0.1 port={self._ports[self._primary]} user=postgres"
        self._run("pg_basebackup", "-D", folder, "-R", "-c", "fast", "-d", source, "--no-sync")
        self._start(folder)
        return folder

    async def wait_for_standby(self) -> None:
        """Return when what commits is on both."""
        await self._say(
            "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"
        )
        for _ in range(200):
            if await self._ask(
                "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"
            ):
                return
            await asyncio.sleep(0.05)
        raise TimeoutError("the standby does not follow")

    async def _say(self, *statements: str) -> None:
        connection = await asyncpg.connect(self._direct())
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def _ask(self, query: str) -> object:
        connection = await asyncpg.connect(self._direct())
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    def _direct(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._ports[self._primary]}/postgres"

    def _folder(self) -> str:
        self._number += 1
        folder = self._home / f"node-{self._number}"
        folder.mkdir(mode=0o700)
        os.chown(folder, self._user.pw_uid, self._user.pw_gid)
        return str(folder)

    def _start(self, folder: str) -> None:
        options = (
            f"-p {self._ports[folder]} -c listen_addresses=127.0.0.1 -c max_connections=150"
            f" -c unix_socket_directories={folder}"
        )
        self._run("pg_ctl", "-D", folder, "-l", f"{folder}/log", "-o", options, "-w", "start")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [DEBIAN[-1] / program, *arguments],
            check=True, user=self._user.pw_uid, group=self._user.pw_gid, extra_groups=[],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
        )  # fmt: skip

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            back, forth = await asyncio.open_connection("127.0.0.1", self._ports[self._primary])
            await asyncio.gather(_pump(reader, forth), _pump(back, writer))
        except OSError:
            writer.close()
        finally:
            self._writers.discard(writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


def _children(pid: int) -> list[int]:
    told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in told.split()]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
