"""Finding the time slots that visits fall in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.capacity.wants import Moment
from channel_manager.statements import Statement

# No slot is longer than a day, so that the index gives each slot from a handful of rows. Of slots
# that overlap, the one that starts last is meant.
_FIND = Statement("""
    SELECT wanted.n, slot.slot_id, slot.capacity, slot.reserved, slot.is_open,
        (slot.sales_from IS NULL OR slot.sales_from <= now()) AS sales_begun,
        coalesce(slot.sales_until, slot.ends_at) <= now() AS sales_over
    FROM unnest(CAST(:admissions AS text[]), CAST(:whole AS boolean[]),
            CAST(:days AS date[]), CAST(:instants AS timestamptz[]))
        WITH ORDINALITY AS wanted (admission_code, whole_day, local_date, instant, n)
    CROSS JOIN LATERAL (
        SELECT * FROM time_slots s
        WHERE NOT wanted.whole_day AND s.company_id = :company
            AND s.admission_code = wanted.admission_code AND NOT s.whole_day
            AND s.starts_at <= wanted.instant AND wanted.instant < s.ends_at
            AND s.starts_at > wanted.instant - interval '26 hours'
        UNION ALL
        SELECT * FROM time_slots s
        WHERE wanted.whole_day AND s.company_id = :company
            AND s.admission_code = wanted.admission_code AND s.whole_day
            AND s.local_date = wanted.local_date
        ORDER BY starts_at DESC LIMIT 1
    ) slot
""")


@dataclass(frozen=True, slots=True)
class FoundSlot:
    """A slot as it was when looked at; only a lock says what it has room for."""

    slot_id: UUID
    room: int
    is_open: bool
    sales_begun: bool
    sales_over: bool

    @property
    def refusal(self) -> str | None:
        """Why a new order can't have it; None where it can."""
        if not self.is_open:
            return "is closed"
        if not self.sales_begun:
            return "is not on sale yet"
        return "is no longer on sale" if self.sales_over else None


async def find_slots(
    conn: AsyncConnection, company_id: UUID, zone: ZoneInfo, wanted: Sequence[Moment]
) -> Mapping[Moment, FoundSlot]:
    """The slot of each moment; a moment that falls in none is left out."""
    if not wanted:
        return {}
    rows = await _FIND.rows(
        conn,
        company=company_id,
        admissions=[moment.admission for moment in wanted],
        whole=[moment.at is None for moment in wanted],
        days=[moment.day for moment in wanted],
        instants=[_instant(moment, zone) for moment in wanted],
    )
    return {
        wanted[row.n - 1]: FoundSlot(
            slot_id=row.slot_id,
            room=row.capacity - row.reserved,
            is_open=row.is_open,
            sales_begun=row.sales_begun,
            sales_over=row.sales_over,
        )
        for row in rows
    }


def _instant(moment: Moment, zone: ZoneInfo) -> datetime:
    if moment.at is None:
        return datetime.combine(moment.day, time(12), UTC)
    return local_time.to_instant(moment.day, moment.at, zone)
