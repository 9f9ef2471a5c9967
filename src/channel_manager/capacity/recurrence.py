"""Recurrence rules (RFC 5545, 3.3.10) of days: what python-dateutil takes without a word, or
never finishes with, is refused here with the remedy.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, time

from dateutil.rrule import rrule, rrulestr

_WEEKS = 53
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_FINER = ("HOURLY", "MINUTELY", "SECONDLY", "BYHOUR", "BYMINUTE", "BYSECOND")
_COUNTED = {"INTERVAL": 1_000, "COUNT": 100_000}
# The largest number that a list may hold; all but months also count from the end, as -1.
_LISTED = {"BYMONTH": 12, "BYMONTHDAY": 31, "BYYEARDAY": 366, "BYWEEKNO": _WEEKS, "BYSETPOS": 366}
# What the RFC allows only with some frequencies.
_ONLY_WITH = {
    "BYMONTHDAY": ("DAILY", "MONTHLY", "YEARLY"),
    "BYYEARDAY": ("YEARLY",),
    "BYWEEKNO": ("YEARLY",),
}
_NAMES = {"FREQ", "UNTIL", "BYDAY", "WKST", *_COUNTED, *_LISTED}
_WEEKDAY = re.compile(r"([+-]?[0-9]{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_NUMBER = re.compile(r"[+-]?[0-9]{1,6}")
_DATE = re.compile(r"[0-9]{8}")


def parse(text: str, start: date) -> rrule:
    """The days of `text`, such as `FREQ=WEEKLY;BYDAY=MO,TU`, on and after `start`.

    Each comes as midnight without a zone. An `INTERVAL` and a `COUNT` count from `start`, which
    is itself a day only where the rule meets it. Errors: `ValueError` naming all that is wrong.
    """
    parts = _parts(text)
    if wrong := list(_wrong(parts)):
        raise ValueError("; ".join(wrong))
    rule = rrulestr(
        ";".join(f"{name}={value}" for name, value in parts.items()),
        dtstart=datetime.combine(start, time()),
    )
    if not isinstance(rule, rrule) or _never(rule):
        raise ValueError(f"{text} meets no day on or after {start}; check its parts together")
    return rule


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.upper().removeprefix("RRULE:").split(";"):
        name, _, value = part.partition("=")
        if name in _FINER or value in _FINER:
            raise ValueError(f"{part} is finer than a day; give the times of day under times")
        if name not in _NAMES or not value:
            raise ValueError(
                f"{part!r:.60} is no part of a rule; write one such as FREQ=WEEKLY;BYDAY=MO,TU"
            )
        if name in parts:
            raise ValueError(f"{name} is given twice; give it once")
        parts[name] = value
    return parts


def _wrong(parts: dict[str, str]) -> Iterator[str]:
    if parts.get("FREQ") not in _FREQUENCIES:
        yield f"FREQ must be one of {', '.join(_FREQUENCIES)}"
    if "COUNT" in parts and "UNTIL" in parts:
        yield "COUNT and UNTIL exclude each other; give one"
    for name, value in parts.items():
        if not _is_well_formed(name, value):
            yield f"{name} must be {_form(name)}, not {value:.60}"
        if name in _ONLY_WITH and parts.get("FREQ") not in _ONLY_WITH[name]:
            yield f"{name} goes only with FREQ={' or '.join(_ONLY_WITH[name])}"
    yield from _wrong_together(parts)


def _wrong_together(parts: dict[str, str]) -> Iterator[str]:
    numbered = any(day[0] in "+-0123456789" for day in parts.get("BYDAY", "").split(",") if day)
    if numbered and (parts.get("FREQ") not in ("MONTHLY", "YEARLY") or "BYWEEKNO" in parts):
        yield "a numbered day in BYDAY goes only with FREQ=MONTHLY or YEARLY, without BYWEEKNO"
    if "BYSETPOS" in parts and not (parts.keys() & {"BYDAY", *_LISTED} - {"BYSETPOS"}):
        yield "BYSETPOS chooses among the days of another BY part; give that too"


def _is_well_formed(name: str, value: str) -> bool:
    if name == "UNTIL":
        return _is_date(value)
    if name == "BYDAY":
        return all(_is_weekday(day) for day in value.split(","))
    if name == "WKST":
        return bool(_WEEKDAY.fullmatch(value)) and value.isalpha()
    if name in _COUNTED:
        return value.isdecimal() and _is_number(value, _COUNTED[name])
    if name in _LISTED:
        return all(_is_number(number, _LISTED[name]) for number in value.split(",")) and not (
            name == "BYMONTH" and "-" in value
        )
    return True


def _form(name: str) -> str:
    if name in _COUNTED:
        return f"a number from 1 to {_COUNTED[name]}"
    if name in _LISTED:
        signed = "" if name == "BYMONTH" else ", or from the end as -1"
        return f"numbers from 1 to {_LISTED[name]}{signed}"
    if name == "UNTIL":
        return "a date such as 20271231, without a time"
    return "days such as MO" if name == "WKST" else "days such as MO,TU or, in a month, 1MO,-1SU"


def _is_number(text: str, largest: int) -> bool:
    return bool(_NUMBER.fullmatch(text)) and 1 <= abs(int(text)) <= largest


def _is_weekday(text: str) -> bool:
    found = _WEEKDAY.fullmatch(text)
    return found is not None and (found[1] is None or _is_number(found[1], _WEEKS))


def _is_date(text: str) -> bool:
    try:
        return bool(_DATE.fullmatch(text)) and bool(date.fromisoformat(text))
    except ValueError:
        return False


def _never(rule: rrule) -> bool:
    """Searches to the end of the calendar, 2 s at worst, once for such a rule: later there is
    always a day to find.
    """
    try:
        return next(iter(rule), None) is None
    except IndexError:  # a fifty-third Monday of a month
        return True
