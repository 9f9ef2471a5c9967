"""The audit trail: who changed what, when, from what to what, in the change's own transaction.

The table refuses every change but an insert (a trigger of the database). It holds no guest's name
or e-mail address: those must stay erasable.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.models import AuditEvent
from channel_manager.access.service import Access
from channel_manager.db import AnyRow, new_id
from channel_manager.statements import Statement, json_text

Fields = dict[str, Any]


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


async def list_events(
    conn: AsyncConnection, company_id: UUID, *, subject: str = "", limit: int = 50
) -> list[AnyRow]:
    """The newest changes first, of one subject where it is named."""
    query = select(AuditEvent.__table__).where(AuditEvent.company_id == company_id)
    if subject:
        query = query.where(AuditEvent.subject == subject)
    return list(await conn.execute(query.order_by(AuditEvent.event_id.desc()).limit(limit)))
