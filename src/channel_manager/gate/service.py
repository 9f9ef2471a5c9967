"""The gate: what a scanned code is good for, and letting its guests in (domain: Gate).

Each function works inside the caller's transaction, but for the one that says that it needs none.
Time is the database's clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.access.service import Access
from channel_manager.catalogues import SOURCE_LANGUAGE, runs_right_to_left, text_in
from channel_manager.errors import NotFound, Refused
from channel_manager.gate.models import GateEntry
from channel_manager.gate.queries import (
    Entry,
    Ticket,
    count_entries,
    find_tickets,
    list_entries,
    lock_found_tickets,
    lock_tickets,
    write_entries,
    write_entry_if_unchanged,
)
from channel_manager.gate.schemas import AdmitIn, ScanIn, TryAndAdmitIn, TryIn
from channel_manager.gate.tokens import Token, read_token, write_token
from channel_manager.gate.verdicts import Code, Saying, Verdict, judge, text
from channel_manager.measures import GATE_ANSWERS
from channel_manager.statements import Statement

_UNKNOWN = text("There is no such ticket.")
_WELCOME = text("Welcome.")
Judged = tuple[Ticket, Verdict]


@dataclass(frozen=True, slots=True)
class Gate:
    """Where a scan happens: whose key, the secret that tokens are signed with, and a language."""

    access: Access
    secret: bytes
    language: str = SOURCE_LANGUAGE

    def says(self, saying: Saying) -> str:
        """Words for the person at the gate."""
        rtl = runs_right_to_left(self.language)
        return saying.said(text_in(self.language), right_to_left=rtl)


async def try_code(conn: AsyncConnection, gate: Gate, body: TryIn) -> dict[str, Any]:
    """What a code is, and a token for each ticket that would be let in. Changes nothing."""
    tickets = await find_tickets(conn, gate.access, body.referenceNumber)
    judged = _judge(gate, tickets, body.admissionCode, None)
    shown = [
        _ticket_out(gate, ticket, verdict, token=_token(gate, ticket, body))
        if verdict.lets_in
        else _ticket_out(gate, ticket, verdict)
        for ticket, verdict in judged
    ]
    return _answer(gate, body.referenceNumber, judged, shown, 0)


async def try_and_admit(conn: AsyncConnection, gate: Gate, body: TryAndAdmitIn) -> dict[str, Any]:
    """Let in whoever the code lets in here and now; of a wallet, every ticket for this place."""
    tickets = await lock_found_tickets(conn, gate.access, body.referenceNumber)
    judged, entries = _to_enter(gate, tickets, body)
    await write_entries(conn, gate.access, entries)
    return _entered(gate, body, judged, entries)


async def try_and_admit_at_once(
    conn: AsyncConnection, gate: Gate, body: TryAndAdmitIn
) -> dict[str, Any] | None:
    """The same for a code of one ticket, in two statements and without a transaction.

    None, and nothing is done, where the code is of several tickets, or somebody else has changed
    the ticket since it was read: then `try_and_admit` has the answer.
    """
    tickets = await find_tickets(conn, gate.access, body.referenceNumber)
    if len(tickets) > 1:
        return None
    judged, entries = _to_enter(gate, tickets, body)
    for entry in entries:
        if not await write_entry_if_unchanged(conn, gate.access, entry):
            return None
    return _entered(gate, body, judged, entries)


async def admit_tokens(conn: AsyncConnection, gate: Gate, body: AdmitIn) -> dict[str, Any]:
    """Let in all tickets of these tokens, or none.

    Errors: `Refused` with the verdict's code where one of them isn't let in any more.
    """
    now = await _now(conn)
    wanted = [_read_token(gate, entry.token, now) for entry in body.tokens]
    locked = await lock_tickets(conn, gate.access, [token.ticket_id for token in wanted])
    tickets = {ticket.ticket_id: ticket for ticket in locked}
    admitted, shown = 0, []
    used = set()
    for index, (token, given) in enumerate(zip(wanted, body.tokens, strict=True)):
        ticket = tickets.get(token.ticket_id)
        if ticket is None:
            raise _unknown_token(index)
        if token.ticket_id in used:
            # The same ticket may stand twice in one request: the second is judged after the first.
            (ticket,) = await lock_tickets(conn, gate.access, [token.ticket_id])
        ((_, verdict),) = _judge(gate, [ticket], token.admission_code, given.quantity)
        if not verdict.lets_in:
            raise Refused(f"tokens[{index}]: {gate.says(verdict.saying)}", code=verdict.code)
        entry = _entry(ticket, verdict, token.admission_code, token.scanner_id, given.quantity)
        await write_entries(conn, gate.access, [entry])
        admitted += entry.quantity
        used.add(token.ticket_id)
        shown.append(_ticket_out(gate, ticket, verdict))
    return {"code": Code.OK, "message": gate.says(_WELCOME), "admitted": admitted, "tickets": shown}


async def record_scan(conn: AsyncConnection, gate: Gate, scan: ScanIn) -> dict[str, Any]:
    """Record a guest who was let in while the line was down, as it happened.

    What the gate would have said then is kept as a conflict; the entry counts all the same, since
    the guest is inside.
    """
    known = await conn.scalar(
        select(GateEntry.conflict).where(
            GateEntry.company_id == gate.access.company.company_id,
            GateEntry.scan_id == scan.scanId,
        )
    )
    if known is not None:
        return _scan_out(scan, known, "Recorded already.", recorded=True)
    tickets = await lock_found_tickets(conn, gate.access, scan.referenceNumber)
    if not tickets:
        return _scan_out(scan, Code.NOT_FOUND, "There is no such ticket.", recorded=False)
    judged = _judge(gate, tickets, scan.admissionCode, scan.quantity, scan.scannedAt)
    ticket, verdict = next((pair for pair in judged if pair[1].lets_in), judged[0])
    conflict = "" if verdict.lets_in else str(verdict.code)
    entry = Entry(
        ticket=ticket,
        admission_code=scan.admissionCode,
        scanner_id=scan.scannerId,
        quantity=scan.quantity,
        admitted_at=scan.scannedAt,
        scan_id=scan.scanId,
        conflict=conflict,
    )
    await write_entries(conn, gate.access, [entry])
    return _scan_out(scan, conflict, gate.says(verdict.saying), recorded=True)


async def entries(conn: AsyncConnection, gate: Gate, reference: str) -> list[dict[str, Any]]:
    """The history of a code: every entry on its tickets. Errors: `NotFound`."""
    tickets = await find_tickets(conn, gate.access, reference)
    if not tickets:
        raise NotFound("There is no such ticket.")
    ids = [ticket.ticket_id for ticket in tickets]
    return [
        {
            "entryId": row.entry_id,
            "referenceNumber": row.reference_number,
            "admissionCode": row.admission_code,
            "scannerId": row.scanner_id,
            "quantity": row.quantity,
            "admittedAt": row.admitted_at,
            "recordedAt": row.recorded_at,
            "conflict": row.conflict,
        }
        for row in await list_entries(conn, gate.access, ids)
    ]


async def today(conn: AsyncConnection, gate: Gate, admission_code: str) -> dict[str, Any]:
    """How many guests have entered on the venue's today."""
    zone = gate.access.company.zone
    day = local_time.today(zone, await _now(conn))
    start = local_time.day_start(day, zone)
    end = local_time.day_start(day + timedelta(days=1), zone)
    counted = await count_entries(conn, gate.access, admission_code, start, end)
    return {"admissionCode": admission_code, "date": day, "admitted": counted}


_NOW = Statement("SELECT clock_timestamp() AS now")


async def _now(conn: AsyncConnection) -> datetime:
    now: datetime = (await _NOW.one(conn)).now
    return now


def _judge(
    gate: Gate,
    tickets: Sequence[Ticket],
    admission: str,
    quantity: int | None,
    at: datetime | None = None,
) -> list[Judged]:
    # At another instant than now only for what happened while the line was down.
    zone = gate.access.company.zone
    return [
        (ticket, judge(ticket.facts, admission, quantity, at or ticket.found_at, zone))
        for ticket in tickets
    ]


def _to_enter(
    gate: Gate, tickets: Sequence[Ticket], body: TryAndAdmitIn
) -> tuple[list[Judged], list[Entry]]:
    judged = _judge(gate, tickets, body.admissionCode, body.quantity)
    entries = [
        _entry(ticket, verdict, body.admissionCode, body.scannerId, body.quantity)
        for ticket, verdict in judged
        if verdict.lets_in
    ]
    return judged, entries


def _entered(
    gate: Gate, body: TryAndAdmitIn, judged: Sequence[Judged], entries: Sequence[Entry]
) -> dict[str, Any]:
    shown = [_ticket_out(gate, ticket, verdict) for ticket, verdict in judged]
    admitted = sum(entry.quantity for entry in entries)
    return _answer(gate, body.referenceNumber, judged, shown, admitted)


def _entry(
    ticket: Ticket,
    verdict: Verdict,
    admission_code: str,
    scanner_id: str,
    quantity: int | None,
) -> Entry:
    return Entry(
        ticket=ticket,
        admission_code=admission_code or _only_place(ticket),
        scanner_id=scanner_id,
        quantity=quantity or verdict.remaining,
        admitted_at=ticket.found_at,
    )


def _only_place(ticket: Ticket) -> str:
    places = ticket.facts.places
    return places[0].admission_code if len(places) == 1 else ""


def _token(gate: Gate, ticket: Ticket, body: TryIn) -> str:
    token = Token(
        gate.access.company.company_id, ticket.ticket_id, body.admissionCode, body.scannerId
    )
    return write_token(token, gate.secret, ticket.found_at)


def _read_token(gate: Gate, text: str, now: datetime) -> Token:
    token = read_token(text, gate.access.company.company_id, gate.secret, now)
    if token is None:
        raise Refused("A token is not from this gate or has run out; try the code again.")
    return token


def _unknown_token(index: int) -> Refused:
    return Refused(f"tokens[{index}]: there is no such ticket.", code=Code.NOT_FOUND)


def _answer(
    gate: Gate, reference: str, judged: Sequence[Judged], shown: list[dict[str, Any]], admitted: int
) -> dict[str, Any]:
    verdicts = [verdict for _, verdict in judged]
    told = next((v for v in verdicts if v.lets_in), verdicts[0] if verdicts else None)
    if told is None:
        told = Verdict(Code.NOT_FOUND, _UNKNOWN)
    GATE_ANSWERS.labels(told.code).inc()
    return {
        "referenceNumber": reference,
        "code": told.code,
        "message": gate.says(told.saying),
        "admitted": admitted,
        "tickets": shown,
    }


def _ticket_out(
    gate: Gate, ticket: Ticket, verdict: Verdict, token: str | None = None
) -> dict[str, Any]:
    shown = {
        "referenceNumber": ticket.reference_number,
        "code": verdict.code,
        "message": gate.says(verdict.saying),
        "itemNumber": ticket.item_number,
        "description": ticket.description,
        "guestName": ticket.guest_name,
        "admits": ticket.facts.admits,
        "remaining": verdict.remaining,
        "lastAdmittedAt": ticket.facts.last_admitted_at,
        "lastAdmission": ticket.facts.last_admission,
    }
    return shown if token is None else shown | {"token": token}


def _scan_out(scan: ScanIn, conflict: str, message: str, *, recorded: bool) -> dict[str, Any]:
    return {
        "scanId": scan.scanId,
        "recorded": recorded,
        "conflict": str(conflict),
        "message": message,
    }
