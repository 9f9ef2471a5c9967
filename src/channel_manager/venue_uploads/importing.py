"""What a worker does with an upload: one transaction for the venue, others for how far it is."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import orjson
import structlog
from pgqueuer.models import Job as QueuedJob
from sqlalchemy import func, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.audit import record_as
from channel_manager.db import AnyRow, Database, new_id
from channel_manager.errors import ChannelError, Refused, Unavailable
from channel_manager.jobs import enqueue
from channel_manager.venue_import import import_venue
from channel_manager.venue_uploads.models import VenueUpload
from channel_manager.venue_uploads.service import (
    CHANGED_SINCE,
    find_upload,
    import_job,
    read_file,
    set_upload,
    told,
)

log = structlog.get_logger(__name__)

TELLS_SECONDS = 0.25
FIRST_RETRY_SECONDS = 0.2
LAST_RETRY_SECONDS = 5.0
UNDER_WAY = ("queued", "running")
# Each holds a whole venue in memory. PgQueuer's own limit would cost each claim of an order.
_turns = asyncio.Semaphore(1)

_FORGOTTEN = text("""
    SELECT company_id, upload_id FROM venue_uploads
    WHERE state IN ('queued', 'running')
      AND NOT EXISTS (
        SELECT 1 FROM pgqueuer
        WHERE status IN ('queued', 'picked') AND dedupe_key = 'upload:' || venue_uploads.upload_id)
    LIMIT 100
""")


def read_upload_job(job: QueuedJob) -> tuple[UUID, UUID]:
    """Which company's upload a job is about."""
    ids: dict[str, Any] = orjson.loads(job.payload or b"{}")
    return UUID(ids["company"]), UUID(ids["upload"])


async def import_upload(database: Database, company_id: UUID, upload_id: UUID) -> None:
    """Import an upload; whatever becomes of it is told in its row. May run twice.

    Passing faults are waited out. Anything else fails the upload and leaves the venue as it was.
    """
    wait = FIRST_RETRY_SECONDS
    while True:
        try:
            async with _turns:
                await _import(database, company_id, upload_id)
        except Unavailable:
            log.warning("venue_import_waits", upload_id=str(upload_id), seconds=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, LAST_RETRY_SECONDS)
        except ChannelError as error:
            return await _fail(database, company_id, upload_id, _reason(error))
        except Exception:
            incident = new_id()
            log.exception("venue_import_failed", upload_id=str(upload_id), incident=str(incident))
            message = f"Something went wrong that shouldn't; the log has it as {incident}."
            return await _fail(database, company_id, upload_id, message)
        else:
            return None


async def _import(database: Database, company_id: UUID, upload_id: UUID) -> None:
    upload = await _begin(database, company_id, upload_id)
    if upload is None:
        return
    async with _Teller(database, upload).telling() as teller:
        teller.say("reading")
        venue = await read_file(upload.content)
        async with database.transaction() as conn:
            # A worker that was only slow may be here as well: the second finds it applied.
            await _wait_for_turn(conn, upload_id)
            now = await find_upload(conn, company_id, upload_id)
            if now.state not in UNDER_WAY:
                return
            teller.say("writing")
            done = await import_venue(conn, venue, teller.count)
            # What was shown and agreed to, and nothing else.
            if done.company_id != company_id or told(done.differences) != upload.differences:
                raise Refused(CHANGED_SINCE, code="venue_changed")
            await record_as(
                conn,
                company_id,
                upload.applied_by or upload.uploaded_by,
                "venue.import",
                f"company {company_id}",
                after={"differences": len(done.differences), "upload": str(upload_id)},
            )
            teller.say("finishing")
            await teller.stop()
            await set_upload(conn, upload, state="applied", step="", finished_at=func.now())


async def _begin(database: Database, company_id: UUID, upload_id: UUID) -> AnyRow | None:
    async with database.transaction() as conn:
        begun = await conn.execute(
            update(VenueUpload)
            .where(
                VenueUpload.company_id == company_id,
                VenueUpload.upload_id == upload_id,
                VenueUpload.state.in_(UNDER_WAY),
            )
            .values(state="running", step="", rows_done=0, rows_total=0, started_at=func.now())
        )
        if not begun.rowcount:
            return None
        return await find_upload(conn, company_id, upload_id)


async def _wait_for_turn(conn: AsyncConnection, upload_id: UUID) -> None:
    await conn.execute(
        text("SELECT pg_advisory_xact_lock(hashtext('venue-upload'), hashtext(:id))"),
        {"id": str(upload_id)},
    )


async def _fail(database: Database, company_id: UUID, upload_id: UUID, message: str) -> None:
    async with database.transaction() as conn:
        await conn.execute(
            update(VenueUpload)
            .where(
                VenueUpload.company_id == company_id,
                VenueUpload.upload_id == upload_id,
                VenueUpload.state.in_(UNDER_WAY),
            )
            .values(state="failed", step="", message=message[:2_000], finished_at=func.now())
        )


def _reason(error: ChannelError) -> str:
    places = "; ".join(f"{one.path}: {one.message}" for one in error.problems)
    return places or error.message


async def find_forgotten_uploads(database: Database) -> None:
    """Write a new job for each upload under way that has none: the net under the queue."""
    async with database.transaction() as conn:
        rows = (await conn.execute(_FORGOTTEN)).all()
        await enqueue(conn, [import_job(row.company_id, row.upload_id) for row in rows])
    if rows:
        log.error("forgotten_uploads_found", count=len(rows))


class _Teller:
    """Writes how far an import is, each time in a transaction of its own that others can read."""

    def __init__(self, database: Database, upload: AnyRow) -> None:
        self._database = database
        self._upload = upload
        self._now: dict[str, Any] = {}
        self._told: dict[str, Any] = {}
        self._task: asyncio.Task[None] | None = None

    def say(self, step: str) -> None:
        """What is being done from now on."""
        self._now = {**self._now, "step": step}

    def count(self, done: int, total: int) -> None:
        """How many rows of how many are written."""
        self._now = {**self._now, "rows_done": done, "rows_total": total}

    @asynccontextmanager
    async def telling(self) -> AsyncIterator["_Teller"]:
        """Tell until the end of the block."""
        self._task = asyncio.create_task(self._tell())
        try:
            yield self
        finally:
            await self.stop()

    async def stop(self) -> None:
        """Tell no more. Before the import itself changes the row, since the two would wait."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def _tell(self) -> None:
        while True:
            if self._now != self._told:
                self._told = self._now
                # How far it is matters less than that it goes on.
                with contextlib.suppress(Unavailable):
                    async with self._database.transaction() as conn:
                        await set_upload(conn, self._upload, **self._told)
            await asyncio.sleep(TELLS_SECONDS)
