"""The floor."""

from typing import Any


def measure(service: Any) -> dict[str, Any]:
    return {}


def show(beneath: Any, lives: Any) -> None:
    pass
