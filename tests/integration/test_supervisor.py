"""The process tree of `serve`, with real children."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import typer

from channel_manager.supervisor import listen

# A parent with one child, which notes its pid; `stubborn` ones ignore SIGTERM.
PARENT = """
import sys
from channel_manager.supervisor import Child, run
sys.exit(run([Child("child", [sys.executable, "-c", sys.argv[1], sys.argv[2]])],
             grace_seconds=float(sys.argv[3])))
"""
CHILD = """
import pathlib, os, signal, sys, time
from channel_manager.supervisor import die_with_parent
die_with_parent()
def drain(*_):
    pathlib.Path(sys.argv[1] + ".drained").write_text("yes")
    sys.exit(0)
signal.signal(signal.SIGTERM, signal.SIG_IGN if "stubborn" in sys.argv[1] else drain)
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
while True:
    time.sleep(0.05)
"""


@contextlib.contextmanager
def tree(note: Path, grace: float = 20) -> Iterator[subprocess.Popen[bytes]]:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, CHILD, str(note), str(grace)])
    try:
        yield parent
    finally:
        if parent.poll() is None:
            parent.kill()
        parent.wait()


def eventually(check: Callable[[], object]) -> object:
    for _ in range(400):
        with contextlib.suppress(OSError, ValueError):
            if found := check():
                return found
        time.sleep(0.05)
    raise TimeoutError


def child_pid(note: Path) -> int:
    return int(eventually(lambda: int(note.read_text())))


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_killed_child_is_started_again(tmp_path):
    note = tmp_path / "pid"
    with tree(note):
        first = child_pid(note)
        psutil.Process(first).kill()
        eventually(lambda: child_pid(note) != first)


def test_sigterm_lets_the_children_finish(tmp_path):
    note = tmp_path / "pid"
    with tree(note) as parent:
        child = child_pid(note)
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(20) == 0
    assert gone(child)
    assert (tmp_path / "pid.drained").read_text() == "yes"


def test_a_stubborn_child_is_killed_after_the_grace(tmp_path):
    note = tmp_path / "stubborn"
    with tree(note, grace=0.5) as parent:
        child = child_pid(note)
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(20) == 1
    assert gone(child)


def test_a_second_signal_does_not_wait(tmp_path):
    note = tmp_path / "stubborn"
    with tree(note, grace=600) as parent:
        child_pid(note)
        parent.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(20) == 1


def test_children_do_not_outlive_a_killed_parent(tmp_path):
    note = tmp_path / "pid"
    with tree(note) as parent:
        child = child_pid(note)
        parent.kill()
        parent.wait()
        eventually(lambda: gone(child))


def test_a_taken_port_is_told_with_a_remedy():
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(typer.BadParameter, match=rf"{port}.*--port"):
            listen("127.0.0.1", port)
