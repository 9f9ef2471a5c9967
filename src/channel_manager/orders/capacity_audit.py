"""The audit of capacity: every slot's counter, recomputed from orders (domain: Capacity).

Four accounts are kept of what a slot has sold, and must agree: the slot's counter, the
reservations that are held, the tickets of the orders that hold places, and the ledger's sum.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.db import AnyRow, new_id

# Which orders hold places: Issued ones, Drafts whose hold has not ended, and those in flight, which
# have no tickets yet: theirs is what a replace has handed on. One statement, so that all is of one
# instant, whatever orders are doing meanwhile.
_COMPARE = text("""
    WITH ticketed AS (
        SELECT (place->>'slotId')::uuid AS slot_id, a.admits AS quantity
        FROM orders o
        JOIN assets a ON a.company_id = o.company_id AND a.order_id = o.order_id
            AND a.submission = o.submission AND a.voided_at IS NULL
        CROSS JOIN LATERAL jsonb_array_elements(coalesce(a.admits_to, '[]')) AS place
        WHERE o.company_id = :company AND o.removed_at IS NULL
            AND (o.status = 'Issued' OR (o.status = 'Draft' AND o.hold_ended_at IS NULL))
            AND place->>'slotId' IS NOT NULL
        UNION ALL
        SELECT r.slot_id, r.quantity
        FROM orders o
        JOIN reservations r ON r.company_id = o.company_id AND r.order_id = o.order_id
            AND r.submission = o.submission AND r.released_at IS NULL
        WHERE o.company_id = :company AND o.status IN ('Submitted', 'Scheduled', 'Processing')
    ), orders_say AS (
        SELECT slot_id, sum(quantity) AS places FROM ticketed GROUP BY slot_id
    ), reservations_say AS (
        SELECT slot_id, sum(quantity) AS places FROM reservations
        WHERE company_id = :company AND released_at IS NULL GROUP BY slot_id
    ), ledger_says AS (
        SELECT slot_id, sum(reserved_change) AS places FROM capacity_ledger
        WHERE company_id = :company GROUP BY slot_id
    ), slots AS (
        SELECT slot_id, admission_code, starts_at, capacity, reserved FROM time_slots
        WHERE company_id = :company
    ), compared AS (
        SELECT slot_id, admission_code, starts_at, capacity,
            coalesce(reserved, 0) AS counted,
            coalesce(orders_say.places, 0) AS by_orders,
            coalesce(reservations_say.places, 0) AS by_reservations,
            coalesce(ledger_says.places, 0) AS by_ledger
        FROM slots
        FULL JOIN orders_say USING (slot_id)
        FULL JOIN reservations_say USING (slot_id)
        FULL JOIN ledger_says USING (slot_id)
    )
    SELECT * FROM compared
    WHERE counted <> by_orders OR counted <> by_reservations OR counted <> by_ledger
        OR counted > capacity
    ORDER BY starts_at, slot_id
""")
_COUNT = text("SELECT count(*) FROM time_slots WHERE company_id = :company")
# Only where orders and reservations agree is it known what is right, and only where it fits.
_REPAIR = text("""
    WITH repaired AS (
        UPDATE time_slots SET reserved = :places
        WHERE company_id = :company AND slot_id = :slot AND capacity >= :places
        RETURNING slot_id
    )
    INSERT INTO capacity_ledger (company_id, movement_id, slot_id, reserved_change,
        capacity_change, reason)
    SELECT :company, :movement, slot_id, :places - :by_ledger, 0, 'repaired' FROM repaired
    RETURNING slot_id
""")


@dataclass(frozen=True, slots=True)
class Difference:
    """A slot whose accounts don't agree. A slot that is gone has neither place nor capacity."""

    slot_id: UUID
    admission_code: str | None
    starts_at: datetime | None
    capacity: int | None
    counted: int
    by_orders: int
    by_reservations: int
    by_ledger: int


@dataclass(frozen=True, slots=True)
class Audit:
    """How many slots were looked at, and those that differ."""

    slots: int
    differences: Sequence[Difference]


async def audit_capacity(conn: AsyncConnection, company_id: UUID) -> Audit:
    """Recompute what each slot of a company has sold, and compare. Changes nothing."""
    rows = await conn.execute(_COMPARE, {"company": company_id})
    differences = [_difference(row) for row in rows]
    slots = await conn.scalar(_COUNT, {"company": company_id})
    return Audit(slots or 0, differences)


async def repair_capacity(conn: AsyncConnection, company_id: UUID) -> Audit:
    """Set the counters to what orders and reservations both say; returns what is left to see to.

    Locks out all reserving of the company's slots meanwhile.
    """
    await conn.execute(text("LOCK TABLE time_slots IN EXCLUSIVE MODE"))
    for found in (await audit_capacity(conn, company_id)).differences:
        if found.by_orders == found.by_reservations:
            await conn.execute(
                _REPAIR,
                {
                    "company": company_id,
                    "slot": found.slot_id,
                    "places": found.by_orders,
                    "by_ledger": found.by_ledger,
                    "movement": new_id(),
                },
            )
    return await audit_capacity(conn, company_id)


def _difference(row: AnyRow) -> Difference:
    return Difference(
        slot_id=row.slot_id,
        admission_code=row.admission_code,
        starts_at=row.starts_at,
        capacity=row.capacity,
        counted=int(row.counted),
        by_orders=int(row.by_orders),
        by_reservations=int(row.by_reservations),
        by_ledger=int(row.by_ledger),
    )
