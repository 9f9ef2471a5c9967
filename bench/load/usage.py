"""What each kind of process has used: seconds of CPU, and memory."""

import os
from collections import defaultdict
from dataclasses import dataclass

import psutil

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU seconds since the processes began, and memory of their own in MiB (PSS)."""

    cpu: float
    memory: float


def usage(service_pid: int, database_pid: int) -> dict[str, Usage]:
    """By kind: api, worker, database, generator."""
    cpu: dict[str, float] = defaultdict(float)
    memory: dict[str, float] = defaultdict(float)
    for kind, process in _processes(service_pid, database_pid):
        try:
            with process.oneshot():
                times = process.cpu_times()
                # A backend that has ended is in its parent's sum of children.
                cpu[kind] += times.user + times.system
                if process.pid == database_pid:
                    cpu[kind] += times.children_user + times.children_system
                memory[kind] += process.memory_full_info().pss / MIB
        except psutil.NoSuchProcess:
            continue
    return {kind: Usage(cpu[kind], memory[kind]) for kind in sorted(cpu)}


def _processes(service_pid: int, database_pid: int) -> list[tuple[str, psutil.Process]]:
    found = [("generator", psutil.Process(os.getpid()))]
    for child in psutil.Process(service_pid).children():
        line = child.cmdline()
        found.append(("worker" if "worker" in line else "api", child))
    database = psutil.Process(database_pid)
    found.append(("database", database))
    found += [("database", child) for child in database.children(recursive=True)]
    return found
