"""Jobs: written with the change that causes them, carried out by workers (design: rule 2)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, cast
from uuid import NAMESPACE_OID, UUID, uuid5

import orjson
import structlog
from pgqueuer.domain.settings import DBSettings
from pgqueuer.models import Job as QueuedJob
from pgqueuer.models import TableChangedEvent
from pgqueuer.queries import Queries
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.db import Database, announce
from channel_manager.errors import Unavailable
from channel_manager.pool import driver_of
from channel_manager.statements import Statement
from channel_manager.tracing import traceparent

if TYPE_CHECKING:
    from pgqueuer.db import Driver


log = structlog.get_logger(__name__)

FIRST_RETRY_SECONDS = 0.1
LAST_RETRY_SECONDS = 5.0

# What PgQueuer's trigger would tell its workers, inside the transaction: `migrations.upgrade` says
# why it doesn't. Always the same words, so that what many cause at once is told once.
_CHANNEL = DBSettings().channel
_CHANGED = TableChangedEvent(
    channel=_CHANNEL,
    operation="insert",
    sent_at=datetime(2026, 1, 1, tzinfo=UTC),
    table="pgqueuer",
    type="table_changed_event",
).model_dump_json(exclude={"received_at"})


# Under this name a job carries the trace of what caused it.
TRACE = "traceparent"


class JobName(StrEnum):
    """What a job is for."""

    ISSUE_ORDER = "issue_order"
    REPROCESS_ORDERS = "reprocess_orders"
    IMPORT_VENUE = "import_venue"


@dataclass(frozen=True, slots=True)
class Job:
    """A job to do: ids only, so that the worker works on what is true then (design: rule 4).

    Two waiting jobs with one `key` can't exist at the same time; the second is dropped.
    """

    name: JobName
    key: str
    ids: dict[str, Any]
    delay: timedelta = timedelta(0)


def issue_job(company_id: UUID, order_id: UUID, submission: int, delay: float = 0) -> Job:
    """The job that issues one submission of an order."""
    return Job(
        name=JobName.ISSUE_ORDER,
        key=f"{order_id}:{submission}",
        ids={"company": str(company_id), "order": str(order_id), "submission": submission},
        delay=timedelta(seconds=delay),
    )


def job_ids(job: QueuedJob) -> dict[str, Any]:
    """What a claimed job is about."""
    ids: dict[str, Any] = orjson.loads(job.payload or b"{}")
    return ids


async def patiently(work: Callable[[], Awaitable[None]]) -> None:
    """Do a job's work, and wait out passing faults for as long as they last."""
    wait = FIRST_RETRY_SECONDS
    while True:
        try:
            await work()
        except Unavailable:
            log.warning("job_waits", seconds=wait)
            await asyncio.sleep(wait)
            wait = min(wait * 2, LAST_RETRY_SECONDS)
        else:
            return


async def enqueue(conn: AsyncConnection, jobs: Sequence[Job]) -> None:
    """Write jobs in the caller's own transaction, so that they exist only if it commits."""
    if not jobs:
        return
    trace = traceparent()
    headers = {TRACE: trace} if trace else None
    queries = Queries(cast("Driver", TransactionDriver(conn)))
    await queries.enqueue(
        [str(job.name) for job in jobs],
        [orjson.dumps(job.ids) for job in jobs],
        [0] * len(jobs),
        [job.delay for job in jobs],
        [job.key for job in jobs],
        [headers] * len(jobs),
        on_conflict="skip",
    )
    if any(not job.delay for job in jobs):
        announce(conn, _CHANGED, _CHANNEL)


_TAKE_UP = Statement("""
    UPDATE pgqueuer SET heartbeat = now() - interval '1 day'
    WHERE queue_manager_id = :worker AND status = 'picked'
""")


def worker_id(name: str) -> UUID:
    """The id under which a worker of this name claims jobs, the same for each of its processes."""
    return uuid5(NAMESPACE_OID, f"channel-manager worker {name}")


async def take_up(database: Database, worker: UUID) -> int:
    """Give free what an earlier process of this worker held, for whoever asks next.

    Its heartbeats would say so too, some seconds later. Should that process still live, the job is
    done twice, which does nothing the second time.
    """
    async with database.single() as conn:
        return await _TAKE_UP.run(conn, worker=worker)


class TransactionDriver:
    """Lets PgQueuer write on a connection that SQLAlchemy holds, inside its transaction."""

    def __init__(self, conn: AsyncConnection) -> None:
        self._conn = conn

    async def fetch(self, query: str, *args: Any) -> list[dict[str, Any]]:  # noqa: ANN401
        """Run one statement and return its rows."""
        return [dict(row) for row in await driver_of(self._conn).fetch(query, *args)]

    async def execute(self, query: str, *args: Any) -> str:  # noqa: ANN401
        """Run one statement and return its status."""
        done: str = await driver_of(self._conn).execute(query, *args)
        return done
