"""What partners' systems have sent about an order, and what they were answered (decision 0026).

For the venue's people, when an integrator says "we sent it, and you refused". Both bodies are kept
for CHANNEL_MANAGER_EXCHANGE_DAYS, up to a size each; keys never are.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.db import AnyRow, Database, new_id
from channel_manager.exchanges.calls import Call
from channel_manager.statements import Statement

# Of each body; a hundred lines of an order, or its reply with as many tickets.
MOST_BYTES = 65_536
MOST_SHOWN = 50
PART = 5_000
MOST_PARTS = 10

_KEEP = Statement("""
    INSERT INTO exchanges (company_id, exchange_id, key_id, partner_id, order_id, reference_key,
        method, path, request_id, status, duration_ms, request_body, request_bytes, reply_body,
        reply_bytes, emails)
    VALUES (:company, :exchange, :key, :partner, :order, :reference_key, :method, :path,
        :request_id, :status, :duration_ms, :request_body, :request_bytes, :reply_body,
        :reply_bytes, :emails)
""")
_SHOWN = """
    SELECT e.happened_at, e.key_id, k.hint AS key_hint, k.name AS key_name, e.partner_id,
        p.name AS partner, e.order_id, e.method, e.path, e.request_id, e.status, e.duration_ms,
        e.request_body, e.request_bytes, e.reply_body, e.reply_bytes, e.erased_at
    FROM exchanges e
    LEFT JOIN api_keys k ON k.company_id = e.company_id AND k.key_id = e.key_id
    LEFT JOIN partners p ON p.company_id = e.company_id AND p.partner_id = e.partner_id
    WHERE e.company_id = :company AND {}
    ORDER BY e.exchange_id DESC LIMIT :most
"""
_OF_ORDER = Statement(_SHOWN.format("e.order_id = :order"))
_REFUSED = Statement(_SHOWN.format("e.reference_key = :reference_key"))
# A UUIDv7 begins with its milliseconds since 1970, so the key itself tells the age.
_FORGET = Statement("""
    WITH until AS (
        SELECT CAST(rpad(lpad(to_hex(CAST(1000 * extract(
            epoch FROM now() - make_interval(days => :days)) AS bigint)), 12, '0'), 32, '0')
            AS uuid) AS id)
    DELETE FROM exchanges USING (
        SELECT old.company_id, old.exchange_id FROM companies c CROSS JOIN LATERAL (
            SELECT company_id, exchange_id FROM exchanges
            WHERE company_id = c.company_id AND exchange_id < (SELECT id FROM until)
            ORDER BY exchange_id LIMIT :part FOR UPDATE SKIP LOCKED) old
        LIMIT :part) old
    WHERE exchanges.company_id = old.company_id AND exchanges.exchange_id = old.exchange_id
""")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One call as a page shows it. `happened_at` is UTC, `duration_ms` the time in the service."""

    happened_at: datetime
    key_id: UUID
    # First and last characters of the key; None once it is deleted.
    key_hint: str | None
    key_name: str | None
    partner_id: UUID | None
    partner: str | None
    order_id: UUID | None
    method: str
    path: str
    request_id: str
    status: int
    duration_ms: float
    # The beginning of the body, and its whole length in bytes; None: there was none, or `erased_at`
    # says when it was taken out.
    request_body: bytes | None
    request_bytes: int
    reply_body: bytes | None
    reply_bytes: int
    erased_at: datetime | None

    @property
    def request_cut(self) -> bool:
        """Whether only the request's beginning was kept."""
        return self.request_body is not None and len(self.request_body) < self.request_bytes

    @property
    def reply_cut(self) -> bool:
        """Whether only the reply's beginning was kept."""
        return self.reply_body is not None and len(self.reply_body) < self.reply_bytes


async def exchanges_of_order(
    conn: AsyncConnection, company_id: UUID, order_id: UUID
) -> list[Exchange]:
    """The calls about an order, refused ones too, newest first; at most `MOST_SHOWN`."""
    rows = await _OF_ORDER.rows(conn, company=company_id, order=order_id, most=MOST_SHOWN)
    return _shown(rows)


async def refused_creates(
    conn: AsyncConnection, company_id: UUID, reference: str
) -> list[Exchange]:
    """Creates with this reference of a partner's that were refused, newest first; no order has
    come of them. The reference is compared without case.
    """
    rows = await _REFUSED.rows(
        conn, company=company_id, reference_key=reference.strip().casefold(), most=MOST_SHOWN
    )
    return _shown(rows)


def _shown(rows: Sequence[AnyRow]) -> list[Exchange]:
    return [Exchange(**row._asdict()) for row in rows]


async def keep(conn: AsyncConnection, call: Call, status: int, reply: bytes) -> None:
    """Write a call and its answer, in the transaction of what it did."""
    await _KEEP.run(
        conn,
        company=call.company_id,
        exchange=new_id(),
        key=call.key_id,
        partner=call.partner_id,
        order=call.order_id,
        reference_key=call.reference_key,
        method=call.method,
        path=call.path,
        request_id=call.request_id,
        status=status,
        duration_ms=(time.perf_counter() - call.started) * 1000,
        request_body=call.body[:MOST_BYTES] or None,
        request_bytes=len(call.body),
        reply_body=reply[:MOST_BYTES] or None,
        reply_bytes=len(reply),
        emails=call.emails,
    )


async def forget_old_exchanges(database: Database, *, days: int) -> int:
    """Delete what is older than this, a few parts at most; returns how many."""
    total = 0
    for _ in range(MOST_PARTS):
        async with database.single() as conn:
            done = await _FORGET.run(conn, days=days, part=PART)
        total += done
        if done < PART:
            break
    return total
