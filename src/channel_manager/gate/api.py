"""The gate's operations (domain: Gate)."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Header, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from channel_manager.access import idempotency
from channel_manager.access.idempotency import idempotent_request
from channel_manager.access.permissions import Permission
from channel_manager.access.route import (
    CurrentAccess,
    company_router,
    database_of,
    needs,
    whole_body,
)
from channel_manager.access.service import Access
from channel_manager.catalogues import asked_for
from channel_manager.errors import UnsupportedMediaType
from channel_manager.gate import service
from channel_manager.gate.camera import read_codes
from channel_manager.gate.schemas import (
    AdmitIn,
    AdmittedOut,
    CodesOut,
    EntryOut,
    ScansIn,
    ScansOut,
    TodayOut,
    TryAndAdmitIn,
    TryIn,
    VerdictOut,
)
from channel_manager.gate.service import Gate
from channel_manager.responses import bytes_reply, documented, json_reply
from channel_manager.strict_json import dumps

router = company_router("Gate", "/speedgate")
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="A scanner that repeats its request gets its first answer again.",
    ),
]
_PICTURES = ("image/jpeg", "image/png")
Answer = Callable[[AsyncConnection, Gate], Awaitable[dict[str, Any]]]


@router.post(
    "/try",
    response_model=VerdictOut,
    operation_id="tryCode",
    openapi_extra=needs(Permission.GATE),
    responses=documented(400),
)
async def try_code(request: Request, access: CurrentAccess, body: TryIn) -> Response:
    """What a code is, and whether its guests may enter here now. Lets nobody in."""
    async with database_of(request).transaction(planned_once=True) as conn:
        return json_reply(await service.try_code(conn, _gate(request, access), body))


@router.post(
    "/admit",
    response_model=AdmittedOut,
    operation_id="admit",
    openapi_extra=needs(Permission.GATE),
    responses=documented(400, 409),
)
async def admit(
    request: Request, access: CurrentAccess, body: AdmitIn, idempotency_key: IdempotencyKey = None
) -> Response:
    """Let in the tickets of these tokens: all of them, or none."""

    async def answer(conn: AsyncConnection, gate: Gate) -> dict[str, Any]:
        return await service.admit_tokens(conn, gate, body)

    return await _answered(request, access, idempotency_key, answer)


@router.post(
    "/tryAndAttemptAdmit",
    response_model=VerdictOut,
    operation_id="tryAndAttemptAdmit",
    openapi_extra=needs(Permission.GATE),
    responses=documented(400, 409),
)
async def try_and_attempt_admit(
    request: Request,
    access: CurrentAccess,
    body: TryAndAdmitIn,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """Check a code and let its guests in, in one call."""
    if idempotency_key is None:
        async with database_of(request).single() as conn:
            admitted = await service.try_and_admit_at_once(conn, _gate(request, access), body)
        if admitted is not None:
            return json_reply(admitted)

    async def answer(conn: AsyncConnection, gate: Gate) -> dict[str, Any]:
        return await service.try_and_admit(conn, gate, body)

    return await _answered(request, access, idempotency_key, answer)


@router.post(
    "/read",
    response_model=CodesOut,
    operation_id="readCodes",
    openapi_extra=needs(Permission.GATE)
    | {
        "requestBody": {
            "required": True,
            "content": {
                kind: {"schema": {"type": "string", "format": "binary"}} for kind in _PICTURES
            },
        }
    },
    responses=documented(400),
)
async def read_picture(request: Request) -> Response:
    """The codes in a camera's picture, for browsers that can't read codes. Lets nobody in."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in _PICTURES:
        raise UnsupportedMediaType(
            f"Content-Type is {kind[:60]!r}; send a picture as image/jpeg or image/png.",
            code="unsupported_media_type",
        )
    return json_reply({"codes": await read_codes(await whole_body(request))})


@router.post(
    "/scans",
    response_model=ScansOut,
    operation_id="uploadScans",
    openapi_extra=needs(Permission.GATE),
    responses=documented(400),
)
async def upload_scans(request: Request, access: CurrentAccess, body: ScansIn) -> Response:
    """Record guests who were let in while the line was down, oldest first."""
    gate = _gate(request, access)
    scans = []
    for scan in sorted(body.scans, key=lambda scan: scan.scannedAt):
        # One transaction each: tickets are locked for a moment only, and never two at a time.
        async with database_of(request).transaction(planned_once=True) as conn:
            scans.append(await service.record_scan(conn, gate, scan))
    return json_reply({"scans": scans})


@router.get(
    "/entries",
    response_model=list[EntryOut],
    operation_id="listEntries",
    openapi_extra=needs(Permission.GATE),
    responses=documented(400),
)
async def list_entries(
    request: Request,
    access: CurrentAccess,
    reference_number: Annotated[str, Query(alias="referenceNumber", max_length=100)],
) -> Response:
    """Every entry on a ticket, or on all tickets of a wallet."""
    async with database_of(request).read() as conn:
        gate = _gate(request, access)
        return json_reply(await service.entries(conn, gate, reference_number.strip()))


@router.get(
    "/today",
    response_model=TodayOut,
    operation_id="countToday",
    openapi_extra=needs(Permission.GATE),
    responses=documented(400),
)
async def count_today(
    request: Request,
    access: CurrentAccess,
    admission_code: Annotated[str, Query(alias="admissionCode", max_length=50)] = "",
) -> Response:
    """How many guests have entered today, at one admission or at all."""
    async with database_of(request).read() as conn:
        return json_reply(await service.today(conn, _gate(request, access), admission_code))


async def _answered(request: Request, access: Access, key: str | None, answer: Answer) -> Response:
    gate, idempotent = _gate(request, access), None
    if key is not None:
        # A scanner's own, so by its key and not by the partner's.
        idempotent = idempotent_request(
            access, access.key_id, key, request.method, request.url.path, await request.body()
        )
    async with database_of(request).transaction(planned_once=True) as conn:
        kept = await idempotency.begin(conn, idempotent) if idempotent else None
        if kept is not None:
            return bytes_reply(bytes(kept.body))
        body = dumps(await answer(conn, gate))
        if idempotent:
            await idempotency.keep(conn, idempotent, body)
    return bytes_reply(body)


def _gate(request: Request, access: Access) -> Gate:
    language = asked_for(request.headers.get("accept-language", ""))
    return Gate(access, request.app.state.gate_secret, language)
