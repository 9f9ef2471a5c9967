"""The audit trail: who changed what, when, from what to what, in the change's own transaction.

The table refuses every change but an insert (a trigger of the database). It holds no guest's name
or e-mail address: those must stay erasable.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.models import AuditEvent
from channel_manager.access.service import Access
from channel_manager.db import AnyRow, AnySelect, new_id
from channel_manager.statements import Statement, json_text

Fields = dict[str, Any]

# An event's id is of the clock of the process that wrote it, its instant of the database's.
CLOCKS_DIFFER = timedelta(hours=1)


async def record(
    conn: AsyncConnection,
    access: Access,
    action: str,
    subject: str,
    *,
    before: Fields | None = None,
    after: Fields | None = None,
) -> None:
    """Write one change: `action` like "order.confirm", `subject` like "order <id>".

    `before` and `after` say what changed, in fields that are nobody's personal data.
    """
    company_id = access.company.company_id
    change = {"before": before or {}, "after": after or {}}
    await _write(conn, company_id, access.actor, action, subject, change)


async def record_as(
    conn: AsyncConnection,
    company_id: UUID,
    actor: str,
    action: str,
    subject: str,
    after: Fields | None = None,
) -> None:
    """Write one change that nobody's key made: an operator's, or the service's own."""
    change = {"before": {}, "after": after or {}}
    await _write(conn, company_id, actor, action, subject, change)


_RECORD = Statement("""
    INSERT INTO audit_events (company_id, event_id, actor, action, subject, before, after)
    VALUES (:company, :event, :actor, :action, :subject, :before, :after)
""")


async def _write(
    conn: AsyncConnection, company_id: UUID, actor: str, action: str, subject: str, change: Fields
) -> None:
    await _RECORD.run(
        conn,
        company=company_id,
        event=new_id(),
        actor=actor,
        action=action,
        subject=subject,
        before=json_text(change["before"]),
        after=json_text(change["after"]),
    )


@dataclass(frozen=True, slots=True)
class Trail:
    """Which part of the trail; what is empty leaves out nothing.

    `actor` and `action` are any part of the words, without case; `subject` is all of it. Instants
    from `since` on and before `until`.
    """

    actor: str = ""
    action: str = ""
    subject: str = ""
    since: datetime | None = None
    until: datetime | None = None

    def narrow(self, query: AnySelect) -> AnySelect:
        """The query for this part alone."""
        if self.actor:
            query = query.where(AuditEvent.actor.icontains(self.actor, autoescape=True))
        if self.action:
            query = query.where(AuditEvent.action.icontains(self.action, autoescape=True))
        if self.subject:
            query = query.where(AuditEvent.subject == self.subject)
        if self.since is not None:
            first = _first_id(self.since - CLOCKS_DIFFER)
            query = query.where(AuditEvent.happened_at >= self.since, AuditEvent.event_id >= first)
        if self.until is not None:
            first = _first_id(self.until + CLOCKS_DIFFER)
            query = query.where(AuditEvent.happened_at < self.until, AuditEvent.event_id < first)
        return query


ALL = Trail()


async def list_events(
    conn: AsyncConnection,
    company_id: UUID,
    *,
    trail: Trail = ALL,
    before: UUID | None = None,
    limit: int = 50,
) -> list[AnyRow]:
    """The newest changes first; from those older than the event `before` on, where it is given."""
    query = select(AuditEvent.__table__).where(AuditEvent.company_id == company_id)
    if before is not None:
        query = query.where(AuditEvent.event_id < before)
    query = trail.narrow(query).order_by(AuditEvent.event_id.desc()).limit(limit)
    return list(await conn.execute(query))


def _first_id(moment: datetime) -> UUID:
    # A UUIDv7 begins with its milliseconds since 1970: so the key finds a day as an index would.
    return UUID(int=int(moment.timestamp() * 1_000) << 80)
