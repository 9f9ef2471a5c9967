"""Changes of the slots themselves: capacity, state, times. Each is in the ledger."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.capacity.models import CapacityMovement, TimeSlot
from channel_manager.db import AnyRow, bulk_insert, column_lists, new_id
from channel_manager.errors import ChannelError

CHANGEABLE = (
    "start_time",
    "starts_at",
    "ends_at",
    "capacity",
    "is_open",
    "sales_from",
    "sales_until",
    "adjusted",
)
_CHANGE = text("""
    UPDATE time_slots SET start_time = change.start_time, starts_at = change.starts_at,
        ends_at = change.ends_at, capacity = change.capacity, is_open = change.is_open,
        sales_from = change.sales_from, sales_until = change.sales_until,
        adjusted = change.adjusted
    FROM unnest(CAST(:slots AS uuid[]), CAST(:start_time AS time[]),
        CAST(:starts_at AS timestamptz[]), CAST(:ends_at AS timestamptz[]),
        CAST(:capacity AS int[]), CAST(:is_open AS boolean[]), CAST(:sales_from AS timestamptz[]),
        CAST(:sales_until AS timestamptz[]), CAST(:adjusted AS boolean[]))
        AS change (slot_id, start_time, starts_at, ends_at, capacity, is_open, sales_from,
            sales_until, adjusted)
    WHERE time_slots.company_id = :company AND time_slots.slot_id = change.slot_id
""")
_LEDGER_COLUMNS = (
    "company_id",
    "movement_id",
    "slot_id",
    "reserved_change",
    "capacity_change",
    "reason",
)
_RECORD = bulk_insert(CapacityMovement, _LEDGER_COLUMNS)


class CapacityBelowReserved(ChannelError):
    """400: a slot was to be made smaller than what is reserved of it; nothing was changed."""

    code = "capacity_exceeded"


@dataclass(frozen=True, slots=True)
class SlotChange:
    """A slot as it is, locked, and what becomes of it."""

    row: AnyRow
    values: Mapping[str, Any]
    reason: str

    def value(self, name: str) -> Any:  # noqa: ANN401 - of any column
        """A column's value after the change."""
        return self.values.get(name, getattr(self.row, name))

    @property
    def told(self) -> str:
        """The reason, with the state where that changes."""
        if self.value("is_open") == self.row.is_open:
            return self.reason
        return f"{self.reason}: {'opened' if self.value('is_open') else 'closed'}"


async def lock_slots(
    conn: AsyncConnection, company_id: UUID, slot_ids: Iterable[UUID]
) -> Sequence[AnyRow]:
    """The slots, locked in the order in which orders lock them too."""
    rows = await conn.execute(
        select(TimeSlot.__table__)
        .where(TimeSlot.company_id == company_id, TimeSlot.slot_id.in_(list(slot_ids)))
        .order_by(TimeSlot.slot_id)
        .with_for_update()
    )
    return rows.all()


async def change_slots(conn: AsyncConnection, changes: Sequence[SlotChange]) -> None:
    """Change slots that the caller has locked, all in one statement, and write the ledger."""
    if not changes:
        return
    columns = {name: [change.value(name) for change in changes] for name in CHANGEABLE}
    slots = [change.row.slot_id for change in changes]
    company_id = changes[0].row.company_id
    await conn.execute(_CHANGE, {"company": company_id, "slots": slots, **columns})
    rows = [_movement(change) for change in changes]
    await conn.execute(_RECORD, column_lists(_LEDGER_COLUMNS, rows))


async def adjust_slot(
    conn: AsyncConnection, row: AnyRow, zone: ZoneInfo, values: Mapping[str, Any]
) -> None:
    """Set a locked slot's capacity or state by hand; schedules leave it alone from then on.

    Errors: `CapacityBelowReserved`.
    """
    if values.get("capacity", row.capacity) < row.reserved:
        raise too_small(row, values["capacity"], zone)
    await change_slots(conn, [SlotChange(row, {**values, "adjusted": True}, "by hand")])


def too_small(row: AnyRow, capacity: int, zone: ZoneInfo) -> CapacityBelowReserved:
    """The refusal to make a slot smaller than what is reserved of it."""
    when = local_time.with_offset(row.starts_at, zone)
    return CapacityBelowReserved(
        f"{row.admission_code} at {when} can't be made {capacity}: {row.reserved} places of it are"
        f" reserved. Give it {row.reserved} or more, or close it (closed: true), which keeps its"
        " guests and takes no more."
    )


def _movement(change: SlotChange) -> dict[str, Any]:
    return {
        "company_id": change.row.company_id,
        "movement_id": new_id(),
        "slot_id": change.row.slot_id,
        "reserved_change": 0,
        "capacity_change": change.value("capacity") - change.row.capacity,
        "reason": change.told,
    }
