"""Venue-local time: dates and times as partners write them, and the instants they mean.

The venue's zone alone decides; the zone of the server that runs this never does.
"""

import re
from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from importlib import resources
from zoneinfo import ZoneInfo

from dateutil.relativedelta import relativedelta

# [0-9], since \d and int() take every script's digits.
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_TIME = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})")


class SkippedTime(ValueError):
    """A local time that does not exist that day, because the clock is put forward over it.

    `resumes` is the instant (UTC) at which the clock jumps.
    """

    def __init__(self, message: str, resumes: datetime) -> None:
        super().__init__(message)
        self.resumes = resumes


def parse_date(text: str) -> date:
    """The date that `text` writes as exactly YYYY-MM-DD. Errors: `ValueError` with the remedy."""
    found = _DATE.fullmatch(text)
    if found is None:
        raise ValueError("must be a date of the form YYYY-MM-DD, such as 2027-06-01")
    try:
        year, month, day = (int(part) for part in found.groups())
        return date(year, month, day)
    except ValueError:
        raise ValueError(f"{text} is not in the calendar; give a date that exists") from None


def parse_time(text: str) -> time:
    """The time that `text` writes as exactly HH:mm:ss. Errors: `ValueError` with the remedy."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError("must be a time of the form HH:mm:ss, such as 14:00:00")
    try:
        hour, minute, second = (int(part) for part in found.groups())
        return time(hour, minute, second)
    except ValueError:
        raise ValueError(f"{text} is no time of day; give one in 00:00:00 to 23:59:59") from None


def zone(name: str) -> ZoneInfo:
    """The time zone that IANA calls `name`. Errors: `ValueError`, without the name in it.

    Only the published names: `localtime` and the like mean another zone on every server.
    """
    if name not in _names():
        raise ValueError("is not an IANA time zone, such as Europe/Copenhagen")
    return ZoneInfo(name)


def to_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which the clock in `zone` shows `day` and `at`.

    A time that the clock repeats means the first (domain: Schedule).
    Errors: `SkippedTime` where the clock never shows it; `ValueError` at the calendar's two ends.
    """
    local = datetime.combine(day, at.replace(fold=0), zone)
    try:
        instant = local.astimezone(UTC)
        exists = instant.astimezone(zone).replace(tzinfo=None) == local.replace(tzinfo=None)
    except OverflowError:
        raise ValueError(f"{day} is out of range; give a date nearer to today") from None
    if not exists:
        raise _skipped(local)
    return instant


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which a venue-local day begins, where the clock skips midnight too."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def today(zone: ZoneInfo, now: datetime) -> date:
    """The date in `zone` at the instant `now`."""
    return _local(now, zone).date()


def years_ahead(day: date, years: int) -> date:
    """The same day `years` later; from 29 February, 28 February where there is no 29th."""
    return day + relativedelta(years=years)


def with_offset(instant: datetime, zone: ZoneInfo) -> str:
    """The instant as ISO 8601 in local time with its offset: 2027-06-01T14:00:00+02:00."""
    return _local(instant, zone).isoformat(timespec="seconds")


@cache
def _names() -> frozenset[str]:
    listed = resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8")
    return frozenset(listed.split()) - {"Factory"}  # it stands for a zone not yet chosen


def _local(instant: datetime, zone: ZoneInfo) -> datetime:
    if instant.tzinfo is None:
        # Python would take it for the server's own time.
        raise ValueError(f"{instant} names no time zone; an instant needs one")
    return instant.astimezone(zone)


def _skipped(local: datetime) -> SkippedTime:
    """The gap that `local` lies in: read with the offset before it, and with the one after it,
    `local` is past the jump and short of it, so that the jump lies between the two.
    """
    zone, after = local.tzinfo, local.replace(fold=1).utcoffset()
    early = local.replace(fold=1).astimezone(UTC)
    late = local.astimezone(UTC)
    seconds = range(int((late - early).total_seconds()))
    jump = early + timedelta(
        seconds=bisect_left(
            seconds,
            True,
            key=lambda s: (early + timedelta(seconds=s)).astimezone(zone).utcoffset() == after,
        )
    )
    resumes = jump.astimezone(zone).replace(tzinfo=None)
    stops = resumes - (late - early)
    return SkippedTime(
        f"{local.time()} does not exist on {local.date()} in {zone}:"
        f" the clock goes from {_reading(stops, local)} to {_reading(resumes, local)}",
        jump,
    )


def _reading(clock: datetime, on: datetime) -> str:
    """What the clock shows, as short as it can be said: 02:00."""
    shown = f"{clock:%H:%M:%S}".removesuffix(":00")
    return shown if clock.date() == on.date() else f"{clock.date()} {shown}"
