"""What one unit of an item needs of which admissions, and which times that leaves. Pure."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from operator import attrgetter

from channel_manager.capacity.wants import moment
from channel_manager.catalog.service import Catalogue, ItemInfo
from channel_manager.db import AnyRow
from channel_manager.issuance.contents import Visit, parts

_ANY_VISIT = Visit(date.min, time.min)
Need = tuple[str, bool]
"""An admission, and whether it is the whole day's slot that is needed."""


@dataclass(frozen=True, slots=True)
class Bookable:
    """A time that an item can be visited at; dates and times are venue-local."""

    local_date: date
    start_time: time
    starts_at: datetime
    ends_at: datetime
    # How many of the item there is room for, of how many.
    remaining: int
    capacity: int
    # Whether it can be ordered now, and until when.
    on_sale: bool
    sales_until: datetime


def needs(item: ItemInfo, items: Catalogue) -> Counter[Need]:
    """How many places one of the item takes in each admission; none for open tickets.

    A package's components are taken to be visited at the package's own time.
    """
    found = Counter[Need]()
    for part in parts(item, _ANY_VISIT, (), items):
        for admission in part.item.admissions:
            wanted = moment(admission, _ANY_VISIT.day, _ANY_VISIT.at)
            if wanted is not None:
                found[wanted.admission, wanted.at is None] += 1
    return found


def bookable(needed: Mapping[Need, int], rows: Sequence[AnyRow]) -> Iterator[Bookable]:
    """The times at which every admission needed has a slot, earliest first.

    `rows` are open slots of the admissions, by start. A time is the start of a slot: of several
    admissions, of any of them, where the others have a slot under way then.
    """
    if len(needed) == 1:
        ((need, places),) = needed.items()
        for row in rows:
            if row.whole_day is need[1]:
                yield _bookable(row, [row], [places])
        return
    yield from _of_several(needed, rows)


def _of_several(needed: Mapping[Need, int], rows: Sequence[AnyRow]) -> Iterator[Bookable]:
    slots: dict[Need, list[AnyRow]] = defaultdict(list)
    for row in rows:
        slots[row.admission_code, row.whole_day].append(row)
    by_day = all(whole_day for _, whole_day in needed)
    seen = set[date | datetime]()
    for row in rows:
        when = row.local_date if by_day else row.starts_at
        fits = row.whole_day is by_day and (row.admission_code, by_day) in needed
        if fits and when not in seen:
            seen.add(when)
            found = _all_slots(needed, slots, row)
            if found is not None:
                yield found


def _all_slots(
    needed: Mapping[Need, int], slots: Mapping[Need, list[AnyRow]], start: AnyRow
) -> Bookable | None:
    found = []
    for need in needed:
        slot = _slot_at(slots.get(need, []), start, whole_day=need[1])
        if slot is None:
            return None
        found.append(slot)
    return _bookable(start, found, list(needed.values()))


def _bookable(start: AnyRow, slots: Sequence[AnyRow], places: Sequence[int]) -> Bookable:
    each = list(zip(slots, places, strict=True))
    return Bookable(
        local_date=start.local_date,
        start_time=start.start_time,
        starts_at=start.starts_at,
        ends_at=min(slot.ends_at for slot in slots),
        remaining=min(slot.room // taken for slot, taken in each),
        capacity=min(slot.capacity // taken for slot, taken in each),
        on_sale=all(slot.on_sale for slot in slots),
        sales_until=min(slot.sales_until for slot in slots),
    )


def _slot_at(slots: list[AnyRow], start: AnyRow, *, whole_day: bool) -> AnyRow | None:
    if whole_day:
        return next((slot for slot in slots if slot.local_date == start.local_date), None)
    # As an order finds it: of slots that overlap, the one that starts last.
    last = bisect_right(slots, start.starts_at, key=attrgetter("starts_at"))
    under_way = (slot for slot in reversed(slots[:last]) if slot.ends_at > start.starts_at)
    return next(under_way, None)
