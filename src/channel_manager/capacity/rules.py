"""What a venue says of an admission's times: recurring rules, closures, overrides.

All dates and times of day are venue-local. Each part checks itself when it is made, and raises
`ValueError` naming all that is wrong with it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from itertools import pairwise

from dateutil.rrule import rrule

from channel_manager import local_time
from channel_manager.capacity import recurrence as recurrences

DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
MINUTES_PER_DAY = 1_440
MAX_DAYS_BEFORE = 3_660

Span = tuple[timedelta, timedelta]
"""A slot's start and end, counted on the clock from midnight of its rule's day."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Opening hours cut into slots of equal length, one every `step_minutes`.

    The step is the slot's length unless given; a shorter one makes slots that overlap. The last
    slot is the last that ends by `closes`. Closing at or before opening means the next day, so
    00:00 is midnight at the end of the day; slots that start after midnight have that date.
    """

    opens: time
    closes: time
    slot_minutes: int
    step_minutes: int | None = None

    def __post_init__(self) -> None:
        for name, minutes in (("slot", self.slot_minutes), ("step", self.step_minutes)):
            if minutes is not None and not 1 <= minutes <= MINUTES_PER_DAY:
                raise ValueError(f"{name} minutes must be 1 to {MINUTES_PER_DAY}, not {minutes}")
        if not any(self.spans()):
            raise ValueError(
                f"no slot of {self.slot_minutes} minutes fits between {self.opens} and"
                f" {self.closes}; make the slot shorter or the opening longer"
            )

    def spans(self) -> Iterator[Span]:
        """Each slot's start and end, earliest first."""
        start, closes = span(self.opens, self.closes)
        length = self.slot_minutes * MINUTE
        step = (self.step_minutes or self.slot_minutes) * MINUTE
        while start + length <= closes:
            yield start, start + length
            start += step


@dataclass(frozen=True)
class ScheduleRule:
    """Slots at the same local times on every day that the recurrence meets.

    `recurrence`: an RFC 5545 RRULE of days; it starts to count on `valid_from`, and is daily
    unless given. `times`: each slot's start and end, or an opening cut into slots; an end at or
    before its start is on the next day. `except_dates` are taken out; on `extra_dates` there are
    slots too, whatever recurrence and validity say. Sales open at local midnight,
    `sales_opens_days_before` the slot's date (None: they are open already), and close
    `sales_closes_minutes_before` its start (negative: after it, but at its end at the latest).
    Errors: `ValueError` naming all that is wrong.
    """

    code: str
    valid_from: date
    times: tuple[tuple[time, time], ...] | Opening
    capacity: int
    recurrence: str = "FREQ=DAILY"
    valid_until: date | None = None
    sales_opens_days_before: int | None = None
    sales_closes_minutes_before: int = 0
    except_dates: frozenset[date] = frozenset()
    extra_dates: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        wrong = [*self._wrong_days(), *self._wrong_times(), *self._wrong_sales()]
        if wrong:
            raise ValueError("; ".join(wrong))

    @cached_property
    def spans(self) -> tuple[Span, ...]:
        """Each slot's start and end, earliest first."""
        if isinstance(self.times, Opening):
            return tuple(self.times.spans())
        return tuple(sorted(span(start, end) for start, end in self.times))

    def days(self, first_day: date, last_day: date) -> list[date]:
        """The rule's days within the two (both included), earliest first."""
        met = set(self._met(first_day, min(last_day, self.valid_until or last_day)))
        extra = {day for day in self.extra_dates if first_day <= day <= last_day}
        return sorted((met - self.except_dates) | extra)

    def _met(self, first_day: date, last_day: date) -> Iterator[date]:
        for midnight in self._recurrence:
            if (day := midnight.date()) > last_day:
                return
            if day >= first_day:
                yield day

    @cached_property
    def _recurrence(self) -> rrule:
        return recurrences.parse(self.recurrence, self.valid_from)

    def _wrong_days(self) -> Iterator[str]:
        if self.valid_until is not None and self.valid_until < self.valid_from:
            yield f"valid until {self.valid_until} is before valid from {self.valid_from}"
        if both := self.except_dates & self.extra_dates:
            yield f"{min(both)} is both an exception and an extra date; leave it in one"
        try:
            _ = self._recurrence
        except ValueError as error:
            yield f"recurrence: {error}"

    def _wrong_times(self) -> Iterator[str]:
        if not self.spans:
            yield "has no times; give each slot's start and end, or an opening"
        for (start, _), (next_start, _) in pairwise(self.spans):
            if start == next_start:
                yield f"{_clock(start)} is given twice; give each start once"
        if self.capacity < 0:
            yield f"capacity must be 0 or more, not {self.capacity}"

    def _wrong_sales(self) -> Iterator[str]:
        opens, closes = self.sales_opens_days_before, self.sales_closes_minutes_before
        if opens is not None and not 0 <= opens <= MAX_DAYS_BEFORE:
            yield f"sales open 0 to {MAX_DAYS_BEFORE} days before, not {opens}"
        elif abs(closes) > MAX_DAYS_BEFORE * MINUTES_PER_DAY:
            yield f"sales close at most {MAX_DAYS_BEFORE} days before or after, not {closes} min"
        elif opens is not None and self.spans:
            start = self.spans[0][0]
            if start - closes * MINUTE <= -opens * DAY:
                yield f"sales for {_clock(start)} close before they open; change one of the two"


@dataclass(frozen=True, slots=True)
class Closure:
    """Days, both included, on which slots stay but are not open.

    Without times: all slots that start on these days. With both: on each of these days, every
    slot that is under way at some moment between them; up to the next day where `time_to` is at
    or before `time_from`.
    """

    date_from: date
    date_to: date
    reason: str = ""
    time_from: time | None = None
    time_to: time | None = None

    def __post_init__(self) -> None:
        if self.date_to < self.date_from:
            raise ValueError(f"the closure ends on {self.date_to}, before it begins")
        if (self.time_from is None) != (self.time_to is None):
            raise ValueError("give both times of the closure, or neither for whole days")


@dataclass(frozen=True, slots=True)
class Override:
    """Another capacity or state for the slot at `start`, or for all of the day's without one.

    It outranks closures (`closed=False` opens again), and one with a start outranks the day's.
    """

    date: date
    start: time | None = None
    capacity: int | None = None
    closed: bool | None = None

    def __post_init__(self) -> None:
        if self.capacity is None and self.closed is None:
            raise ValueError("the override changes nothing; give a capacity, or closed")
        if self.capacity is not None and self.capacity < 0:
            raise ValueError(f"capacity must be 0 or more, not {self.capacity}")


def parse_end(text: str) -> time:
    """A slot's end: HH:mm:ss, or 24:00:00, midnight at the end of the day. Errors: `ValueError`."""
    return time() if text == "24:00:00" else local_time.parse_time(text)


def span(start: time, end: time) -> Span:
    """From start to end; an end at or before the start is on the next day."""
    begins, ends = _since_midnight(start), _since_midnight(end)
    return begins, ends if ends > begins else ends + DAY


def _since_midnight(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)


def _clock(since_midnight: timedelta) -> str:
    return str((datetime.combine(date.min, time()) + since_midnight).time())
