"""Changing time slots by hand, with what that means for whoever has booked them."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.access.audit import record
from channel_manager.access.service import Access
from channel_manager.capacity.calendar import Slot, find_slots
from channel_manager.capacity.changes import SlotChange, adjust_slot, change_slots, lock_slots
from channel_manager.capacity.generation import generate_slots
from channel_manager.db import AnyRow, Database
from channel_manager.errors import InvalidInput, NotFound, Problem
from channel_manager.statements import Statement

# As many as a month of an admission that begins each hour.
MOST_AT_ONCE = 750
MOST_CAPACITY = 1_000_000


class Action(StrEnum):
    """What is done to slots. Closed ones keep their guests and take no more."""

    CLOSE = "close"
    REOPEN = "reopen"
    CAPACITY = "capacity"
    # Follow the schedule again.
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class WantedChange:
    """One action for some slots; `capacity` counts where that is the action."""

    action: Action
    slots: Sequence[UUID]
    capacity: int | None = None


@dataclass(frozen=True, slots=True)
class Bookings:
    """Who has booked a slot: orders, and the guests among its reserved places by their state."""

    orders: int = 0
    paid: int = 0
    unpaid: int = 0
    # Still being issued.
    coming: int = 0


@dataclass(frozen=True, slots=True)
class Effect:
    """A slot before and after; None after: no schedule wants it, and nobody has booked it."""

    before: Slot
    after: Slot | None
    bookings: Bookings


_BOOKINGS = Statement("""
    SELECT r.slot_id, count(DISTINCT r.order_id) AS orders,
        coalesce(sum(r.quantity) FILTER (WHERE o.status = 'Issued'), 0) AS paid,
        coalesce(sum(r.quantity) FILTER (WHERE o.status = 'Draft'), 0) AS unpaid,
        coalesce(sum(r.quantity) FILTER (WHERE o.status NOT IN ('Issued', 'Draft')), 0) AS coming
    FROM reservations r
    JOIN orders o USING (company_id, order_id)
    WHERE r.company_id = :company AND r.slot_id = ANY(:slots) AND r.released_at IS NULL
    GROUP BY r.slot_id
""")


async def change_slots_by_hand(
    conn: AsyncConnection, access: Access, change: WantedChange, now: datetime
) -> Sequence[Effect]:
    """Carry a change out, all of it or nothing, and say what it did.

    Errors: `InvalidInput`; `NotFound`; `CapacityBelowReserved` naming the first slot that would
    hold fewer than have booked it.
    """
    _check(change)
    here = access.company.company_id
    before = await find_slots(conn, here, change.slots)
    rows = await lock_slots(conn, here, change.slots)
    if len(rows) != len(set(change.slots)):
        raise NotFound("One of these time slots is no longer there; load the page again.")
    over = [slot for slot in before if slot.is_over]
    if over:
        when = local_time.with_offset(over[0].starts_at, access.company.zone)
        raise InvalidInput(f"{over[0].admission_code} at {when} is over; leave it out.")
    if change.action is Action.RESET:
        await change_slots(conn, [SlotChange(row, {"adjusted": False}, "reset") for row in rows])
        await generate_slots(conn, access.company, now)
    else:
        for row in rows:
            await adjust_slot(conn, row, access.company.zone, _values(change))
    await _record(conn, access, change, rows)
    after = {slot.slot_id: slot for slot in await find_slots(conn, here, change.slots)}
    bookings = await bookings_of(conn, here, change.slots)
    return [
        Effect(slot, after.get(slot.slot_id), bookings.get(slot.slot_id, Bookings()))
        for slot in before
    ]


async def try_change(
    database: Database, access: Access, change: WantedChange, now: datetime
) -> Sequence[Effect]:
    """What a change would do: it is carried out and taken back. Errors: as that of the change."""
    effects: Sequence[Effect] = []
    with suppress(_TakenBack):
        async with database.transaction() as conn:
            effects = await change_slots_by_hand(conn, access, change, now)
            raise _TakenBack
    return effects


async def bookings_of(
    conn: AsyncConnection, company_id: UUID, slot_ids: Sequence[UUID]
) -> Mapping[UUID, Bookings]:
    """Who has booked these slots; a slot that nobody has booked is left out."""
    rows = await _BOOKINGS.rows(conn, company=company_id, slots=list(slot_ids))
    return {row.slot_id: Bookings(row.orders, row.paid, row.unpaid, row.coming) for row in rows}


class _TakenBack(Exception):
    pass


def _check(change: WantedChange) -> None:
    problems = []
    if not change.slots:
        problems.append(Problem("slot", "choose at least one time slot"))
    if len(change.slots) > MOST_AT_ONCE:
        problems.append(Problem("slot", f"choose at most {MOST_AT_ONCE} time slots"))
    if change.action is Action.CAPACITY and not (
        change.capacity is not None and 0 <= change.capacity <= MOST_CAPACITY
    ):
        problems.append(
            Problem("capacity", f"must be a whole number from 0 to {MOST_CAPACITY:,} guests")
        )
    if problems:
        raise InvalidInput.of(problems)


def _values(change: WantedChange) -> dict[str, Any]:
    if change.action is Action.CAPACITY:
        return {"capacity": change.capacity}
    return {"is_open": change.action is Action.REOPEN}


async def _record(
    conn: AsyncConnection, access: Access, change: WantedChange, rows: Sequence[AnyRow]
) -> None:
    if change.action is Action.RESET:
        for row in rows:
            await record(conn, access, "slot.reset", f"slot {row.slot_id}")
        return
    for row in rows:
        before = {"capacity": row.capacity, "is_open": row.is_open}
        subject = f"slot {row.slot_id}"
        await record(conn, access, "slot.set", subject, before=before, after=_values(change))
