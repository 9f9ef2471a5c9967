"""The process tree of `serve`, with real children."""

import contextlib
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import typer

from channel_manager.supervisor import LAST_BACKOFF, _backoff, listen

# A parent with one child, which notes its pid; `stubborn` ones ignore SIGTERM.
PARENT = """
import signal, sys
from channel_manager.supervisor import Child, run
# Whoever runs the tests may have started them with nohup.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
argv = [sys.executable, "-c", sys.argv[1], sys.argv[2], str(__import__("os").getpid())]
sys.exit(run([Child("child", argv)], grace_seconds=float(sys.argv[3])))
"""
CHILD = """
import pathlib, os, signal, sys, time
from channel_manager.supervisor import die_with_parent
if "late" in sys.argv[1]:
    pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
    while os.getppid() == int(sys.argv[2]):
        time.sleep(0.05)
die_with_parent(grace_seconds=0.5)
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


# "stubborn" ignores the SIGTERM; "late" asks to die with its parent when that is dead already.
@pytest.mark.parametrize("name", ["pid", "stubborn", "late"])
def test_children_do_not_outlive_a_killed_parent(tmp_path, name):
    note = tmp_path / name
    with tree(note) as parent:
        child = child_pid(note)
        parent.kill()
        parent.wait()
        eventually(lambda: gone(child))


def test_a_child_of_a_killed_parent_finishes_first(tmp_path):
    note = tmp_path / "pid"
    with tree(note) as parent:
        child = child_pid(note)
        parent.kill()
        parent.wait()
        eventually(lambda: gone(child))
    assert (tmp_path / "pid.drained").read_text() == "yes"


def test_a_terminal_that_is_closed_stops_the_tree(tmp_path):
    note = tmp_path / "pid"
    with tree(note) as parent:
        child = child_pid(note)
        parent.send_signal(signal.SIGHUP)
        assert parent.wait(20) == 0
    assert gone(child)


def test_a_child_that_can_not_be_started_leaves_the_others_running(tmp_path):
    note = tmp_path / "pid"
    broken = f"Child('broken', ['{tmp_path}/no-such-program'])"
    script = PARENT.replace('[Child("child", argv)]', f'[{broken}, Child("child", argv)]')
    parent = subprocess.Popen([sys.executable, "-c", script, CHILD, str(note), "20"])
    try:
        child = child_pid(note)
        time.sleep(0.5)
        assert parent.poll() is None
        parent.terminate()
        assert parent.wait(20) == 0
        assert gone(child)
    finally:
        parent.kill()
        parent.wait()


def test_the_wait_before_a_restart_grows_to_its_bound_and_no_further():
    assert _backoff(0) == 0
    assert 0.05 <= _backoff(1) <= 0.1
    for failures in (50, 5_000, 10**9):
        assert LAST_BACKOFF / 2 <= _backoff(failures) <= LAST_BACKOFF


def test_children_answer_on_the_socket_that_they_inherit():
    script = """
import sys, os
from channel_manager.supervisor import Child, listen, run
server = listen("127.0.0.1", 0)
fd = server.fileno()
serve = (f"import socket; s = socket.socket(fileno={fd})\\nwhile True:\\n"
         " c, _ = s.accept(); c.sendall(b'hello'); c.close()")
print(server.getsockname()[1], flush=True)
sys.exit(run([Child("one", [sys.executable, "-c", serve], (fd,))]))
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE)
    try:
        port = int(parent.stdout.readline())
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            assert client.recv(5) == b"hello"
        parent.terminate()
        assert parent.wait(20) == 0
    finally:
        parent.kill()
        parent.communicate()


def test_a_taken_port_is_told_with_a_remedy():
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(typer.BadParameter, match=rf"{port}.*--port"):
            listen("127.0.0.1", port)


def test_an_address_of_another_machine_is_told_with_a_remedy():
    with pytest.raises(typer.BadParameter, match="--host"):
        listen("192.0.2.1", 8000)


def test_whoever_connects_once_the_children_have_stopped_listening_is_refused(tmp_path):
    # A child that has closed the socket and finishes what it has.
    script = """
import sys
from channel_manager.supervisor import Child, listen, run
server = listen("127.0.0.1", 0)
fd = server.fileno()
child = (f"import pathlib, signal, socket, time; s = socket.socket(fileno={fd})\\n"
         f"signal.signal(signal.SIGTERM, lambda *_: (s.close(), "
         f"pathlib.Path({sys.argv[1]!r}).write_text('closed'), time.sleep(3), exit(0)))\\n"
         "print('up', flush=True)\\nwhile True: time.sleep(0.1)")
print(server.getsockname()[1], flush=True)
sys.exit(run([Child("one", [sys.executable, "-c", child], (fd,))], listener=server))
"""
    note = tmp_path / "note"
    argv = [sys.executable, "-c", script, str(note)]
    parent = subprocess.Popen(argv, stdout=subprocess.PIPE)
    try:
        port = int(parent.stdout.readline())
        assert parent.stdout.readline() == b"up\n"
        parent.terminate()
        eventually(note.exists)
        assert parent.poll() is None
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
        assert parent.wait(20) == 0
    finally:
        parent.kill()
        parent.communicate()
