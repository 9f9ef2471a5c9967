"""What an order wants of which places (domain: Slot choice). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from enum import StrEnum
from typing import Any


class SlotChoice(StrEnum):
    """How an item's visit is bound to an admission's time slots."""

    # The visit's date and time must fall in a slot.
    SCHEDULED = "scheduled"
    # The visit's day is bound, its time is not: the day's whole-day slot.
    ANY_TIME = "any_time"
    # An open ticket: no slot, no capacity.
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Moment:
    """The slot that is meant: that of an admission in which a venue-local date and time falls."""

    admission: str
    day: date
    # None: the day's whole-day slot.
    at: time | None

    def __str__(self) -> str:
        if self.at is None:
            return f"{self.admission} on {self.day}"
        return f"{self.admission} on {self.day} at {_short(self.at)}"


@dataclass(frozen=True, slots=True)
class Want:
    """So many guests at one moment; `place` is what asks for it: `items[0]`."""

    moment: Moment
    guests: int
    place: str


def moment(admission: Mapping[str, Any], day: date, at: time) -> Moment | None:
    """The slot that a visit needs of one of its item's admissions; None for an open ticket."""
    choice = SlotChoice(admission["slots"])
    if choice is SlotChoice.NONE:
        return None
    return Moment(admission["admission"], day, at if choice is SlotChoice.SCHEDULED else None)


def first_places(wants: Sequence[Want]) -> dict[Moment, str]:
    """For each moment, the first place that asks for it: where a message points to."""
    found: dict[Moment, str] = {}
    for want in wants:
        found.setdefault(want.moment, want.place)
    return found


def _short(at: time) -> str:
    return f"{at:%H:%M}" if at.second == 0 else f"{at}"
