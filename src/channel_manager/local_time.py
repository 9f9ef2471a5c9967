"""Venue-local dates and times (domain: Schedule). Pure; the server's own zone plays no part."""

import re
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIME = re.compile(r"\d{2}:\d{2}:\d{2}", re.ASCII)


class SkippedTime(ValueError):
    """A local time that the clock skips that day; the message names the gap."""


def parse_date(text: str) -> date:
    """A date written exactly `YYYY-MM-DD`. Errors: `ValueError` with the remedy."""
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text} is not a day of the calendar") from None
    raise ValueError("must be a date of the form YYYY-MM-DD")


def parse_time(text: str) -> time:
    """A time written exactly `HH:mm:ss`, 00 to 23 hours. Errors: `ValueError` with the remedy."""
    try:
        if _TIME.fullmatch(text):
            return time.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text} is not a time of day, 00:00:00 to 23:59:59") from None
    raise ValueError("must be a time of the form HH:mm:ss")


def to_instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The instant (UTC) of a local time; the first one where the clock repeats it.

    Errors: `SkippedTime` where the clock skips it.
    """
    local = datetime.combine(day, at, zone)
    instant = local.astimezone(UTC)
    if instant.astimezone(zone).replace(tzinfo=None) != local.replace(tzinfo=None):
        before, after = _gap(local)
        raise SkippedTime(
            f"{at} does not exist on {day} in {zone.key}:"
            f" the clock goes from {before:%H:%M} to {after:%H:%M}"
        )
    return instant


def day_start(day: date, zone: ZoneInfo) -> datetime:
    """The instant (UTC) at which a venue-local day begins, where the clock skips midnight too."""
    return datetime.combine(day, time.min, zone).astimezone(UTC)


def _gap(local: datetime) -> tuple[datetime, datetime]:
    # In a gap, fold 0 reads the clock as it was before, fold 1 as it is after.
    before, after = local.utcoffset(), local.replace(fold=1).utcoffset()
    if before is None or after is None:
        raise ValueError("a local time has a zone")
    jump = before - after if before > after else after - before
    return _gap_start(local, jump)


def _gap_start(local: datetime, jump: timedelta) -> tuple[datetime, datetime]:
    zone = local.tzinfo
    naive = local.replace(tzinfo=None, second=0, microsecond=0)
    while datetime_exists(naive - timedelta(minutes=1), zone) is False:
        naive -= timedelta(minutes=1)
    return naive, naive + jump


def datetime_exists(naive: datetime, zone: object) -> bool:
    """Whether the clock ever shows this local time."""
    aware = naive.replace(tzinfo=zone)  # type: ignore[arg-type]
    return aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) == naive  # type: ignore[arg-type]


def today(zone: ZoneInfo, now: datetime) -> date:
    """The date at the venue."""
    return now.astimezone(zone).date()


def years_ahead(day: date, years: int) -> date:
    """The same day some years on; 29 February becomes 28 February where there is none."""
    try:
        return day.replace(year=day.year + years)
    except ValueError:
        return day.replace(year=day.year + years, day=28)


def with_offset(instant: datetime, zone: ZoneInfo) -> str:
    """ISO 8601, venue-local, with the offset of that instant."""
    return instant.astimezone(zone).isoformat(timespec="seconds")


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Errors: `ValueError` with the remedy."""
    try:
        return ZoneInfo(name)
    except (ValueError, OSError):
        raise ValueError(f"{name} is not an IANA time zone, such as Europe/Copenhagen") from None
