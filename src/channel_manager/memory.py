"""How much memory there is for this process and what it starts."""

import os
from pathlib import Path

_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
MIB = 1024 * 1024


def memory_bytes() -> int:
    """The machine's memory, or less where a container may have less."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([there, *_container_limits()])


def _container_limits() -> list[int]:
    found = []
    for path in _LIMITS:
        try:
            found.append(int(path.read_text()))
        except (OSError, ValueError):
            # No such limit: not in a container, or "max".
            continue
    return found


def share_of_memory(part: float, least: int, most: int) -> int:
    """A part of the memory, between two bounds; all in MiB."""
    return max(least, min(most, int(memory_bytes() * part) // MIB))
