"""Reprocessing many orders at once: a run, carried out by workers, with what came of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, func, insert, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import Mapped, mapped_column

from channel_manager.access.audit import record
from channel_manager.access.permissions import Permission
from channel_manager.access.service import Access
from channel_manager.companies.service import find_company
from channel_manager.db import Database, Table, bulk_insert, column_lists, new_id
from channel_manager.errors import ChannelError, InvalidInput, NotFound, Problem, Unavailable
from channel_manager.jobs import Job, JobName, enqueue
from channel_manager.orders.service import reprocess_order
from channel_manager.statements import Statement

MOST_ORDERS = 10_000
AT_ONCE = 50


class BulkRun(Table):
    """Orders that somebody has had reprocessed together."""

    __tablename__ = "bulk_runs"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
    actor: Mapped[str]
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    ended_at: Mapped[datetime | None]


class BulkOrder(Table):
    """One order of a run, and whether it was submitted again."""

    __tablename__ = "bulk_orders"

    company_id: Mapped[UUID] = mapped_column(primary_key=True)
    run_id: Mapped[UUID] = mapped_column(primary_key=True)
    order_id: Mapped[UUID] = mapped_column(primary_key=True)
    state: Mapped[str] = mapped_column(default="waiting", server_default="waiting")
    # Why it was refused.
    message: Mapped[str] = mapped_column(default="", server_default="")

    __table_args__ = (
        CheckConstraint("state IN ('waiting', 'submitted', 'refused')", name="state"),
        ForeignKeyConstraint(
            ["company_id", "run_id"], ["bulk_runs.company_id", "bulk_runs.run_id"]
        ),
        Index(
            "ix_bulk_orders_waiting",
            "company_id",
            "run_id",
            postgresql_where=text("state = 'waiting'"),
        ),
    )


_COLUMNS = ("company_id", "run_id", "order_id")
_INSERT = bulk_insert(BulkOrder, _COLUMNS, {"state": text("'waiting'"), "message": text("''")})
_TAKE = Statement("""
    SELECT order_id FROM bulk_orders
    WHERE company_id = :company AND run_id = :run AND state = 'waiting'
    ORDER BY order_id LIMIT :most FOR UPDATE SKIP LOCKED
""")
_TELL = Statement("""
    UPDATE bulk_orders SET state = told.state, message = told.message
    FROM unnest(CAST(:orders AS uuid[]), CAST(:states AS text[]), CAST(:messages AS text[]))
        AS told (order_id, state, message)
    WHERE bulk_orders.company_id = :company AND run_id = :run
        AND bulk_orders.order_id = told.order_id
""")
_END = Statement("""
    UPDATE bulk_runs SET ended_at = now()
    WHERE company_id = :company AND run_id = :run AND ended_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM bulk_orders WHERE company_id = :company AND run_id = :run
            AND state = 'waiting')
""")
_RUN = Statement("""
    SELECT run_id, actor, started_at, ended_at FROM bulk_runs
    WHERE company_id = :company AND run_id = :run
""")
# What became of the orders is asked of the orders themselves.
_COUNTS = Statement("""
    SELECT b.state, o.status, count(*) AS number
    FROM bulk_orders b
    LEFT JOIN orders o ON o.company_id = b.company_id AND o.order_id = b.order_id
    WHERE b.company_id = :company AND b.run_id = :run
    GROUP BY 1, 2
""")
_TROUBLED = Statement("""
    SELECT b.order_id, b.state, b.message, o.status, o.status_message, o.sell_to_order_reference
    FROM bulk_orders b
    JOIN orders o ON o.company_id = b.company_id AND o.order_id = b.order_id
    WHERE b.company_id = :company AND b.run_id = :run
        AND (b.state = 'refused' OR (b.state = 'submitted' AND o.status = 'Error'))
    ORDER BY b.order_id LIMIT :most
""")
_RUNS = Statement("""
    SELECT r.run_id, r.actor, r.started_at, r.ended_at,
        (SELECT count(*) FROM bulk_orders b
            WHERE b.company_id = r.company_id AND b.run_id = r.run_id) AS number
    FROM bulk_runs r WHERE r.company_id = :company
    ORDER BY r.run_id DESC LIMIT :most
""")


@dataclass(frozen=True, slots=True)
class RunProgress:
    """How a run stands. Instants are UTC; `by_status` counts what was submitted again."""

    run_id: UUID
    actor: str
    started_at: datetime
    ended_at: datetime | None
    waiting: int
    refused: int
    by_status: dict[str, int]

    @property
    def submitted(self) -> int:
        """How many were submitted again."""
        return sum(self.by_status.values())

    @property
    def total(self) -> int:
        """All orders of the run."""
        return self.waiting + self.refused + self.submitted

    @property
    def in_flight(self) -> int:
        """Submitted again, and not settled yet."""
        return sum(self.by_status.get(name, 0) for name in ("Submitted", "Scheduled", "Processing"))

    @property
    def is_over(self) -> bool:
        """Nothing more will change by itself."""
        return self.waiting == 0 and self.in_flight == 0


async def start_run(conn: AsyncConnection, access: Access, orders: Sequence[UUID]) -> UUID:
    """Have orders reprocessed in the background; returns the run. Errors: `InvalidInput`."""
    wanted = list(dict.fromkeys(orders))
    if not 0 < len(wanted) <= MOST_ORDERS:
        raise InvalidInput.of([Problem("order", f"choose 1 to {MOST_ORDERS:,} orders")])
    here, run_id = access.company.company_id, new_id()
    await conn.execute(insert(BulkRun).values(company_id=here, run_id=run_id, actor=access.actor))
    rows = [{"company_id": here, "run_id": run_id, "order_id": one} for one in wanted]
    await conn.execute(_INSERT, column_lists(_COLUMNS, rows))
    await record(conn, access, "order.bulk", f"run {run_id}", after={"orders": len(wanted)})
    ids = {"company": str(here), "run": str(run_id)}
    await enqueue(conn, [Job(JobName.REPROCESS_ORDERS, f"run:{run_id}", ids)])
    return run_id


async def carry_out(database: Database, company_id: UUID, run_id: UUID) -> None:
    """Submit a run's orders again, some at a time, each with the note of what came of it.

    Killed in the middle, it goes on where it was: what is noted is committed with what was done.
    Errors: `Unavailable`; the same call then goes on later.
    """
    while True:
        async with database.transaction() as conn:
            if not await _carry_out_some(conn, company_id, run_id):
                return


async def _carry_out_some(conn: AsyncConnection, company_id: UUID, run_id: UUID) -> bool:
    here = {"company": company_id, "run": run_id}
    company = await find_company(conn, company_id)
    run = await _RUN.one(conn, **here)
    taken = [row.order_id for row in await _TAKE.rows(conn, **here, most=AT_ONCE)]
    if company is None or run is None or not taken:
        await _END.run(conn, **here)
        return False
    permissions = frozenset({str(Permission.ORDERS_WRITE)})
    access = Access(company, company_id, None, permissions, False, person=run.actor)
    told = [await _reprocess(conn, access, order_id) for order_id in taken]
    await _TELL.run(
        conn,
        **here,
        orders=taken,
        states=["refused" if message else "submitted" for message in told],
        messages=told,
    )
    return True


async def _reprocess(conn: AsyncConnection, access: Access, order_id: UUID) -> str:
    """Why it was refused; "" where it is in flight again."""
    try:
        await reprocess_order(conn, access, str(order_id))
    except Unavailable:
        raise
    except ChannelError as error:
        # Refused before anything of it was written, so the others' changes stand.
        return error.message
    return ""


async def find_run(conn: AsyncConnection, company_id: UUID, run_id: UUID) -> RunProgress:
    """How a run stands. Errors: `NotFound`."""
    here = {"company": company_id, "run": run_id}
    run = await _RUN.one(conn, **here)
    if run is None:
        raise NotFound("There is no such run.")
    counts = await _COUNTS.rows(conn, **here)
    by_state = {
        state: sum(row.number for row in counts if row.state == state)
        for state in ("waiting", "refused")
    }
    return RunProgress(
        run_id=run.run_id,
        actor=run.actor,
        started_at=run.started_at,
        ended_at=run.ended_at,
        **by_state,
        by_status={row.status: row.number for row in counts if row.state == "submitted"},
    )


async def troubled_orders(
    conn: AsyncConnection, company_id: UUID, run_id: UUID, most: int
) -> Sequence[object]:
    """The orders of a run that were refused, or failed again: with the reason of each."""
    return await _TROUBLED.rows(conn, company=company_id, run=run_id, most=most)


async def newest_runs(conn: AsyncConnection, company_id: UUID, most: int) -> Sequence[object]:
    """The newest runs first, with how many orders each has."""
    return await _RUNS.rows(conn, company=company_id, most=most)
