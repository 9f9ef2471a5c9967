"""Submissions: what a POST or PUT has asked for, and the job that issues it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.capacity.service import Holder
from channel_manager.db import AnyRow
from channel_manager.jobs import Job, issue_job
from channel_manager.orders.models import Order
from channel_manager.orders.queries import ORDER
from channel_manager.orders.states import Status

# A synchronous request issues its order itself; the job is there for when it dies on the way.
SYNC_JOB_DELAY = 15.0


@dataclass(frozen=True, slots=True)
class Submission:
    """One submission of an order: what a job is about."""

    company_id: UUID
    order_id: UUID
    number: int

    @property
    def holder(self) -> Holder:
        """As what holds places at the venue."""
        return Holder(self.company_id, self.order_id, self.number)


def submission_of(order: AnyRow) -> Submission:
    """The current submission of an order."""
    return Submission(order.company_id, order.order_id, order.submission)


def job_of(submission: Submission, *, sync: bool) -> Job:
    """The job that issues a submission."""
    return issue_job(
        submission.company_id,
        submission.order_id,
        submission.number,
        delay=SYNC_JOB_DELAY if sync else 0,
    )


async def resubmit(conn: AsyncConnection, order: AnyRow, header: dict[str, Any]) -> AnyRow:
    """Begin an order's next submission, in flight as a new order is; `header` is what changes."""
    done = await conn.execute(
        update(Order)
        .where(Order.company_id == order.company_id, Order.order_id == order.order_id)
        .values(
            **header,
            status=Status.SUBMITTED,
            status_message="",
            submission=order.submission + 1,
            job_number=None,
            manifest_id=None,
            hold_expires_at=None,
            hold_ended_at=None,
            changed_at=func.now(),
        )
        .returning(ORDER)
    )
    resubmitted: AnyRow = done.one()
    return resubmitted
