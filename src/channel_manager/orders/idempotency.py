"""`Idempotency-Key`: a repeated request gets its first reply again (contract: Order body)."""

import hashlib
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access.service import Access
from channel_manager.db import AnyRow
from channel_manager.errors import Conflict
from channel_manager.orders.models import IdempotentReply
from channel_manager.orders.submissions import Submission


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request that carries a key: whose it is, and what exactly it asks."""

    company_id: UUID
    caller_id: UUID
    key: str
    request_hash: bytes


def idempotent_request(
    access: Access, key: str, method: str, path: str, body: bytes
) -> IdempotentRequest:
    """The same key means the same request only where method, address and bytes agree."""
    asked = b"\0".join([method.encode(), path.encode(), body])
    return IdempotentRequest(
        access.company.company_id, access.caller_id, key, hashlib.sha256(asked).digest()
    )


async def begin(conn: AsyncConnection, request: IdempotentRequest) -> AnyRow | None:
    """Take the key for this request; the kept reply where it was taken by the same one before.

    Waits for a request with the same key that is under way. Errors: `Conflict`.
    """
    taken = await conn.execute(
        insert(IdempotentReply)
        .values(
            company_id=request.company_id,
            caller_id=request.caller_id,
            idempotency_key=request.key,
            request_hash=request.request_hash,
        )
        .on_conflict_do_nothing()
        .returning(IdempotentReply.idempotency_key)
    )
    if taken.one_or_none() is not None:
        return None
    kept = (await conn.execute(select(IdempotentReply.__table__).where(*_key(request)))).one()
    if kept.request_hash != request.request_hash:
        raise Conflict(
            f"Idempotency-Key: {request.key} was used with another request; use a new key."
        )
    return kept


async def keep(
    conn: AsyncConnection,
    request: IdempotentRequest,
    submission: Submission,
    status: int,
    body: bytes | None,
) -> None:
    """Keep what the request did, and its reply once that is known."""
    await conn.execute(
        update(IdempotentReply)
        .where(*_key(request))
        .values(
            order_id=submission.order_id,
            submission=submission.number,
            status=status,
            body=body,
        )
    )


async def keep_first(conn: AsyncConnection, request: IdempotentRequest, body: bytes) -> bytes:
    """Keep a reply unless one is kept already; returns the one that counts."""
    kept = await conn.scalar(select(IdempotentReply.body).where(*_key(request)).with_for_update())
    if kept is not None:
        return bytes(kept)
    await conn.execute(update(IdempotentReply).where(*_key(request)).values(body=body))
    return body


def _key(request: IdempotentRequest) -> tuple[Any, ...]:
    return (
        IdempotentReply.company_id == request.company_id,
        IdempotentReply.caller_id == request.caller_id,
        IdempotentReply.idempotency_key == request.key,
    )
