"""The only ways from a key to a ticket at the gate, each scoped by company and partner."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import and_, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.access.service import Access
from channel_manager.db import AnyRow, new_id
from channel_manager.gate.models import GateEntry
from channel_manager.gate.verdicts import Place, TicketFacts
from channel_manager.issuance.models import Asset
from channel_manager.statements import Statement

# Three look-ups by index, and no OR between them: for one the planner reads every wallet.
_BEHIND_CODE = """
    SELECT row_id FROM assets
    WHERE company_id = :company AND reference_number = :reference AND kind = 'ticket'
    UNION
    SELECT asset.row_id
    FROM (
        SELECT order_id, wallet_id FROM wallets
        WHERE company_id = :company AND reference_number = :reference
        UNION ALL
        SELECT order_id, wallet_id FROM wallets
        WHERE company_id = :company AND external_reference = :reference
            AND external_reference <> ''
    ) found
    JOIN assets asset ON asset.company_id = :company AND asset.order_id = found.order_id
        AND asset.wallet_id = found.wallet_id AND asset.kind = 'ticket'
"""
_THESE = "SELECT unnest(CAST(:tickets AS uuid[]))"
# All that a verdict depends on, the places and their slots too: these one by one, since the planner
# takes a JSON list for 100 long and would rather read all slots.
_TICKETS = """
    SELECT (SELECT clock_timestamp()) AS now, CAST(a.xmin AS text) AS version,
        a.row_id, a.order_id, a.reference_number, a.item_number, a.description, a.admits,
        a.terms, a.valid_at, a.voided_at, a.valid_from, a.valid_until, a.admitted,
        a.admitted_that_day, a.last_admitted_at, a.last_admission, w.name AS guest_name,
        (SELECT jsonb_agg(jsonb_build_array(place.value->>'admission', slot.starts_at,
                slot.ends_at, coalesce(early_minutes, 0), coalesce(late_minutes, 0)) ORDER BY n)
            FROM jsonb_array_elements(a.admits_to) WITH ORDINALITY AS place (value, n)
            LEFT JOIN LATERAL (
                SELECT early_minutes, late_minutes FROM admissions
                WHERE company_id = :company AND code = place.value->>'admission' LIMIT 1
            ) tolerance ON true
            LEFT JOIN LATERAL (
                SELECT starts_at, ends_at FROM time_slots WHERE company_id = :company
                    AND slot_id = CAST(place.value->>'slotId' AS uuid) LIMIT 1
            ) slot ON true) AS places
    FROM assets a
    JOIN wallets w ON w.company_id = a.company_id AND w.wallet_id = a.wallet_id
    JOIN orders o ON o.company_id = a.company_id AND o.order_id = a.order_id
        AND (CAST(:partner AS uuid) IS NULL OR o.partner_id = :partner)
    WHERE a.company_id = :company AND a.kind = 'ticket' AND a.row_id IN ({which})
    ORDER BY a.row_id
"""
_FIND = Statement(_TICKETS.format(which=_BEHIND_CODE))
_FIND_AND_LOCK = Statement(_TICKETS.format(which=_BEHIND_CODE) + " FOR UPDATE OF a")
_LOCK = Statement(_TICKETS.format(which=_THESE) + " FOR UPDATE OF a")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket as the gate found it, with what its verdict depends on.

    `found_at` is the database's clock then; any change of the ticket gives it another `version`.
    """

    found_at: datetime
    version: str
    ticket_id: UUID
    order_id: UUID
    reference_number: str
    item_number: str
    description: str
    guest_name: str
    facts: TicketFacts


async def find_tickets(conn: AsyncConnection, access: Access, reference: str) -> list[Ticket]:
    """The tickets behind a scanned code as they are now, in one order everywhere.

    A ticket's number gives that ticket; a wallet's number or the partner's own reference gives all
    of the wallet. What is cancelled is only found where nothing that stands is.
    """
    return _standing(await _read(conn, access, _FIND, reference=reference))


async def lock_found_tickets(conn: AsyncConnection, access: Access, reference: str) -> list[Ticket]:
    """The same, locked until the transaction ends."""
    return _standing(await _read(conn, access, _FIND_AND_LOCK, reference=reference))


async def lock_tickets(
    conn: AsyncConnection, access: Access, ticket_ids: Sequence[UUID]
) -> list[Ticket]:
    """These tickets, locked until the transaction ends, in one order everywhere."""
    return await _read(conn, access, _LOCK, tickets=list(ticket_ids))


async def _read(
    conn: AsyncConnection,
    access: Access,
    statement: Statement,
    **which: Any,  # noqa: ANN401 - the statement's own values
) -> list[Ticket]:
    rows = await statement.rows(
        conn, company=access.company.company_id, partner=access.partner_id, **which
    )
    return [_ticket(row) for row in rows]


def _standing(tickets: list[Ticket]) -> list[Ticket]:
    return [ticket for ticket in tickets if not ticket.facts.cancelled] or tickets


def _ticket(row: Any) -> Ticket:  # noqa: ANN401 - a row of `_TICKETS`
    return Ticket(
        found_at=row.now,
        version=row.version,
        ticket_id=row.row_id,
        order_id=row.order_id,
        reference_number=row.reference_number,
        item_number=row.item_number,
        description=row.description,
        guest_name=row.guest_name,
        facts=TicketFacts(
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
            places=[_place(*place) for place in row.places or ()],
        ),
    )


def _place(
    admission: str, starts_at: str | None, ends_at: str | None, early: int, late: int
) -> Place:
    return Place(
        admission,
        datetime.fromisoformat(starts_at) if starts_at else None,
        datetime.fromisoformat(ends_at) if ends_at else None,
        timedelta(minutes=early),
        timedelta(minutes=late),
    )


_ENTER = Statement("""
    WITH entry AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:entries AS uuid[]), CAST(:tickets AS uuid[]),
            CAST(:admissions AS text[]), CAST(:scanners AS text[]), CAST(:quantities AS int[]),
            CAST(:instants AS timestamptz[]), CAST(:scans AS text[]), CAST(:conflicts AS text[]),
            CAST(:admitted AS int[]), CAST(:that_day AS int[]), CAST(:last AS timestamptz[]),
            CAST(:last_places AS text[]))
        AS one (entry_id, ticket_id, admission_code, scanner_id, quantity, admitted_at, scan_id,
            conflict, admitted, that_day, last_at, last_place)),
    counted AS (
        UPDATE assets SET admitted = entry.admitted, admitted_that_day = entry.that_day,
            last_admitted_at = entry.last_at, last_admission = entry.last_place
        FROM entry WHERE assets.company_id = :company AND assets.row_id = entry.ticket_id)
    INSERT INTO gate_entries (company_id, entry_id, ticket_id, admission_code, scanner_id, key_id,
        quantity, admitted_at, scan_id, conflict)
    SELECT :company, entry_id, ticket_id, admission_code, scanner_id, :key, quantity, admitted_at,
        scan_id, conflict FROM entry
""")


# One entry in one statement, without lists, so that it is planned once outside a transaction too.
# Whoever changes the ticket at the same moment is waited for, and then
# it has another version.
_ENTER_UNCHANGED = Statement("""
    WITH counted AS (
        UPDATE assets SET admitted = :admitted, admitted_that_day = :that_day,
            last_admitted_at = :last_at, last_admission = :last_place
        WHERE company_id = :company AND row_id = :ticket
            AND xmin = CAST(CAST(:version AS text) AS xid)
        RETURNING company_id, row_id)
    INSERT INTO gate_entries (company_id, entry_id, ticket_id, admission_code, scanner_id, key_id,
        quantity, admitted_at, conflict)
    SELECT company_id, :entry, row_id, :admission, :scanner, :key, :quantity, :admitted_at, ''
    FROM counted
""")


@dataclass(frozen=True, slots=True)
class Entry:
    """Guests let in on a ticket."""

    ticket: Ticket
    admission_code: str
    scanner_id: str
    quantity: int
    admitted_at: datetime
    scan_id: str | None = None
    conflict: str = ""


async def write_entries(conn: AsyncConnection, access: Access, entries: Sequence[Entry]) -> None:
    """Write entries and count them on their tickets, which are locked, each once at most."""
    if not entries:
        return
    counts = [_counted(entry, access.company.zone) for entry in entries]
    await _ENTER.rows(
        conn,
        company=access.company.company_id,
        key=access.key_id,
        entries=[new_id() for _ in entries],
        tickets=[entry.ticket.ticket_id for entry in entries],
        admissions=[entry.admission_code for entry in entries],
        scanners=[entry.scanner_id for entry in entries],
        quantities=[entry.quantity for entry in entries],
        instants=[entry.admitted_at for entry in entries],
        scans=[entry.scan_id for entry in entries],
        conflicts=[entry.conflict for entry in entries],
        admitted=[entry.ticket.facts.admitted + entry.quantity for entry in entries],
        that_day=[that_day for that_day, _, _ in counts],
        last=[last for _, last, _ in counts],
        last_places=[place for _, _, place in counts],
    )


async def write_entry_if_unchanged(conn: AsyncConnection, access: Access, entry: Entry) -> bool:
    """Write one entry on a ticket that isn't locked; False, and nothing is done, where it has
    changed since it was found.
    """
    that_day, last_at, last_place = _counted(entry, access.company.zone)
    done = await _ENTER_UNCHANGED.run(
        conn,
        company=access.company.company_id,
        key=access.key_id,
        entry=new_id(),
        ticket=entry.ticket.ticket_id,
        version=entry.ticket.version,
        admission=entry.admission_code,
        scanner=entry.scanner_id,
        quantity=entry.quantity,
        admitted_at=entry.admitted_at,
        admitted=entry.ticket.facts.admitted + entry.quantity,
        that_day=that_day,
        last_at=last_at,
        last_place=last_place,
    )
    return done == 1


def _counted(entry: Entry, zone: ZoneInfo) -> tuple[int, datetime, str]:
    facts, at = entry.ticket.facts, entry.admitted_at
    last = facts.last_admitted_at
    if last is None:
        return entry.quantity, at, entry.admission_code
    if at < last:
        # An offline scan from before the last entry: it counts, and the last stays the last.
        return facts.admitted_that_day, last, facts.last_admission
    same_day = local_time.today(zone, last) == local_time.today(zone, at)
    before = facts.admitted_that_day if same_day else 0
    return before + entry.quantity, at, entry.admission_code


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


_ADMITTED = Statement("""
    SELECT a.code, coalesce(sum(e.quantity), 0)::int AS guests
    FROM admissions a
    LEFT JOIN gate_entries e ON e.company_id = a.company_id AND e.admission_code = a.code
        AND e.admitted_at >= :since
    WHERE a.company_id = :company
    GROUP BY a.code ORDER BY a.code
""")


async def admitted_since(
    conn: AsyncConnection, company_id: UUID, since: datetime
) -> dict[str, int]:
    """How many guests entered at each admission since an instant."""
    rows = await _ADMITTED.rows(conn, company=company_id, since=since)
    return {row.code: row.guests for row in rows}


_HISTORY = Statement("""
    SELECT e.recorded_at, e.admitted_at, e.key_id, e.scanner_id, e.admission_code, e.quantity,
        e.conflict, a.reference_number, a.order_id
    FROM gate_entries e
    JOIN assets a ON a.company_id = e.company_id AND a.row_id = e.ticket_id
    WHERE e.company_id = :company
        AND (CAST(:order AS uuid) IS NULL OR e.ticket_id IN (
            SELECT row_id FROM assets WHERE company_id = :company AND order_id = :order))
    ORDER BY e.recorded_at DESC LIMIT :most
""")


async def entry_history(
    conn: AsyncConnection, company_id: UUID, *, order_id: UUID | None = None, limit: int = 50
) -> list[AnyRow]:
    """Who was let in by whom, the newest first; on one order's tickets where it is named."""
    return await _HISTORY.rows(conn, company=company_id, order=order_id, most=limit)
