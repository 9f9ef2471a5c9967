"""How much memory the embedded database is given."""

import pytest

from channel_manager import memory
from channel_manager.memory import memory_bytes, share_of_memory


def test_it_is_at_most_what_the_machine_has():
    assert 0 < memory_bytes() < 2**50


def test_a_containers_limit_counts_where_it_is_less(tmp_path, monkeypatch):
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "_LIMITS", (limit, tmp_path / "none"))
    whole = memory_bytes()
    limit.write_text("max\n")
    assert memory_bytes() == whole
    limit.write_text(f"{64 * 1024 * 1024}\n")
    assert memory_bytes() == 64 * 1024 * 1024


@pytest.mark.parametrize(("there", "share"), [(256, 128), (4_096, 512), (65_536, 1_024)])
def test_a_share_between_its_bounds(monkeypatch, there: int, share: int):
    monkeypatch.setattr(memory, "memory_bytes", lambda: there * memory.MIB)
    assert share_of_memory(1 / 8, 128, 1_024) == share
