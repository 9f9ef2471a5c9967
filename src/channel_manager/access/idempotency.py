"""`Idempotency-Key`: a repeated request gets its first reply again (contract: Order body; domain:
Gate).
"""

import hashlib
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.service import Access
from channel_manager.db import AnyRow, Database
from channel_manager.errors import Conflict
from channel_manager.statements import Statement

PART = 5_000


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request that carries a key: whose it is, and what exactly it asks."""

    company_id: UUID
    caller_id: UUID
    key: str
    request_hash: bytes


def idempotent_request(
    access: Access, caller_id: UUID, key: str, method: str, path: str, body: bytes
) -> IdempotentRequest:
    """The same key means the same request only where method, address and bytes agree."""
    asked = b"\0".join([method.encode(), path.encode(), body])
    return IdempotentRequest(
        access.company.company_id, caller_id, key, hashlib.sha256(asked).digest()
    )


_THIS = "company_id = :company AND caller_id = :caller AND idempotency_key = :key"
_TAKE = Statement("""
    INSERT INTO idempotent_replies (company_id, caller_id, idempotency_key, request_hash)
    VALUES (:company, :caller, :key, :request_hash)
    ON CONFLICT DO NOTHING
""")
_KEPT = Statement(f"""
    SELECT company_id, request_hash, order_id, submission, status, body
    FROM idempotent_replies WHERE {_THIS}
""")  # noqa: S608 - our own text
_KEEP = Statement(f"""
    UPDATE idempotent_replies
    SET order_id = :order, submission = :submission, status = :status, body = :body
    WHERE {_THIS}
""")  # noqa: S608 - our own text
# Whoever is first keeps its own; all get what is kept.
_KEEP_FIRST = Statement(f"""
    UPDATE idempotent_replies SET body = coalesce(body, :body) WHERE {_THIS} RETURNING body
""")  # noqa: S608 - our own text
_FORGET = Statement("""
    DELETE FROM idempotent_replies USING (
        SELECT company_id, caller_id, idempotency_key FROM idempotent_replies
        WHERE created_at < now() - make_interval(days => :days)
        ORDER BY created_at LIMIT :part FOR UPDATE SKIP LOCKED
    ) old
    WHERE idempotent_replies.company_id = old.company_id
        AND idempotent_replies.caller_id = old.caller_id
        AND idempotent_replies.idempotency_key = old.idempotency_key
""")


async def begin(conn: AsyncConnection, request: IdempotentRequest) -> AnyRow | None:
    """Take the key for this request; the kept reply where it was taken by the same one before.

    Waits for a request with the same key that is under way. Errors: `Conflict`.
    """
    taken = await _TAKE.run(
        conn,
        company=request.company_id,
        caller=request.caller_id,
        key=request.key,
        request_hash=request.request_hash,
    )
    if taken:
        return None
    kept: AnyRow = await _KEPT.one(
        conn, company=request.company_id, caller=request.caller_id, key=request.key
    )
    if kept.request_hash != request.request_hash:
        raise Conflict(
            f"Idempotency-Key: {request.key} was used with another request; use a new key."
        )
    return kept


async def keep(
    conn: AsyncConnection,
    request: IdempotentRequest,
    body: bytes | None,
    *,
    status: int = 200,
    order_id: UUID | None = None,
    submission: int | None = None,
) -> None:
    """Keep what the request did, and its reply once that is known."""
    await _KEEP.run(
        conn,
        company=request.company_id,
        caller=request.caller_id,
        key=request.key,
        order=order_id,
        submission=submission,
        status=status,
        body=body,
    )


async def keep_first(conn: AsyncConnection, request: IdempotentRequest, body: bytes) -> bytes:
    """Keep a reply unless one is kept already; returns the one that counts."""
    kept = await _KEEP_FIRST.one(
        conn, company=request.company_id, caller=request.caller_id, key=request.key, body=body
    )
    return bytes(kept.body)


async def forget_old_replies(database: Database, *, days: int) -> int:
    """Delete replies that are older than this, a part at most; returns how many."""
    async with database.single() as conn:
        return await _FORGET.run(conn, days=days, part=PART)
