"""How many deliveries may be on their way to one receiver, so that none holds up another."""

from dataclasses import dataclass
from datetime import timedelta

FAILURES_TO_OPEN = 5
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 60.0


@dataclass(slots=True)
class Lane:
    """One subscription's deliveries in this process, with a breaker. Times are in seconds.

    After some failures in a row the breaker opens: one delivery at a time goes as a probe, with
    pauses between them that double up to a minute. The first success closes it. What waits
    meanwhile uses up none of its tries.
    """

    width: int
    """How many may be on their way at once while all is well."""
    in_flight: int = 0
    failures: int = 0
    """In a row, since the last success."""
    held_until: float = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the breaker holds deliveries back."""
        return self.failures >= FAILURES_TO_OPEN

    @property
    def is_idle(self) -> bool:
        """Nothing is on its way and there is nothing to remember."""
        return self.in_flight == 0 and self.failures == 0

    def room(self, now: float) -> int:
        """How many more may start now."""
        if now < self.held_until:
            return 0
        return max(0, (1 if self.is_open else self.width) - self.in_flight)

    def started(self) -> None:
        """One is on its way."""
        self.in_flight += 1

    def succeeded(self) -> None:
        """One has arrived."""
        self.in_flight -= 1
        self.failures = 0
        self.held_until = 0.0

    def failed(self, now: float, asked: timedelta | None = None) -> None:
        """One has failed; `asked` is the Retry-After that came with it, if one did."""
        was_open = self.is_open
        self.in_flight -= 1
        self.failures += 1
        if self.is_open and (not was_open or self.in_flight == 0):
            steps = min(self.failures - FAILURES_TO_OPEN, 6)
            self._hold(now + min(FIRST_PAUSE * 2**steps, LONGEST_PAUSE))
        if asked is not None:
            self._hold(now + min(asked.total_seconds(), LONGEST_PAUSE))

    def _hold(self, until: float) -> None:
        self.held_until = max(self.held_until, until)
