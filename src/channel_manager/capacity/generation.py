"""Making the database's time slots those that the schedules want: on import, and daily."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import delete, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.capacity.changes import (
    CHANGEABLE,
    CapacityBelowReserved,
    SlotChange,
    change_slots,
    lock_slots,
    too_small,
)
from channel_manager.capacity.models import Admission, TimeSlot
from channel_manager.capacity.planned import PlannedSlot, SlotKey, planned_slots
from channel_manager.capacity.venue import ScheduleSection
from channel_manager.companies.service import CompanyInfo, list_companies
from channel_manager.db import AnyRow, Database, bulk_insert, column_lists, new_id

log = structlog.get_logger(__name__)

ROWS_AT_ONCE = 5_000
_COLUMNS = (
    "company_id",
    "slot_id",
    "admission_code",
    "whole_day",
    "local_date",
    "start_time",
    "starts_at",
    "ends_at",
    "capacity",
    "is_open",
    "sales_from",
    "sales_until",
)
_OF_HAND = ("capacity", "is_open")
_INSERT = bulk_insert(TimeSlot, _COLUMNS)


@dataclass(frozen=True, slots=True)
class Generated:
    """What a run changed."""

    made: int = 0
    changed: int = 0
    removed: int = 0


@dataclass(frozen=True, slots=True)
class _Changes:
    missing: list[PlannedSlot]
    # By slot id: the slot as it is, and as it should be.
    differing: dict[UUID, tuple[AnyRow, PlannedSlot]]
    # Slots that no schedule wants any more.
    unwanted: list[AnyRow]


async def generate_slots(conn: AsyncConnection, company: CompanyInfo, now: datetime) -> Generated:
    """Bring all slots of a company, from the venue's today to each horizon, up to its schedules.

    Running it again changes nothing. A slot that no schedule wants is deleted where nothing of it
    is reserved, else closed. What was set by hand stays. Errors: `CapacityBelowReserved` naming
    the first slot that would hold fewer than are reserved.
    """
    await conn.execute(
        text("SELECT pg_advisory_xact_lock(hashtext('time-slots'), hashtext(:id))"),
        {"id": str(company.company_id)},
    )
    today = local_time.today(company.zone, now)
    changes = await _compare(conn, company, await _planned(conn, company, today), today)
    made = await _insert(conn, company, changes.missing)
    await _change(conn, company, changes)
    done = Generated(made, len(changes.differing), len(changes.unwanted))
    log.info("time_slots_generated", company_id=str(company.company_id), **asdict(done))
    return done


async def generate_everywhere(database: Database, now: datetime) -> None:
    """The daily run: each company in a transaction of its own, so that none waits for another."""
    async with database.read() as conn:
        companies = await list_companies(conn)
    for company in companies:
        try:
            async with database.transaction() as conn:
                await generate_slots(conn, company, now)
        except CapacityBelowReserved as error:
            # Someone sold by hand past a schedule that shrinks; the venue has to decide.
            log.warning("time_slots_not_generated", company=company.name, reason=error.message)


async def _planned(
    conn: AsyncConnection, company: CompanyInfo, today: date
) -> dict[SlotKey, PlannedSlot]:
    rows = await conn.execute(
        select(Admission.code, Admission.schedule, Admission.horizon_days).where(
            Admission.company_id == company.company_id
        )
    )
    return {
        slot.key: slot
        for row in rows
        if row.schedule
        for slot in planned_slots(
            row.code,
            ScheduleSection.model_validate(row.schedule),
            company.zone,
            today,
            today + timedelta(days=row.horizon_days),
        )
    }


async def _compare(
    conn: AsyncConnection,
    company: CompanyInfo,
    planned: dict[SlotKey, PlannedSlot],
    today: date,
) -> _Changes:
    rows = await conn.execute(
        select(TimeSlot.__table__).where(
            TimeSlot.company_id == company.company_id, TimeSlot.local_date >= today
        )
    )
    changes = _Changes([], {}, [])
    for row in rows:
        same = row.local_date if row.whole_day else row.starts_at
        wanted = planned.pop((row.admission_code, row.whole_day, same), None)
        if wanted is None:
            if row.is_open or not row.reserved:
                changes.unwanted.append(row)
        elif _differs(row, wanted):
            changes.differing[row.slot_id] = (row, wanted)
    changes.missing.extend(planned.values())
    return changes


def _differs(row: AnyRow, wanted: PlannedSlot) -> bool:
    return any(getattr(row, name) != getattr(wanted, name) for name in _follows_schedule(row))


async def _insert(
    conn: AsyncConnection, company: CompanyInfo, missing: Sequence[PlannedSlot]
) -> int:
    ordered = sorted(missing, key=lambda slot: slot.starts_at)
    for start in range(0, len(ordered), ROWS_AT_ONCE):
        rows = [_row(company, slot) for slot in ordered[start : start + ROWS_AT_ONCE]]
        await conn.execute(_INSERT, column_lists(_COLUMNS, rows))
    return len(ordered)


def _row(company: CompanyInfo, slot: PlannedSlot) -> dict[str, Any]:
    fields = asdict(slot)
    return {
        "company_id": company.company_id,
        "slot_id": new_id(),
        "admission_code": fields.pop("admission"),
        **fields,
    }


async def _change(conn: AsyncConnection, company: CompanyInfo, changes: _Changes) -> None:
    touched = [*changes.differing, *(row.slot_id for row in changes.unwanted)]
    rows = await lock_slots(conn, company.company_id, touched)
    wanted = {slot_id: slot for slot_id, (_, slot) in changes.differing.items()}
    await change_slots(
        conn,
        [
            _changed(row, wanted[row.slot_id], company)
            if row.slot_id in wanted
            else SlotChange(row, {"is_open": False}, "unscheduled")
            for row in rows
            if row.slot_id in wanted or row.reserved
        ],
    )
    empty = [row.slot_id for row in rows if row.slot_id not in wanted and not row.reserved]
    await conn.execute(
        delete(TimeSlot).where(
            TimeSlot.company_id == company.company_id, TimeSlot.slot_id.in_(empty)
        )
    )


def _changed(row: AnyRow, wanted: PlannedSlot, company: CompanyInfo) -> SlotChange:
    values = {name: getattr(wanted, name) for name in _follows_schedule(row)}
    if values.get("capacity", row.capacity) < row.reserved:
        raise too_small(row, wanted.capacity, company.zone)
    return SlotChange(row, values, "scheduled")


def _follows_schedule(row: AnyRow) -> list[str]:
    names = [name for name in CHANGEABLE if name != "adjusted"]
    return [name for name in names if not (row.adjusted and name in _OF_HAND)]
