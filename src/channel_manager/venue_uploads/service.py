"""Uploaded venue files: checked at once, kept with what they would change, applied when asked to.

Checking changes nothing. Applying is a worker's job (`importing`), and does exactly what was shown
or nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import cast, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.service import Access
from channel_manager.beside import beside
from channel_manager.companies.models import Company
from channel_manager.companies.service import CompanyInfo
from channel_manager.db import AnyRow, Database
from channel_manager.errors import InvalidInput, NotFound, Problem, Refused
from channel_manager.jobs import Job, JobName, enqueue
from channel_manager.venue_difference import Difference
from channel_manager.venue_export import find_venue_company
from channel_manager.venue_file import VenueFile, VenueFileError, read_venue_file
from channel_manager.venue_import import compare_venue
from channel_manager.venue_uploads.models import VenueUpload

MAX_FILE_BYTES = 16 * 1024 * 1024
# Of a company: the files of those before are let go.
KEPT_FILES = 20
MOST_FAULTS = 200
CHANGED_SINCE = "The venue has changed since this file was checked; check it again."
# Reading a large file takes most of a core, and its values much memory.
_turns = asyncio.Semaphore(1)

_BESIDE_FILE = [
    column
    for column in VenueUpload.__table__.columns
    if column.key not in ("content", "differences")
]
_IS_KEPT = VenueUpload.content.is_not(None).label("is_kept")


@dataclass(frozen=True, slots=True)
class Checked:
    """A file that may be imported, and what that would change."""

    text: str
    catalog_version: int
    differences: Sequence[Difference]

    def columns(self) -> dict[str, Any]:
        """What is kept of it."""
        kinds = [difference.kind for difference in self.differences]
        return {
            "content": self.text,
            "catalog_version": self.catalog_version,
            "differences": told(self.differences),
            **{kind: kinds.count(kind) for kind in ("added", "changed", "removed")},
        }


def told(differences: Sequence[Difference]) -> list[dict[str, Any]]:
    """Differences as they are stored; the fields as a list, which keeps their order."""
    return [
        {**asdict(one), "fields": [[place, *sides] for place, sides in one.fields.items()]}
        for one in differences
    ]


def read_told(stored: Sequence[Mapping[str, Any]]) -> list[Difference]:
    """Differences as they were stored."""
    return [
        Difference(
            one["kind"],
            one["name"],
            one["key"],
            {place: (old, new) for place, old, new in one["fields"]},
        )
        for one in stored
    ]


async def check_file(database: Database, company: CompanyInfo, content: bytes) -> Checked:
    """What importing this file would change. Nothing is changed.

    Errors: `InvalidInput` naming each line that is wrong, and what to do.
    """
    if len(content) > MAX_FILE_BYTES:
        raise _unfit(f"is over {MAX_FILE_BYTES:,} bytes; split its items between several imports")
    return await check_text(database, company, _decoded(content))


async def check_text(database: Database, company: CompanyInfo, text: str) -> Checked:
    """The same for a file's text."""
    async with _turns:
        venue = await read_file(text)
        async with database.snapshot() as conn:
            await _check_ours(conn, company, venue)
            version = await _version(conn, company.company_id)
            found = await compare_venue(conn, venue)
    return Checked(text, version, found)


async def read_file(text: str) -> VenueFile:
    """The venue that a file says, read beside the event loop. Errors: `InvalidInput`."""
    try:
        return await beside(read_venue_file, text, "file")
    except VenueFileError as error:
        problems = [
            Problem(f"line {fault.line}", fault.message) for fault in error.faults[:MOST_FAULTS]
        ]
        if len(error.faults) > MOST_FAULTS:
            problems.append(Problem("", f"and {len(error.faults) - MOST_FAULTS:,} more"))
        raise InvalidInput.of(problems) from None


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidInput.of(
            [Problem(f"line {line}", "is not UTF-8; save the file as UTF-8 and upload it again")]
        ) from None


async def _check_ours(conn: AsyncConnection, company: CompanyInfo, venue: VenueFile) -> None:
    # Whoever sets up one company must not write into another, or make a new one.
    if await find_venue_company(conn, venue.company) != company.company_id:
        raise InvalidInput.of(
            [
                Problem(
                    "company",
                    f"is {venue.company.name} in {venue.company.environment} of the tenant"
                    f" {venue.company.tenant}, and this is {company.name}; download the venue file"
                    " here to see its tenant, environment and name",
                )
            ]
        )


async def keep_upload(
    conn: AsyncConnection, access: Access, file_name: str, checked: Checked
) -> UUID:
    """Keep a file that was checked; those of long ago are let go."""
    company_id = access.company.company_id
    kept = await conn.execute(
        insert(VenueUpload)
        .values(
            company_id=company_id,
            uploaded_by=access.actor,
            file_name=file_name.replace("\x00", "")[:200],
            **checked.columns(),
        )
        .returning(VenueUpload.upload_id)
    )
    newest = (
        select(VenueUpload.upload_id)
        .where(VenueUpload.company_id == company_id)
        .order_by(VenueUpload.upload_id.desc())
        .limit(KEPT_FILES)
    )
    await conn.execute(
        update(VenueUpload)
        .where(
            VenueUpload.company_id == company_id,
            VenueUpload.upload_id.not_in(newest),
            VenueUpload.content.is_not(None),
            VenueUpload.state.not_in(["queued", "running"]),
        )
        .values(content=None, differences=[])
    )
    upload_id: UUID = kept.scalar_one()
    return upload_id


async def check_again(database: Database, access: Access, upload_id: UUID) -> None:
    """Compare a kept file with the venue as it is now. Errors: `NotFound`, `InvalidInput`."""
    company = access.company
    async with database.read() as conn:
        content = (await find_upload(conn, company.company_id, upload_id)).content
    if content is None:
        raise Refused("This file is no longer kept; upload it again.")
    checked = await check_text(database, company, content)
    async with database.transaction() as conn:
        row = await lock_upload(conn, company.company_id, upload_id)
        _check_state(row, "checked", "failed", "discarded")
        values = checked.columns() | {"state": "checked", "message": "", "step": ""}
        await set_upload(conn, row, **values, applied_by=None, started_at=None, finished_at=None)


async def apply_upload(conn: AsyncConnection, access: Access, upload_id: UUID) -> None:
    """Have a worker import it. Errors: `NotFound`; `Refused` where the venue has changed since."""
    row = await lock_upload(conn, access.company.company_id, upload_id)
    _check_state(row, "checked")
    if row.content is None:
        raise Refused("This file is no longer kept; upload it again.")
    if await _version(conn, row.company_id) != row.catalog_version:
        raise Refused(CHANGED_SINCE, code="venue_changed")
    await set_upload(conn, row, state="queued", applied_by=access.actor)
    await enqueue(conn, [import_job(row.company_id, upload_id)])


async def discard_upload(conn: AsyncConnection, access: Access, upload_id: UUID) -> None:
    """Say that it won't be applied. Errors: `NotFound`, `Refused` where it is by now."""
    row = await lock_upload(conn, access.company.company_id, upload_id)
    _check_state(row, "checked", "failed")
    await set_upload(conn, row, state="discarded", finished_at=func.now())


def import_job(company_id: UUID, upload_id: UUID) -> Job:
    """The job that imports an upload."""
    return Job(
        name=JobName.IMPORT_VENUE,
        key=f"upload:{upload_id}",
        ids={"company": str(company_id), "upload": str(upload_id)},
    )


async def find_upload(conn: AsyncConnection, company_id: UUID, upload_id: UUID) -> AnyRow:
    """One upload of the company, whole. Errors: `NotFound`."""
    return await _one(conn, company_id, upload_id, lock=False)


async def lock_upload(conn: AsyncConnection, company_id: UUID, upload_id: UUID) -> AnyRow:
    """The same, locked."""
    return await _one(conn, company_id, upload_id, lock=True)


async def show_upload(
    conn: AsyncConnection, company_id: UUID, upload_id: UUID, most: int
) -> AnyRow:
    """One upload as a page shows it: without its file, with so many of its `told_count` changes.

    Errors: `NotFound`.
    """
    differences = VenueUpload.__table__.c.differences
    first = func.jsonb_path_query_array(
        differences, cast(literal(f"$[0 to {most - 1}]"), JSONPATH), type_=JSONB
    )
    found = await conn.execute(
        select(
            *_BESIDE_FILE,
            _IS_KEPT,
            first.label("differences"),
            func.jsonb_array_length(differences).label("told_count"),
        ).where(VenueUpload.company_id == company_id, VenueUpload.upload_id == upload_id)
    )
    return _there(found.one_or_none())


async def list_uploads(conn: AsyncConnection, company_id: UUID, limit: int = 50) -> list[AnyRow]:
    """The newest uploads first, without their files."""
    rows = await conn.execute(
        select(*_BESIDE_FILE, _IS_KEPT)
        .where(VenueUpload.company_id == company_id)
        .order_by(VenueUpload.upload_id.desc())
        .limit(limit)
    )
    return list(rows)


async def set_upload(conn: AsyncConnection, row: AnyRow, **values: Any) -> None:  # noqa: ANN401 - any columns
    """Change a row."""
    await conn.execute(
        update(VenueUpload)
        .where(VenueUpload.company_id == row.company_id, VenueUpload.upload_id == row.upload_id)
        .values(**values)
    )


async def _one(conn: AsyncConnection, company_id: UUID, upload_id: UUID, *, lock: bool) -> AnyRow:
    query = select(VenueUpload.__table__).where(
        VenueUpload.company_id == company_id, VenueUpload.upload_id == upload_id
    )
    found = await conn.execute(query.with_for_update() if lock else query)
    return _there(found.one_or_none())


def _there(row: AnyRow | None) -> AnyRow:
    if row is None:
        raise NotFound("There is no such upload.")
    return row


async def _version(conn: AsyncConnection, company_id: UUID) -> int:
    found = await conn.execute(
        select(Company.catalog_version).where(Company.company_id == company_id)
    )
    version: int = found.scalar_one()
    return version


def _check_state(row: AnyRow, *states: str) -> None:
    if row.state not in states:
        raise Refused(f"This upload is {row.state} by now.", code="invalid_status")


def _unfit(message: str) -> InvalidInput:
    return InvalidInput.of([Problem("file", message)])
