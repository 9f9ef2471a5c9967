"""Taking places and giving them back, in the caller's transaction (domain: Capacity).

The caller holds the lock of its order, so that two changes of one order come one after the other.
Slots are locked in the order of their ids, always, so that no two transactions wait for each other.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.capacity.slots import FoundSlot, find_slots
from channel_manager.capacity.wants import Moment, Want, first_places
from channel_manager.db import AnyRow, new_id
from channel_manager.errors import Problem, Refused
from channel_manager.statements import Statement


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds places: one submission of an order."""

    company_id: UUID
    order_id: UUID
    submission: int


_LOCK = Statement("""
    SELECT slot_id, admission_code, capacity - reserved AS room, is_open
    FROM time_slots WHERE company_id = :company AND slot_id = ANY(:slots)
    ORDER BY slot_id FOR UPDATE
""")
_HELD = Statement("""
    SELECT order_id, submission, slot_id, quantity
    FROM unnest(CAST(:orders AS uuid[]), CAST(:submissions AS int[]))
        AS holder (order_id, submission)
    JOIN reservations USING (order_id, submission)
    WHERE company_id = :company AND released_at IS NULL
""")
_LAPSED = Statement("""
    SELECT reservations.slot_id, quantity, admission_code, local_date,
        CASE WHEN whole_day THEN NULL ELSE start_time END AS at
    FROM reservations
    LEFT JOIN time_slots USING (company_id, slot_id)
    WHERE company_id = :company AND order_id = :order AND submission = :submission
        AND released_at IS NOT NULL
    ORDER BY starts_at
""")
_HELD_BY_ANY = Statement("""
    SELECT order_id, submission, slot_id, quantity FROM reservations
    WHERE company_id = :company AND order_id = ANY(:orders) AND released_at IS NULL
""")
_RELEASE = Statement("""
    UPDATE reservations SET released_at = now()
    WHERE company_id = :company AND order_id = ANY(:orders) AND released_at IS NULL
""")
_HOLD = Statement("""
    INSERT INTO reservations (company_id, order_id, submission, slot_id, quantity)
    SELECT :company, * FROM unnest(CAST(:orders AS uuid[]), CAST(:submissions AS int[]),
        CAST(:slots AS uuid[]), CAST(:quantities AS int[]))
    ON CONFLICT (company_id, order_id, submission, slot_id)
    DO UPDATE SET quantity = excluded.quantity, held_at = now(), released_at = NULL
""")
# Counts and writes the ledger in one. The slots are locked by now, so that this reads what they
# truly hold; the table's own constraint is there for whoever changes it past this code.
_RECORD = Statement("""
    WITH moved AS (
        SELECT * FROM unnest(CAST(:movements AS uuid[]), CAST(:slots AS uuid[]),
            CAST(:orders AS uuid[]), CAST(:submissions AS int[]), CAST(:changes AS int[]))
            AS one (movement_id, slot_id, order_id, submission, change)
    ), counted AS (
        UPDATE time_slots SET reserved = reserved + total.change
        FROM (SELECT slot_id, sum(change) AS change FROM moved GROUP BY slot_id) AS total
        WHERE time_slots.company_id = :company AND time_slots.slot_id = total.slot_id
    )
    INSERT INTO capacity_ledger (company_id, movement_id, slot_id, order_id, submission,
        reserved_change, capacity_change, reason)
    SELECT :company, movement_id, slot_id, order_id, submission, change, 0, :reason FROM moved
""")


@dataclass(frozen=True, slots=True)
class _Movement:
    holder: Holder
    slot_id: UUID
    change: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What an order is to take: the slot of each moment, and how many places in each slot."""

    slots: Mapping[Moment, UUID]
    needed: Counter[UUID]
    held: Counter[UUID]
    # For messages: what each slot was asked for as, and where.
    names: Mapping[UUID, tuple[Moment, str]]

    @property
    def changes(self) -> Counter[UUID]:
        """What each slot's count changes by."""
        changes = Counter(self.needed)
        changes.subtract(self.held)
        return changes

    def take_from(self, room: dict[UUID, int]) -> None:
        """Take from each slot's room; nothing of it on `Refused`, where a slot has too little."""
        for slot_id, guests in self.needed.items():
            left = room[slot_id] + self.held[slot_id]
            if guests > left:
                raise _exceeded(*self.names[slot_id], left, guests)
        for slot_id, change in self.changes.items():
            room[slot_id] = room.get(slot_id, 0) - change


async def slot_problems(
    conn: AsyncConnection, company_id: UUID, zone: ZoneInfo, wants: Sequence[Want]
) -> list[Problem]:
    """What is wrong with the slots that a new order asks for; how much room they have is not
    looked at, since only issuance decides that.
    """
    places = first_places(wants)
    found = await find_slots(conn, company_id, zone, list(places))
    return [
        Problem(f"{place}.{_field(moment)}", message, "time_slot_not_found")
        for moment, place in places.items()
        if (message := _slot_message(moment, found.get(moment)))
    ]


async def plan(
    conn: AsyncConnection, company_id: UUID, zone: ZoneInfo, asked: Mapping[Holder, Sequence[Want]]
) -> dict[Holder, Plan | Refused]:
    """Which slots some orders are to take, in their order: those before have what they take.

    Locks nothing, so that whatever else issuing takes time for is done before a much wanted slot
    is locked. What is plainly sold out is refused here: `time_slot_not_found` or
    `capacity_exceeded`. What a holder holds already counts.
    """
    moments = {want.moment: None for wants in asked.values() for want in wants}
    found = await find_slots(conn, company_id, zone, list(moments))
    # Only what a replace has handed on is held before an order is issued.
    held = await _held(conn, [holder for holder in asked if holder.submission > 1])
    room = {slot.slot_id: slot.room for slot in found.values()}
    planned: dict[Holder, Plan | Refused] = {}
    for holder, wants in asked.items():
        try:
            one = _plan_one(wants, found, held.get(holder, Counter()))
            one.take_from(room)
        except Refused as refusal:
            planned[holder] = refusal
        else:
            planned[holder] = one
    return planned


def _plan_one(
    wants: Sequence[Want], found: Mapping[Moment, FoundSlot], held: Counter[UUID]
) -> Plan:
    places = first_places(wants)
    for moment, place in places.items():
        _refuse_unless_open(moment, found.get(moment), place)
    needed = Counter[UUID]()
    for want in wants:
        needed[found[want.moment].slot_id] += want.guests
    return Plan(
        slots={moment: found[moment].slot_id for moment in places},
        needed=needed,
        held=held,
        names={found[moment].slot_id: (moment, place) for moment, place in places.items()},
    )


async def take(conn: AsyncConnection, company_id: UUID, plans: Mapping[Holder, Plan]) -> None:
    """Take the places of some orders' plans, all or none; what is held beyond them goes back.

    Errors: `Refused`, as in `plan`; the caller rolls back.
    """
    changing = {holder: plan for holder, plan in plans.items() if plan.needed != plan.held}
    if not changing:
        return
    touched = {slot for plan in changing.values() for slot in (*plan.needed, *plan.held)}
    locked = await _lock(conn, company_id, touched)
    room = {slot.slot_id: slot.room for slot in locked.values()}
    for planned in changing.values():
        for slot_id in planned.needed:
            slot = locked.get(slot_id)
            if slot is None or not slot.is_open:
                raise _not_found(*planned.names[slot_id], "is closed")
        planned.take_from(room)
    if holding := [holder.order_id for holder, plan in changing.items() if plan.held]:
        await _RELEASE.run(conn, company=company_id, orders=holding)
    await _hold(conn, company_id, {holder: plan.needed for holder, plan in changing.items()})
    movements = [
        movement
        for holder, plan in changing.items()
        for movement in _movements(holder, plan.changes, 1)
    ]
    await _record(conn, company_id, movements, "taken")


async def take_again(conn: AsyncConnection, holder: Holder) -> None:
    """Take once more what a Draft held until its hold ran out.

    Errors: `Refused` where the places are gone, or their slots closed; the caller rolls back.
    """
    rows = await _LAPSED.rows(conn, **_of(holder))
    names = {
        row.slot_id: (Moment(row.admission_code, row.local_date, row.at), "the order")
        for row in rows
    }
    needed = Counter({row.slot_id: row.quantity for row in rows})
    planned = Plan(slots={}, needed=needed, held=Counter(), names=names)
    await take(conn, holder.company_id, {holder: planned})


async def move(
    conn: AsyncConnection, old: Holder, new: Holder, zone: ZoneInfo, wants: Sequence[Want]
) -> None:
    """Hand on, to a replace's submission, what the old one holds and the new one wants too.

    The rest goes back at once. So a replace to the same slot never needs stock that it holds
    already, and no other order can take it in between (domain: Capacity).
    """
    held = (await _held(conn, [old])).get(old)
    if not held:
        return
    found = await find_slots(conn, old.company_id, zone, list(first_places(wants)))
    wanted = Counter[UUID]()
    for want in wants:
        if want.moment in found:
            wanted[found[want.moment].slot_id] += want.guests
    kept = held & wanted
    await _lock(conn, old.company_id, held)
    await _RELEASE.run(conn, company=old.company_id, orders=[old.order_id])
    await _hold(conn, new.company_id, {new: kept})
    movements = [*_movements(old, held, -1), *_movements(new, kept, 1)]
    await _record(conn, old.company_id, movements, "replaced")


async def release(
    conn: AsyncConnection, company_id: UUID, order_ids: Sequence[UUID], reason: str
) -> None:
    """Give back all that these orders hold; what was given back before is not given twice.

    The caller holds the locks of the orders.
    """
    rows = await _HELD_BY_ANY.rows(conn, company=company_id, orders=list(order_ids))
    movements = [
        _Movement(Holder(company_id, row.order_id, row.submission), row.slot_id, -row.quantity)
        for row in rows
    ]
    if not movements:
        return
    await _lock(conn, company_id, {movement.slot_id for movement in movements})
    await _RELEASE.run(conn, company=company_id, orders=list(order_ids))
    await _record(conn, company_id, movements, reason)


async def _held(conn: AsyncConnection, holders: Sequence[Holder]) -> dict[Holder, Counter[UUID]]:
    if not holders:
        return {}
    company_id = holders[0].company_id
    rows = await _HELD.rows(
        conn,
        company=company_id,
        orders=[holder.order_id for holder in holders],
        submissions=[holder.submission for holder in holders],
    )
    held: dict[Holder, Counter[UUID]] = {}
    for row in rows:
        holder = Holder(company_id, row.order_id, row.submission)
        held.setdefault(holder, Counter())[row.slot_id] = row.quantity
    return held


async def _lock(
    conn: AsyncConnection, company_id: UUID, slots: Iterable[UUID]
) -> dict[UUID, AnyRow]:
    rows = await _LOCK.rows(conn, company=company_id, slots=list(slots))
    return {row.slot_id: row for row in rows}


async def _hold(
    conn: AsyncConnection, company_id: UUID, places: Mapping[Holder, Mapping[UUID, int]]
) -> None:
    rows = [
        (holder.order_id, holder.submission, slot_id, quantity)
        for holder, quantities in places.items()
        for slot_id, quantity in quantities.items()
    ]
    if rows:
        orders, submissions, slots, quantities = map(list, zip(*rows, strict=True))
        await _HOLD.run(
            conn,
            company=company_id,
            orders=orders,
            submissions=submissions,
            slots=slots,
            quantities=quantities,
        )


async def _record(
    conn: AsyncConnection, company_id: UUID, movements: Sequence[_Movement], reason: str
) -> None:
    if not movements:
        return
    await _RECORD.run(
        conn,
        company=company_id,
        movements=[new_id() for _ in movements],
        slots=[movement.slot_id for movement in movements],
        orders=[movement.holder.order_id for movement in movements],
        submissions=[movement.holder.submission for movement in movements],
        changes=[movement.change for movement in movements],
        reason=reason,
    )


def _movements(holder: Holder, quantities: Mapping[UUID, int], sign: int) -> list[_Movement]:
    return [
        _Movement(holder, slot_id, sign * quantity)
        for slot_id, quantity in quantities.items()
        if quantity
    ]


def _of(holder: Holder) -> dict[str, Any]:
    return {
        "company": holder.company_id,
        "order": holder.order_id,
        "submission": holder.submission,
    }


def _field(moment: Moment) -> str:
    return "visitDate" if moment.at is None else "visitTime"


def _slot_message(moment: Moment, slot: FoundSlot | None) -> str | None:
    why = "has no time slot" if slot is None else slot.refusal
    return f"{moment} {why}; {_choose(moment)}" if why else None


def _refuse_unless_open(moment: Moment, slot: FoundSlot | None, place: str) -> None:
    # Whether it is on sale was decided when the order was accepted.
    if slot is None or not slot.is_open:
        raise _not_found(moment, place, "has no time slot" if slot is None else "is closed")


def _not_found(moment: Moment, place: str, why: str) -> Refused:
    return Refused(
        f"{place}: {moment} {why}; {_choose(moment)} (time_slot_not_found)",
        code="time_slot_not_found",
    )


def _exceeded(moment: Moment, place: str, room: int, guests: int) -> Refused:
    left = {0: "no place left", 1: "1 place left"}.get(room, f"{room} places left")
    are = "is" if guests == 1 else "are"
    return Refused(
        f"{place}: {moment} has {left} and {guests} {are} needed;"
        f" choose another {_unit(moment)} or fewer guests (capacity_exceeded)",
        code="capacity_exceeded",
    )


def _choose(moment: Moment) -> str:
    return f"choose a {_unit(moment)} from ticket/timeslots/search"


def _unit(moment: Moment) -> str:
    return "day" if moment.at is None else "time"
