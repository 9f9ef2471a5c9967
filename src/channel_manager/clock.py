"""The time, where no decision of the database depends on it. A port: tests set their own."""

from collections.abc import Callable
from datetime import UTC, datetime


def system_clock() -> datetime:
    """Now, in UTC."""
    return datetime.now(UTC)


Clock = Callable[[], datetime]
