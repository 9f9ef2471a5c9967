"""Time slots as a table: a row for each start, a column for each day."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.capacity.calendar import Slot, slots_between

DAYS = 7


@dataclass(frozen=True, slots=True)
class Heat:
    """A week of one admission; None where there is no slot. "" starts the whole day's row."""

    days: Sequence[date]
    rows: Sequence[tuple[str, Sequence[Slot | None]]]


async def heat(conn: AsyncConnection, company_id: UUID, admission: str, first: date) -> Heat:
    """The slots of seven days from `first` on, venue-local."""
    days = [first + timedelta(days=n) for n in range(DAYS)]
    slots = await slots_between(conn, company_id, admission, days[0], days[-1])
    by_place = {(_start(slot), slot.day): slot for slot in slots}
    starts = sorted({start for start, _ in by_place})
    return Heat(days, [(start, [by_place.get((start, day)) for day in days]) for start in starts])


def _start(slot: Slot) -> str:
    # The whole day's own slot comes first, and has no start that people speak of.
    return "" if slot.whole_day else f"{slot.start:%H:%M}"
