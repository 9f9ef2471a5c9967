"""The process tree of `serve`: a parent that keeps its children running."""

import contextlib
import ctypes
import errno
import os
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType

import structlog
import typer
from prometheus_client.multiprocess import mark_process_dead

log = structlog.get_logger(__name__)

GRACE_SECONDS = 20.0
FIRST_BACKOFF = 0.1
LAST_BACKOFF = 5.0
# A child that lived this long has not failed to start; it is started again at once.
GROWN_UP_SECONDS = 10.0
POLL_SECONDS = 0.05
PR_SET_PDEATHSIG = 1
# Names to a child the pipe whose other end its parent holds.
LIFELINE = "CHANNEL_MANAGER_LIFELINE"
REMEDIES = {
    errno.EADDRINUSE: "stop what uses it, or choose another with --port",
    errno.EACCES: "choose a port above 1023 with --port",
}


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running, the descriptors it inherits, and what its environment adds."""

    name: str
    argv: list[str]
    pass_fds: tuple[int, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Running:
    child: Child
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_at: float = 0.0
    failures: int = 0


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, to be handed to children.

    Errors: `typer.BadParameter` where the address can't be had, with the remedy.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        remedy = REMEDIES.get(error.errno or 0, "choose an address of this machine with --host")
        name = address_of(host, port).removeprefix("http://")
        raise typer.BadParameter(
            f"{name} can't be listened on ({error.strerror}); {remedy}."
        ) from None
    return listener


def address_of(host: str, port: int) -> str:
    """The web address of a host and port; an IPv6 address stands in brackets."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(
    children: Sequence[Child],
    *,
    grace_seconds: float = GRACE_SECONDS,
    listener: socket.socket | None = None,
) -> int:
    """Run the children until SIGTERM, SIGINT or SIGHUP, restarting each that dies.

    Our own hold on the socket that they accept on is let go as they stop, so that whoever connects
    once they have closed it is refused, and doesn't wait for nobody.

    Returns 0 after a clean stop, 1 where children had to be killed.

    The first signal lets them finish what is under way, for `grace_seconds`; a second one, or the
    end of the grace, kills them.
    """
    return _Supervisor(children, grace_seconds, listener).run()


class _Supervisor:
    def __init__(
        self, children: Sequence[Child], grace_seconds: float, listener: socket.socket | None
    ) -> None:
        self._listener = listener
        self._running = [_Running(child) for child in children]
        self._grace = grace_seconds
        self._signals = 0
        # Only we hold the second end, so that the kernel closes it when we die, however that is.
        self._lifeline, self._held = os.pipe()

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            # One that is ignored stays so: `nohup` means it.
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._on_signal)
        try:
            while self._signals == 0:
                for running in self._running:
                    self._tend(running)
                time.sleep(POLL_SECONDS)
            return self._stop()
        finally:
            self._kill()
            os.close(self._held)
            os.close(self._lifeline)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _tend(self, running: _Running) -> None:
        now = time.monotonic()
        if running.process is not None and (code := running.process.poll()) is not None:
            forget_metrics_of(running.process.pid)
            running.process = None
            lived = now - running.started
            running.failures = 0 if lived > GROWN_UP_SECONDS else running.failures + 1
            self._wait_to_start(running, "child_died", code=code)
        if running.process is None and now >= running.start_at:
            self._start(running)

    def _start(self, running: _Running) -> None:
        running.started = time.monotonic()
        try:
            running.process = subprocess.Popen(  # noqa: S603 - our own command
                running.child.argv,
                pass_fds=(*running.child.pass_fds, self._lifeline),
                env={**os.environ, **running.child.env, LIFELINE: str(self._lifeline)},
                # Ctrl-C in the terminal reaches us alone, and we pass it on as SIGTERM.
                start_new_session=True,
            )
        except OSError as error:
            # No memory or no free process now: the children that run must not suffer for it.
            running.failures += 1
            self._wait_to_start(running, "child_not_started", reason=str(error))

    def _wait_to_start(self, running: _Running, event: str, **why: object) -> None:
        wait = _backoff(running.failures)
        running.start_at = time.monotonic() + wait
        log.warning(event, name=running.child.name, restart_seconds=round(wait, 2), **why)

    def _stop(self) -> int:
        if self._listener is not None:
            self._listener.close()
        for process in self._alive():
            process.terminate()
        deadline = time.monotonic() + self._grace
        while self._alive():
            if time.monotonic() > deadline or self._signals > 1:
                log.warning("children_killed", names=[r.child.name for r in self._running])
                self._kill()
                return 1
            time.sleep(POLL_SECONDS)
        return 0

    def _alive(self) -> list[subprocess.Popen[bytes]]:
        started = [r.process for r in self._running if r.process is not None]
        return [process for process in started if process.poll() is None]

    def _kill(self) -> None:
        alive = self._alive()
        for process in alive:
            process.kill()
        for process in alive:
            process.wait()


def forget_metrics_of(pid: int) -> None:
    """Leave what a dead process counted, and drop what it had open."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        mark_process_dead(pid)  # type: ignore[no-untyped-call]


def _backoff(failures: int) -> float:
    if failures == 0:
        return 0.0
    # The exponent is bounded: a child may fail for days, and 2 ** 1024 is no number of seconds.
    longest = min(FIRST_BACKOFF * 2 ** min(failures - 1, 16), LAST_BACKOFF)
    return random.uniform(longest / 2, longest)  # noqa: S311 - only spreads restarts


def die_with_parent(*, grace_seconds: float = GRACE_SECONDS) -> None:
    """Called by a child of `run` as it starts: it ends when its parent is gone, however that died.

    It gets SIGTERM, and SIGKILL if it still runs after `grace_seconds`. A process that `run` did
    not start is left alone.
    """
    named = os.environ.pop(LIFELINE, None)
    if named is None:
        return
    lifeline = int(named)
    kernel_tells = _ask_the_kernel()
    # A parent that died before we asked is told of by nobody.
    if select.select([lifeline], [], [], 0)[0]:
        os.kill(os.getpid(), signal.SIGTERM)

    def watch() -> None:
        os.read(lifeline, 1)  # nothing is ever written: it returns when the other end is closed
        if not kernel_tells:
            os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace_seconds)
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def _ask_the_kernel() -> bool:
    """Whether the kernel will send SIGTERM when the parent dies: on Linux."""
    if sys.platform != "linux":
        return False
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM) == 0)
    return False
