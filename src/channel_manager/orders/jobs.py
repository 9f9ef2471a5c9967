"""Issuing orders in the background: what a worker claims, in the order it came."""

import asyncio
from collections import Counter, deque
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog
from pgqueuer.models import Job as QueuedJob
from sqlalchemy import text

from channel_manager.db import Database
from channel_manager.errors import Unavailable
from channel_manager.jobs import enqueue, issue_job, job_ids, patiently
from channel_manager.orders.settle import settle
from channel_manager.orders.submissions import Submission
from channel_manager.statements import Statement

log = structlog.get_logger(__name__)

# Orders in one transaction; groups of one company at the same time: one computes while another
# waits for the disk, and more would only wait for the same time slots.
MOST_TOGETHER = 25
GROUPS_OF_A_COMPANY = 2

# Losing this mark in a crash loses nothing, so its commit doesn't wait for the disk. A row that
# another worker holds is passed over: that worker tells its state.
_MARK = Statement("""
    WITH quick AS (SELECT set_config('synchronous_commit', 'off', true)),
    wanted AS (
        SELECT o.company_id, o.order_id
        FROM unnest(CAST(:companies AS uuid[]), CAST(:orders AS uuid[]), CAST(:numbers AS int[]))
            AS job (company_id, order_id, submission)
        JOIN orders o ON o.company_id = job.company_id AND o.order_id = job.order_id
            AND o.submission = job.submission
        WHERE o.status = ANY(:before)
        FOR UPDATE OF o SKIP LOCKED
    )
    UPDATE orders SET status = :status, changed_at = now()
    FROM wanted, quick
    WHERE orders.company_id = wanted.company_id AND orders.order_id = wanted.order_id
""")

_FORGOTTEN = text("""
    SELECT company_id, order_id, submission FROM orders
    WHERE status IN ('Submitted', 'Scheduled', 'Processing')
      AND changed_at < now() - make_interval(secs => :seconds)
      AND NOT EXISTS (
        SELECT 1 FROM pgqueuer
        WHERE status IN ('queued', 'picked')
          AND dedupe_key = orders.order_id || ':' || orders.submission)
    ORDER BY changed_at LIMIT 1000
""")


def read_submission(job: QueuedJob) -> Submission:
    """Which submission a job is about."""
    ids = job_ids(job)
    return Submission(UUID(ids["company"]), UUID(ids["order"]), int(ids["submission"]))


_Claimed = tuple[Submission, "asyncio.Future[None]", str]


class OrderIssuer:
    """Issues a worker's claimed orders, oldest first, those of one company together.

    What a poller reads is true: Scheduled while a claimed order waits for its turn, Processing
    from when its issuance begins. Both marks are made for many orders in one statement.
    """

    def __init__(self, database: Database, *, concurrency: int) -> None:
        self._database = database
        self._concurrency = concurrency
        self._waiting: dict[UUID, deque[_Claimed]] = {}
        self._unmarked: list[Submission] = []
        self._running: Counter[UUID] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def issue(self, submission: Submission, trace: str = "") -> None:
        """Issue one order, when its turn comes; returns when it has settled.

        `trace` is what its event is a part of.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(submission.company_id, deque()).append((submission, done, trace))
        self._unmarked.append(submission)
        # Lets the rest of a claimed batch arrive first, so that they go together.
        await asyncio.sleep(0)
        self._start_waiting()
        await done

    def _start_waiting(self) -> None:
        for company_id in list(self._waiting):
            while self._has_room(company_id) and company_id in self._waiting:
                self._running[company_id] += 1
                self._begin(self._run(company_id, self._take_group(company_id)))
        if self._unmarked:
            unmarked, self._unmarked = self._unmarked, []
            self._begin(self._mark(unmarked, "Scheduled", ["Submitted"]))

    def _has_room(self, company_id: UUID) -> bool:
        busy = self._running[company_id] >= GROUPS_OF_A_COMPANY
        return not busy and self._running.total() < self._concurrency

    def _take_group(self, company_id: UUID) -> list[_Claimed]:
        waiting = self._waiting[company_id]
        group = [waiting.popleft() for _ in range(min(len(waiting), MOST_TOGETHER))]
        if not waiting:
            del self._waiting[company_id]
        starting = {submission for submission, _, _ in group}
        self._unmarked = [one for one in self._unmarked if one not in starting]
        return group

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, company_id: UUID, group: Sequence[_Claimed]) -> None:
        traces = {submission: trace for submission, _, trace in group}
        error: BaseException | None = None
        try:
            await self._mark(list(traces), "Processing", ["Submitted", "Scheduled"])
            await settle_patiently(self._database, *traces, traces=traces)
        except BaseException as fault:  # noqa: BLE001 - handed on to whoever waits for it
            error = fault
        for _, done, _ in group:
            if done.done():
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
        self._running[company_id] -= 1
        if not self._running[company_id]:
            del self._running[company_id]
        self._start_waiting()

    async def _mark(
        self, submissions: Sequence[Submission], status: str, before: Sequence[str]
    ) -> None:
        try:
            async with self._database.single() as conn:
                await _MARK.run(
                    conn,
                    companies=[s.company_id for s in submissions],
                    orders=[s.order_id for s in submissions],
                    numbers=[s.number for s in submissions],
                    status=status,
                    before=list(before),
                )
        except Unavailable:
            # Only a mark: the issuance itself will meet the same fault and wait for its end.
            log.warning("orders_not_marked", status=status, count=len(submissions))


async def settle_patiently(
    database: Database, *submissions: Submission, traces: Mapping[Submission, str] | None = None
) -> None:
    """Settle, and wait out passing faults for as long as they last."""
    await patiently(lambda: settle(database, *submissions, traces=traces))


async def find_forgotten(database: Database, *, seconds: float) -> int:
    """Write a new job for each order in flight that has none; returns how many.

    There should be none, ever: this is the net under the queue, for jobs deleted by hand or by a
    fault of the queue itself.
    """
    async with database.transaction() as conn:
        rows = (await conn.execute(_FORGOTTEN, {"seconds": seconds})).all()
        await enqueue(conn, [issue_job(r.company_id, r.order_id, r.submission) for r in rows])
    if rows:
        log.error("forgotten_orders_found", count=len(rows))
    return len(rows)
