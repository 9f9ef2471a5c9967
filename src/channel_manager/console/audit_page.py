"""The audit trail: who changed what, and when."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import Depends, Query, Request, Response

from channel_manager import local_time
from channel_manager.access.audit import Trail, list_events
from channel_manager.access.route import database_of
from channel_manager.console.filters import read_day
from channel_manager.console.rendering import ROOT, page
from channel_manager.console.roles import Role
from channel_manager.console.route import CurrentVisit, console_router, needs_role
from channel_manager.console.sessions import Visit
from channel_manager.db import AnyRow, Database
from channel_manager.errors import NotFound
from channel_manager.spreadsheets import Format, Row, Sheet, download

AUDIT = f"{ROOT}/audit"
ROWS_OF_PAGE = 100
ROWS_OF_FILE = 1_000
router = console_router("/audit")
SETS_UP = needs_role(Role.ADMIN)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked for. Empty: anything. Days are the venue's own."""

    who: Annotated[str, Query(max_length=200)] = ""
    what: Annotated[str, Query(max_length=200)] = ""
    subject: Annotated[str, Query(max_length=200)] = ""
    first: Annotated[str, Query(max_length=10)] = ""
    last: Annotated[str, Query(max_length=10)] = ""
    before: UUID | None = None

    def query(self) -> dict[str, str]:
        """It as an address says it, without the page."""
        names = ("who", "what", "subject", "first", "last")
        return {name: getattr(self, name) for name in names}

    def trail(self, visit: Visit) -> Trail:
        """It as the trail is asked. Errors: `InvalidInput` for what is no day."""
        first, last = read_day("first", self.first), read_day("last", self.last)
        after = last + timedelta(days=1) if last else None
        return Trail(
            actor=self.who.strip(),
            action=self.what.strip(),
            subject=self.subject.strip(),
            since=_start(first, visit),
            until=_start(after, visit),
        )


Filter = Annotated[Wanted, Depends()]


@router.get("", openapi_extra=SETS_UP)
async def show(request: Request, visit: CurrentVisit, wanted: Filter) -> Response:
    """The newest changes first."""
    trail = wanted.trail(visit)
    async with database_of(request).read() as conn:
        rows = await list_events(
            conn,
            visit.company.company_id,
            trail=trail,
            before=wanted.before,
            limit=ROWS_OF_PAGE + 1,
        )
    return page(
        request,
        "audit.html",
        events=rows[:ROWS_OF_PAGE],
        older=rows[ROWS_OF_PAGE - 1].event_id if len(rows) > ROWS_OF_PAGE else None,
        wanted=wanted,
        fields=_fields,
    )


@router.get("/trail.{kind_of_file}", openapi_extra=SETS_UP)
async def trail_file(
    request: Request, visit: CurrentVisit, wanted: Filter, kind_of_file: str
) -> Response:
    """All that is looked for, as a file."""
    if kind_of_file not in tuple(Format):
        raise NotFound("There is no such file; it comes as csv and xlsx.")
    columns = ["At", "Who", "What", "To what", "Before", "After", "Id"]
    rows = _rows(database_of(request), visit.company.company_id, wanted.trail(visit))
    sheet = Sheet(columns, rows, visit.company.zone)
    return await download(f"{visit.company.name} audit", Format(kind_of_file), sheet)


async def _rows(database: Database, company_id: UUID, trail: Trail) -> AsyncIterator[Row]:
    # A page at a time: a transaction as long as a slow download would hold up the vacuum.
    before: UUID | None = None
    while True:
        async with database.read() as conn:
            rows = await list_events(
                conn, company_id, trail=trail, before=before, limit=ROWS_OF_FILE
            )
        for row in rows:
            yield _row(row)
        if len(rows) < ROWS_OF_FILE:
            return
        before = rows[-1].event_id


def _row(row: AnyRow) -> Row:
    before, after = (orjson.dumps(fields).decode() for fields in (row.before, row.after))
    told = [row.happened_at, row.actor, row.action, row.subject]
    return [*told, before, after, str(row.event_id)]


def _fields(row: AnyRow) -> list[tuple[str, str, str]]:
    names = [*row.before, *(name for name in row.after if name not in row.before)]
    return [(name, _told(row.before, name), _told(row.after, name)) for name in names]


def _told(fields: dict[str, object], name: str) -> str:
    value = fields.get(name, "")
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _start(day: date | None, visit: Visit) -> datetime | None:
    return local_time.day_start(day, visit.company.zone) if day else None
