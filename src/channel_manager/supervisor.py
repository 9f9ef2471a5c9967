"""The process tree of `serve`: a parent that keeps its children running."""

import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import FrameType

import structlog
import typer

log = structlog.get_logger(__name__)

GRACE_SECONDS = 20.0
FIRST_BACKOFF = 0.1
LAST_BACKOFF = 5.0
# A child that lived this long has not failed to start; it is started again at once.
GROWN_UP_SECONDS = 10.0
POLL_SECONDS = 0.05
PARENT_POLL_SECONDS = 1.0
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running, and the descriptors it inherits."""

    name: str
    argv: list[str]
    pass_fds: tuple[int, ...] = ()


@dataclass(slots=True)
class _Running:
    child: Child
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    start_at: float = 0.0
    failures: int = 0
    reported: bool = field(default=True)


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
        raise typer.BadParameter(
            f"{host}:{port} can't be listened on ({error.strerror});"
            " stop what uses it, or choose another with --port."
        ) from None
    return listener


def run(children: Sequence[Child], *, grace_seconds: float = GRACE_SECONDS) -> int:
    """Run the children until SIGTERM or SIGINT, restarting each that dies; 0 after a clean stop.

    The first signal lets them finish what is under way, for `grace_seconds`; a second one, or the
    end of the grace, kills them.
    """
    return _Supervisor(children, grace_seconds).run()


class _Supervisor:
    def __init__(self, children: Sequence[Child], grace_seconds: float) -> None:
        self._running = [_Running(child) for child in children]
        self._grace = grace_seconds
        self._signals = 0

    def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        while self._signals == 0:
            for running in self._running:
                self._tend(running)
            time.sleep(POLL_SECONDS)
        return self._stop()

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1

    def _tend(self, running: _Running) -> None:
        now = time.monotonic()
        if running.process is not None and (code := running.process.poll()) is not None:
            lived = now - running.started
            running.failures = 0 if lived > GROWN_UP_SECONDS else running.failures + 1
            wait = 0.0 if lived > GROWN_UP_SECONDS else _backoff(running.failures)
            log.warning(
                "child_died", name=running.child.name, code=code, restart_seconds=round(wait, 2)
            )
            running.process, running.start_at = None, now + wait
        if running.process is None and now >= running.start_at:
            running.process = subprocess.Popen(  # noqa: S603 - our own command
                running.child.argv, pass_fds=running.child.pass_fds, start_new_session=True
            )
            running.started = now

    def _stop(self) -> int:
        alive = [r.process for r in self._running if r.process is not None]
        for process in alive:
            process.terminate()
        deadline = time.monotonic() + self._grace
        while any(process.poll() is None for process in alive):
            if time.monotonic() > deadline or self._signals > 1:
                for process in alive:
                    process.kill()
                for process in alive:
                    process.wait()
                log.warning("children_killed")
                return 1
            time.sleep(POLL_SECONDS)
        return 0


def _backoff(failures: int) -> float:
    longest = min(FIRST_BACKOFF * 2 ** (failures - 1), LAST_BACKOFF)
    return random.uniform(longest / 2, longest)  # noqa: S311 - only spreads restarts


def die_with_parent() -> None:
    """Called by a child as it starts: it gets SIGTERM when its parent is gone, however that died.

    On Linux the kernel sends it; elsewhere, and for a parent that died before the call, a thread
    watches.
    """
    parent = os.getppid()
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(PARENT_POLL_SECONDS)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
