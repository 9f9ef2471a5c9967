"""The times of an item, those that can't be ordered too: for callers that show a calendar."""

from collections import Counter
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.availability.needs import Bookable, Need, bookable
from channel_manager.availability.search import Period
from channel_manager.statements import Statement

_SLOTS = Statement("""
    SELECT admission_code, whole_day, local_date, start_time, starts_at, ends_at, capacity,
        capacity - reserved AS room, coalesce(sales_until, ends_at) AS sales_until,
        is_open AND (sales_from IS NULL OR sales_from <= now())
            AND coalesce(sales_until, ends_at) > now() AS on_sale
    FROM time_slots
    WHERE company_id = :company AND admission_code = ANY(:admissions)
        AND local_date BETWEEN :first AND :last AND ends_at > now()
    ORDER BY starts_at
""")
_STARTS = Statement("""
    SELECT DISTINCT admission_code, start_time FROM time_slots
    WHERE company_id = :company AND NOT whole_day AND ends_at > now()
    ORDER BY start_time
""")


async def find_times(
    conn: AsyncConnection, company_id: UUID, needed: Counter[Need], period: Period
) -> list[Bookable]:
    """All times of what needs these places that aren't over, earliest first; closed ones too."""
    rows = await _SLOTS.rows(
        conn,
        company=company_id,
        admissions=sorted({code for code, _ in needed}),
        first=period.first,
        last=period.last,
    )
    return list(bookable(needed, rows))


async def find_start_times(conn: AsyncConnection, company_id: UUID) -> dict[str, list[str]]:
    """By admission, the times of day (HH:MM) at which its slots begin, from now on."""
    found: dict[str, list[str]] = {}
    for row in await _STARTS.rows(conn, company=company_id):
        found.setdefault(row.admission_code, []).append(f"{row.start_time:%H:%M}")
    return found
