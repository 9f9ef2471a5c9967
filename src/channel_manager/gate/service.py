"""The gate: what a scanned code is good for, and letting its guests in (domain: Gate).

Each function works inside the caller's transaction. Time is the database's clock.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager import local_time
from channel_manager.access.service import Access
from channel_manager.catalogues import SOURCE_LANGUAGE, runs_right_to_left, text_in
from channel_manager.errors import Conflict, NotFound, Refused
from channel_manager.gate.models import GateEntry, GateReply
from channel_manager.gate.queries import (
    Ticket,
    count_entries,
    find_tickets,
    list_entries,
    lock_tickets,
    read_tickets,
)
from channel_manager.gate.schemas import AdmitIn, ScanIn, TryAndAdmitIn, TryIn
from channel_manager.gate.tokens import Token, read_token, write_token
from channel_manager.gate.verdicts import Code, Saying, Verdict, judge, text
from channel_manager.issuance.models import Asset

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
    now = await _now(conn)
    ids = await find_tickets(conn, gate.access, body.referenceNumber)
    tickets = await read_tickets(conn, gate.access, ids)
    judged = _judge(gate, tickets, body.admissionCode, None, now)
    shown = [
        _ticket_out(gate, ticket, verdict, token=_token(gate, ticket, body, now))
        if verdict.lets_in
        else _ticket_out(gate, ticket, verdict)
        for ticket, verdict in judged
    ]
    return _answer(gate, body.referenceNumber, judged, shown, 0)


async def try_and_admit(conn: AsyncConnection, gate: Gate, body: TryAndAdmitIn) -> dict[str, Any]:
    """Let in whoever the code lets in here and now; of a wallet, every ticket for this place."""
    now = await _now(conn)
    ids = await find_tickets(conn, gate.access, body.referenceNumber)
    tickets = await lock_tickets(conn, gate.access, ids)
    judged = _judge(gate, tickets, body.admissionCode, body.quantity, now)
    admitted = 0
    for ticket, verdict in judged:
        if verdict.lets_in:
            admitted += await _admit(
                conn, gate, ticket, body.admissionCode, body.scannerId, body.quantity, verdict, now
            )
    shown = [_ticket_out(gate, ticket, verdict) for ticket, verdict in judged]
    return _answer(gate, body.referenceNumber, judged, shown, admitted)


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
    for index, (token, entry) in enumerate(zip(wanted, body.tokens, strict=True)):
        ticket = tickets.get(token.ticket_id)
        if ticket is None:
            raise _unknown_token(index)
        if token.ticket_id in used:
            # The same ticket may stand twice in one request: the second is judged after the first.
            (ticket,) = await read_tickets(conn, gate.access, [token.ticket_id])
        ((_, verdict),) = _judge(gate, [ticket], token.admission_code, entry.quantity, now)
        if not verdict.lets_in:
            raise Refused(f"tokens[{index}]: {gate.says(verdict.saying)}", code=verdict.code)
        admitted += await _admit(
            conn,
            gate,
            ticket,
            token.admission_code,
            token.scanner_id,
            entry.quantity,
            verdict,
            now,
        )
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
    ids = await find_tickets(conn, gate.access, scan.referenceNumber)
    tickets = await lock_tickets(conn, gate.access, ids)
    if not tickets:
        return _scan_out(scan, Code.NOT_FOUND, "There is no such ticket.", recorded=False)
    judged = _judge(gate, tickets, scan.admissionCode, scan.quantity, scan.scannedAt)
    ticket, verdict = next((pair for pair in judged if pair[1].lets_in), judged[0])
    conflict = "" if verdict.lets_in else str(verdict.code)
    await _enter(
        conn,
        gate,
        ticket,
        {
            "admission_code": scan.admissionCode,
            "scanner_id": scan.scannerId,
            "quantity": scan.quantity,
            "admitted_at": scan.scannedAt,
            "scan_id": scan.scanId,
            "conflict": conflict,
        },
    )
    return _scan_out(scan, conflict, gate.says(verdict.saying), recorded=True)


async def entries(conn: AsyncConnection, gate: Gate, reference: str) -> list[dict[str, Any]]:
    """The history of a code: every entry on its tickets. Errors: `NotFound`."""
    ids = await find_tickets(conn, gate.access, reference)
    if not ids:
        raise NotFound("There is no such ticket.")
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


async def first_answer(conn: AsyncConnection, gate: Gate, key: str, request: bytes) -> bytes | None:
    """The answer that this scanner got to the same request before; None where this is the first.

    Errors: `Conflict` where the key was used with another request.
    """
    asked = hashlib.sha256(request).digest()
    values = {
        "company_id": gate.access.company.company_id,
        "key_id": gate.access.key_id,
        "idempotency_key": key,
    }
    taken = await conn.execute(
        pg_insert(GateReply)
        .values(**values, request_hash=asked)
        .on_conflict_do_nothing()
        .returning(GateReply.idempotency_key)
    )
    if taken.one_or_none() is not None:
        return None
    kept = (await conn.execute(select(GateReply.__table__).filter_by(**values))).one()
    if kept.request_hash != asked:
        raise Conflict(f"Idempotency-Key: {key} was used with another request; use a new key.")
    return bytes(kept.body)


async def keep_answer(conn: AsyncConnection, gate: Gate, key: str, body: bytes) -> None:
    """Keep the first answer, for when the scanner repeats its request."""
    await conn.execute(
        update(GateReply)
        .where(
            GateReply.company_id == gate.access.company.company_id,
            GateReply.key_id == gate.access.key_id,
            GateReply.idempotency_key == key,
        )
        .values(body=body)
    )


async def _now(conn: AsyncConnection) -> datetime:
    now: datetime = (await conn.execute(select(func.clock_timestamp()))).scalar_one()
    return now


def _judge(
    gate: Gate, tickets: Sequence[Ticket], admission: str, quantity: int | None, now: datetime
) -> list[Judged]:
    zone = gate.access.company.zone
    return [(ticket, judge(ticket.facts, admission, quantity, now, zone)) for ticket in tickets]


async def _admit(  # noqa: PLR0913, PLR0917 - one entry is all of this
    conn: AsyncConnection,
    gate: Gate,
    ticket: Ticket,
    admission_code: str,
    scanner_id: str,
    quantity: int | None,
    verdict: Verdict,
    now: datetime,
) -> int:
    entering = quantity or verdict.remaining
    await _enter(
        conn,
        gate,
        ticket,
        {
            "admission_code": admission_code or _only_place(ticket),
            "scanner_id": scanner_id,
            "quantity": entering,
            "admitted_at": now,
            "scan_id": None,
            "conflict": "",
        },
    )
    return entering


def _only_place(ticket: Ticket) -> str:
    places = ticket.facts.places
    return places[0].admission_code if len(places) == 1 else ""


async def _enter(conn: AsyncConnection, gate: Gate, ticket: Ticket, entry: dict[str, Any]) -> None:
    company = gate.access.company
    await conn.execute(
        insert(GateEntry).values(company_id=company.company_id, ticket_id=ticket.ticket_id, **entry)
    )
    at, quantity = entry["admitted_at"], entry["quantity"]
    last = ticket.facts.last_admitted_at
    if last is not None and at < last:
        # An offline scan from before the last entry: it counts, and the last stays the last.
        await _count(conn, gate, ticket, {"admitted": Asset.admitted + quantity})
        return
    same_day = last is not None and local_time.today(company.zone, last) == local_time.today(
        company.zone, at
    )
    await _count(
        conn,
        gate,
        ticket,
        {
            "admitted": Asset.admitted + quantity,
            "admitted_that_day": Asset.admitted_that_day + quantity if same_day else quantity,
            "last_admitted_at": at,
            "last_admission": entry["admission_code"],
        },
    )


async def _count(conn: AsyncConnection, gate: Gate, ticket: Ticket, values: dict[str, Any]) -> None:
    await conn.execute(
        update(Asset)
        .where(Asset.company_id == gate.access.company.company_id, Asset.row_id == ticket.ticket_id)
        .values(values)
    )


def _token(gate: Gate, ticket: Ticket, body: TryIn, now: datetime) -> str:
    token = Token(
        gate.access.company.company_id, ticket.ticket_id, body.admissionCode, body.scannerId
    )
    return write_token(token, gate.secret, now)


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
