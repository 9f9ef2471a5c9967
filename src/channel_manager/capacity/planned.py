"""The time slots that an admission's schedule wants. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import groupby
from zoneinfo import ZoneInfo

from channel_manager.capacity.schedules import Slot, slots
from channel_manager.capacity.venue import ScheduleSection

SlotKey = tuple[str, bool, date | datetime]


@dataclass(frozen=True, slots=True)
class PlannedSlot:
    """A slot as it should be; dates and `start_time` are venue-local."""

    admission: str
    whole_day: bool
    local_date: date
    start_time: time
    starts_at: datetime
    ends_at: datetime
    capacity: int
    is_open: bool
    sales_from: datetime | None
    sales_until: datetime

    @property
    def key(self) -> SlotKey:
        """What makes it the same slot on the next run: a day stays itself when its hours move."""
        return self.admission, self.whole_day, self.local_date if self.whole_day else self.starts_at


def planned_slots(
    admission: str, section: ScheduleSection, zone: ZoneInfo, first_day: date, last_day: date
) -> Iterator[PlannedSlot]:
    """All slots that start on the local dates from first to last, the whole days' too."""
    timed = slots(
        section.rules(),
        [each.closure() for each in section.closures],
        [each.override() for each in section.overrides],
        zone,
        first_day,
        last_day,
    )
    for _, of_day in groupby(timed, key=lambda slot: slot.local_date):
        day = list(of_day)
        yield from (_timed(admission, slot) for slot in day)
        if section.day_capacity is not None:
            yield _whole_day(admission, day, section.day_capacity)


def _timed(admission: str, slot: Slot) -> PlannedSlot:
    return PlannedSlot(
        admission=admission,
        whole_day=False,
        local_date=slot.local_date,
        start_time=slot.start_time,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        capacity=slot.capacity,
        is_open=slot.open,
        sales_from=slot.sales_from,
        sales_until=slot.sales_until,
    )


def _whole_day(admission: str, day: list[Slot], capacity: int) -> PlannedSlot:
    # From the first slot's start to the last one's end; open and on sale while any of them is.
    first = day[0]
    return PlannedSlot(
        admission=admission,
        whole_day=True,
        local_date=first.local_date,
        start_time=first.start_time,
        starts_at=first.starts_at,
        ends_at=max(slot.ends_at for slot in day),
        capacity=capacity,
        is_open=any(slot.open for slot in day),
        sales_from=_earliest(slot.sales_from for slot in day),
        sales_until=max(slot.sales_until for slot in day),
    )


def _earliest(instants: Iterable[datetime | None]) -> datetime | None:
    found = list(instants)
    known = [instant for instant in found if instant is not None]
    return min(known) if len(known) == len(found) else None
