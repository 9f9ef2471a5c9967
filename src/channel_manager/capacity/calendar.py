"""An admission's time slots by day, for the people who look after them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.statements import Statement

_SLOTS = Statement("""
    SELECT slot_id, admission_code, local_date, start_time, starts_at, ends_at, whole_day,
        capacity, reserved, is_open, adjusted, ends_at <= now() AS over
    FROM time_slots
    WHERE company_id = :company AND admission_code = :admission
        AND local_date BETWEEN :first AND :last
    ORDER BY local_date, whole_day DESC, starts_at
""")
_THESE = Statement("""
    SELECT slot_id, admission_code, local_date, start_time, starts_at, ends_at, whole_day,
        capacity, reserved, is_open, adjusted, ends_at <= now() AS over
    FROM time_slots
    WHERE company_id = :company AND slot_id = ANY(:slots)
    ORDER BY admission_code, local_date, whole_day DESC, starts_at
""")
_MOVEMENTS = Statement("""
    SELECT moved_at, order_id, reserved_change, capacity_change, reason
    FROM capacity_ledger
    WHERE company_id = :company AND slot_id = :slot
    ORDER BY moved_at DESC, movement_id DESC LIMIT :most
""")
_ADMISSIONS = Statement("""
    SELECT code, name FROM admissions
    WHERE company_id = :company AND schedule <> '{}' ORDER BY name, code
""")


@dataclass(frozen=True, slots=True)
class Slot:
    """A time slot as it stands. Date and start are venue-local; instants are UTC."""

    slot_id: UUID
    admission_code: str
    day: date
    start: time
    starts_at: datetime
    ends_at: datetime
    whole_day: bool
    capacity: int
    reserved: int
    is_open: bool
    adjusted: bool
    is_over: bool

    @property
    def share(self) -> float:
        """How much of it is taken, from 0 to 1."""
        return self.reserved / self.capacity if self.capacity else 1.0

    @property
    def room(self) -> int:
        """How many more guests it takes."""
        return self.capacity - self.reserved


async def admissions_with_slots(conn: AsyncConnection, company_id: UUID) -> Mapping[str, str]:
    """The places that have time slots: code and name, by name."""
    return {row.code: row.name for row in await _ADMISSIONS.rows(conn, company=company_id)}


async def slots_between(
    conn: AsyncConnection, company_id: UUID, admission: str, first: date, last: date
) -> Sequence[Slot]:
    """The slots of these days, a day's whole-day slot first."""
    rows = await _SLOTS.rows(conn, company=company_id, admission=admission, first=first, last=last)
    return [slot_of(row) for row in rows]


async def find_slots(
    conn: AsyncConnection, company_id: UUID, slot_ids: Sequence[UUID]
) -> Sequence[Slot]:
    """These slots, by place and time; those that the company doesn't have are left out."""
    rows = await _THESE.rows(conn, company=company_id, slots=list(slot_ids))
    return [slot_of(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Movement:
    """A line of the ledger: what was added to a slot's count or to its capacity, and why. UTC."""

    moved_at: datetime
    order_id: UUID | None
    reserved_change: int
    capacity_change: int
    reason: str


async def newest_movements(
    conn: AsyncConnection, company_id: UUID, slot_id: UUID, most: int
) -> Sequence[Movement]:
    """What happened in a slot, the newest first."""
    rows = await _MOVEMENTS.rows(conn, company=company_id, slot=slot_id, most=most)
    return [
        Movement(row.moved_at, row.order_id, row.reserved_change, row.capacity_change, row.reason)
        for row in rows
    ]


def slot_of(row: Any) -> Slot:  # noqa: ANN401 - a row of a statement
    """A row with the columns of `time_slots`."""
    return Slot(
        slot_id=row.slot_id,
        admission_code=row.admission_code,
        day=row.local_date,
        start=row.start_time,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        whole_day=row.whole_day,
        capacity=row.capacity,
        reserved=row.reserved,
        is_open=row.is_open,
        adjusted=row.adjusted,
        is_over=row.over,
    )
