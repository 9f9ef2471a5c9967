"""The only ways from a key to a ticket at the gate, each scoped by company and partner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Uuid, and_, bindparam, func, select, text, true
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.service import Access
from channel_manager.capacity.models import Admission, TimeSlot
from channel_manager.db import AnyRow, AnySelect
from channel_manager.gate.models import GateEntry
from channel_manager.gate.verdicts import Place, TicketFacts
from channel_manager.issuance.models import Asset, Wallet
from channel_manager.orders.models import Order

# Three look-ups by index, and no OR between them: for one the planner reads every wallet.
_FIND = text("""
    SELECT found.row_id, found.voided_at FROM (
        SELECT row_id, order_id, voided_at FROM assets
        WHERE company_id = :company AND reference_number = :reference AND kind = 'ticket'
        UNION
        SELECT a.row_id, a.order_id, a.voided_at
        FROM (
            SELECT order_id, wallet_id FROM wallets
            WHERE company_id = :company AND reference_number = :reference
            UNION ALL
            SELECT order_id, wallet_id FROM wallets
            WHERE company_id = :company AND external_reference = :reference
                AND external_reference <> ''
        ) wallet
        JOIN assets a ON a.company_id = :company AND a.order_id = wallet.order_id
            AND a.wallet_id = wallet.wallet_id AND a.kind = 'ticket'
    ) found
    JOIN orders o ON o.company_id = :company AND o.order_id = found.order_id
        AND (CAST(:partner AS uuid) IS NULL OR o.partner_id = :partner)
    ORDER BY found.row_id
""").bindparams(bindparam("company", type_=Uuid), bindparam("partner", type_=Uuid))


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as the gate found it, with what its verdict depends on."""

    ticket_id: UUID
    order_id: UUID
    reference_number: str
    item_number: str
    description: str
    guest_name: str
    facts: TicketFacts


async def find_tickets(conn: AsyncConnection, access: Access, reference: str) -> list[UUID]:
    """The tickets behind a scanned code, by row id, in one order everywhere.

    A ticket's number gives that ticket; a wallet's number or the partner's own reference gives all
    of the wallet. What is cancelled is only found where nothing that stands is.
    """
    rows = await conn.execute(
        _FIND,
        {
            "company": access.company.company_id,
            "reference": reference,
            "partner": access.partner_id,
        },
    )
    tickets = rows.all()
    standing = [row.row_id for row in tickets if row.voided_at is None]
    return standing or [row.row_id for row in tickets]


async def lock_tickets(
    conn: AsyncConnection, access: Access, ticket_ids: Sequence[UUID]
) -> list[Ticket]:
    """These tickets, locked until the transaction ends, in one order everywhere."""
    query = _tickets(access, ticket_ids).with_for_update(of=Asset)
    return await _read(conn, access, query)


async def read_tickets(
    conn: AsyncConnection, access: Access, ticket_ids: Sequence[UUID]
) -> list[Ticket]:
    """These tickets as they are now."""
    return await _read(conn, access, _tickets(access, ticket_ids))


def _tickets(access: Access, ticket_ids: Sequence[UUID]) -> AnySelect:
    mine = true() if access.partner_id is None else Order.partner_id == access.partner_id
    return (
        select(
            Asset.row_id,
            Asset.order_id,
            Asset.reference_number,
            Asset.item_number,
            Asset.description,
            Asset.admits,
            Asset.admits_to,
            Asset.terms,
            Asset.valid_at,
            Asset.voided_at,
            Asset.valid_from,
            Asset.valid_until,
            Asset.admitted,
            Asset.admitted_that_day,
            Asset.last_admitted_at,
            Asset.last_admission,
            Wallet.name.label("guest_name"),
        )
        .join(
            Wallet,
            and_(Wallet.company_id == Asset.company_id, Wallet.wallet_id == Asset.wallet_id),
        )
        .join(Order, and_(Order.company_id == Asset.company_id, Order.order_id == Asset.order_id))
        .where(
            Asset.company_id == access.company.company_id,
            Asset.row_id.in_(ticket_ids),
            Asset.kind == "ticket",
            mine,
        )
        .order_by(Asset.row_id)
    )


async def _read(conn: AsyncConnection, access: Access, query: AnySelect) -> list[Ticket]:
    rows = (await conn.execute(query)).all()
    places = await _places(conn, access, rows)
    return [
        Ticket(
            ticket_id=row.row_id,
            order_id=row.order_id,
            reference_number=row.reference_number,
            item_number=row.item_number,
            description=row.description,
            guest_name=row.guest_name,
            facts=_facts(row, places),
        )
        for row in rows
    ]


Places = dict[tuple[str, str | None], Place]


def _facts(row: AnyRow, places: Places) -> TicketFacts:
    return TicketFacts(
        paid=row.valid_at is not None,
        cancelled=row.voided_at is not None,
        admits=row.admits,
        entries=(row.terms or {}).get("entries", "single"),
        admitted=row.admitted,
        admitted_that_day=row.admitted_that_day,
        last_admitted_at=row.last_admitted_at,
        last_admission=row.last_admission,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        places=[places[entry["admission"], entry["slotId"]] for entry in row.admits_to or ()],
    )


async def _places(conn: AsyncConnection, access: Access, rows: Sequence[AnyRow]) -> Places:
    wanted = {
        (entry["admission"], entry["slotId"]) for row in rows for entry in row.admits_to or ()
    }
    if not wanted:
        return {}
    company = access.company.company_id
    found = await conn.execute(
        select(
            Admission.code,
            Admission.early_minutes,
            Admission.late_minutes,
            TimeSlot.slot_id,
            TimeSlot.starts_at,
            TimeSlot.ends_at,
        )
        .outerjoin(
            TimeSlot,
            and_(
                TimeSlot.company_id == Admission.company_id,
                TimeSlot.admission_code == Admission.code,
                TimeSlot.slot_id.in_([UUID(slot) for _, slot in wanted if slot]),
            ),
        )
        .where(Admission.company_id == company, Admission.code.in_([code for code, _ in wanted]))
    )
    by_code: dict[str, tuple[timedelta, timedelta]] = {}
    slots: dict[str, tuple[datetime, datetime]] = {}
    for row in found:
        by_code[row.code] = (
            timedelta(minutes=row.early_minutes),
            timedelta(minutes=row.late_minutes),
        )
        if row.slot_id is not None:
            slots[str(row.slot_id)] = (row.starts_at, row.ends_at)
    return {(code, slot): _place(code, slot, by_code.get(code), slots) for code, slot in wanted}


def _place(
    code: str,
    slot: str | None,
    tolerance: tuple[timedelta, timedelta] | None,
    slots: dict[str, tuple[datetime, datetime]],
) -> Place:
    early, late = tolerance or (timedelta(0), timedelta(0))
    start, end = slots.get(slot or "", (None, None))
    return Place(code, start, end, early, late)


async def list_entries(
    conn: AsyncConnection, access: Access, ticket_ids: Sequence[UUID]
) -> Sequence[AnyRow]:
    """All entries on these tickets, oldest first."""
    rows = await conn.execute(
        select(
            GateEntry.entry_id,
            GateEntry.admission_code,
            GateEntry.scanner_id,
            GateEntry.quantity,
            GateEntry.admitted_at,
            GateEntry.recorded_at,
            GateEntry.conflict,
            Asset.reference_number,
        )
        .join(
            Asset,
            and_(Asset.company_id == GateEntry.company_id, Asset.row_id == GateEntry.ticket_id),
        )
        .where(
            GateEntry.company_id == access.company.company_id, GateEntry.ticket_id.in_(ticket_ids)
        )
        .order_by(GateEntry.admitted_at, GateEntry.entry_id)
    )
    return rows.all()


async def count_entries(
    conn: AsyncConnection, access: Access, admission_code: str, start: datetime, end: datetime
) -> int:
    """How many guests entered at an admission (all where "") between two instants."""
    here = true() if admission_code == "" else GateEntry.admission_code == admission_code
    counted = await conn.scalar(
        select(func.coalesce(func.sum(GateEntry.quantity), 0)).where(
            GateEntry.company_id == access.company.company_id,
            here,
            GateEntry.admitted_at >= start,
            GateEntry.admitted_at < end,
        )
    )
    return int(counted or 0)
