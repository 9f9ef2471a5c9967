"""An admission's recurring rules, closures and overrides → its dated time slots.

All dates and times of day are venue-local. A slot belongs to the local date that it starts on.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import combinations, groupby, pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from channel_manager import local_time
from channel_manager.capacity.rules import DAY, MINUTE, Closure, Override, ScheduleRule, span

Place = tuple[str | int, ...]


class ScheduleError(ValueError):
    """Two rules make a slot at the same start, so that there is no saying which is meant."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A dated slot. Local: `local_date`, `start_time`, `end_time` (at or before the start: on the
    next day); the rest are instants in UTC. `sales_from` None: sales are open already.
    """

    local_date: date
    start_time: time
    end_time: time
    starts_at: datetime
    ends_at: datetime
    capacity: int
    open: bool
    sales_from: datetime | None
    sales_until: datetime
    rule_code: str


class _Wall(NamedTuple):
    """A slot as the clock on the wall shows it."""

    start: datetime
    end: datetime
    rule: ScheduleRule


@dataclass(slots=True)
class _Changes:
    """Closures and overrides, by the days that they touch."""

    closed_days: set[date] = field(default_factory=set)
    closed_hours: dict[date, list[tuple[datetime, datetime]]] = field(default_factory=dict)
    overrides: dict[tuple[date, time | None], Override] = field(default_factory=dict)


def slots(
    rules: Iterable[ScheduleRule],
    closures: Iterable[Closure],
    overrides: Iterable[Override],
    zone: ZoneInfo,
    first_day: date,
    last_day: date,
) -> Iterator[Slot]:
    """One admission's slots that start on the local dates from first to last, earliest first.

    A slot at 14:00 is at 14:00 on either side of a clock change. One whose start the clock skips
    that day is not made; one whose end it skips ends when the clock jumps; a repeated time means
    the first. Errors: `ScheduleError` where two rules make a slot at one start.
    """
    changes = _changes(closures, overrides, first_day, last_day)
    walls = _walls(rules, first_day, last_day)
    for wall, following in pairwise(walls):
        if wall.start == following.start:
            raise ScheduleError(_clash(wall, following))
    for wall in walls:
        try:
            starts_at = local_time.to_instant(wall.start.date(), wall.start.time(), zone)
        except local_time.SkippedTime:
            continue
        yield _slot(wall, starts_at, changes, zone)


def contradictions(
    rules: Sequence[ScheduleRule],
    overrides: Sequence[Override],
    first_day: date,
    last_day: date,
) -> Iterator[tuple[Place, str]]:
    """What each part allows by itself but one admission's whole does not, between two days.

    The place counts within what was given: `("rules", 1)`. Two rules with slots at one start are
    told once, by the first such slot; an override for a slot that is not there, with those that
    are.
    """
    yield from _repeated_codes(rules)
    walls = _walls(rules, first_day, last_day)
    yield from _clashes(rules, walls)
    yield from _lost_overrides(overrides, walls, first_day, last_day)


def _repeated_codes(rules: Sequence[ScheduleRule]) -> Iterator[tuple[Place, str]]:
    codes = [rule.code for rule in rules]
    for index, code in enumerate(codes):
        if code in codes[:index]:
            yield ("rules", index), f"{code} is given twice; give each rule its own code"


def _clashes(rules: Sequence[ScheduleRule], walls: list[_Wall]) -> Iterator[tuple[Place, str]]:
    index = {id(rule): number for number, rule in enumerate(rules)}
    told = set[tuple[int, int]]()
    for _, same_start in groupby(walls, key=lambda wall: wall.start):
        for one, other in combinations(same_start, 2):
            pair = sorted((index[id(one.rule)], index[id(other.rule)]))
            if (pair[0], pair[1]) not in told:
                told.add((pair[0], pair[1]))
                yield ("rules", pair[1]), _clash(one, other)


def _clash(one: _Wall, other: _Wall) -> str:
    return (
        f"rules {one.rule.code} and {other.rule.code} both make a slot on {one.start.date()} at"
        f" {one.start.time()}; end one's validity, change its times or except that date"
    )


def _lost_overrides(
    overrides: Sequence[Override], walls: list[_Wall], first_day: date, last_day: date
) -> Iterator[tuple[Place, str]]:
    starts: dict[date, list[time]] = {}
    for wall in walls:
        starts.setdefault(wall.start.date(), []).append(wall.start.time())
    seen = set[tuple[date, time | None]]()
    for index, override in enumerate(overrides):
        place = ("overrides", index)
        if (override.date, override.start) in seen:
            yield place, f"{_named(override)} is overridden twice; give it once"
        seen.add((override.date, override.start))
        there = starts.get(override.date, [])
        found = bool(there) if override.start is None else override.start in there
        if not found and first_day <= override.date <= last_day:
            yield place, f"there is no slot on {_named(override)}; that day has {_listed(there)}"


def _named(override: Override) -> str:
    return f"{override.date}" if override.start is None else f"{override.date} at {override.start}"


def _listed(starts: list[time]) -> str:
    return ", ".join(str(start) for start in starts) or "none"


def _walls(rules: Iterable[ScheduleRule], first_day: date, last_day: date) -> list[_Wall]:
    """All slots on the wall's clock, sorted; a rule's day before the first may reach into it."""
    walls = [
        _Wall(midnight + start, midnight + end, rule)
        for rule in rules
        for day in rule.days(first_day - DAY, last_day)
        for midnight in (datetime.combine(day, time()),)
        for start, end in rule.spans
    ]
    within = [wall for wall in walls if first_day <= wall.start.date() <= last_day]
    return sorted(within, key=lambda wall: (wall.start, wall.rule.code))


def _changes(
    closures: Iterable[Closure], overrides: Iterable[Override], first_day: date, last_day: date
) -> _Changes:
    changes = _Changes(overrides={(each.date, each.start): each for each in overrides})
    for closure in closures:
        # Hours of the day before may reach past midnight, a last slot into those of the day after.
        first, last = (
            max(closure.date_from, first_day - DAY),
            min(closure.date_to, last_day + DAY),
        )
        for day in (first + number * DAY for number in range((last - first).days + 1)):
            _close(changes, closure, day)
    return changes


def _close(changes: _Changes, closure: Closure, day: date) -> None:
    if closure.time_from is None or closure.time_to is None:
        changes.closed_days.add(day)
        return
    start, end = span(closure.time_from, closure.time_to)
    midnight = datetime.combine(day, time())
    for touched in {day, (midnight + end).date()}:
        hours = changes.closed_hours.setdefault(touched, [])
        hours.append((midnight + start, midnight + end))


def _slot(wall: _Wall, starts_at: datetime, changes: _Changes, zone: ZoneInfo) -> Slot:
    rule, day, start = wall.rule, wall.start.date(), wall.start.time()
    ends_at = _from(wall.end, zone)
    capacity, is_open = rule.capacity, not _is_closed(wall, changes)
    for override in (changes.overrides.get((day, None)), changes.overrides.get((day, start))):
        if override is not None:
            capacity = capacity if override.capacity is None else override.capacity
            is_open = is_open if override.closed is None else not override.closed
    return Slot(
        local_date=day,
        start_time=start,
        end_time=wall.end.time(),
        starts_at=starts_at,
        ends_at=ends_at,
        capacity=capacity,
        open=is_open,
        sales_from=_sales_from(rule, day, zone),
        sales_until=min(starts_at - rule.sales_closes_minutes_before * MINUTE, ends_at),
        rule_code=rule.code,
    )


def _is_closed(wall: _Wall, changes: _Changes) -> bool:
    if wall.start.date() in changes.closed_days:
        return True
    touched = {wall.start.date(), wall.end.date()}
    return any(
        start < wall.end and wall.start < end
        for day in touched
        for start, end in changes.closed_hours.get(day, ())
    )


def _sales_from(rule: ScheduleRule, day: date, zone: ZoneInfo) -> datetime | None:
    if rule.sales_opens_days_before is None:
        return None
    return _from(datetime.combine(day - rule.sales_opens_days_before * DAY, time()), zone)


def _from(clock: datetime, zone: ZoneInfo) -> datetime:
    """The instant (UTC) from which the clock shows `clock` or later."""
    try:
        return local_time.to_instant(clock.date(), clock.time(), zone)
    except local_time.SkippedTime as skipped:
        return skipped.resumes
