"""Keys by API, for keys with the permission admin (contract: Key)."""

from datetime import timedelta
from http import HTTPStatus

from fastapi import Request, Response

from channel_manager.access import keys
from channel_manager.access.permissions import Permission
from channel_manager.access.route import (
    CurrentAccess,
    company_router,
    database_of,
    needs,
)
from channel_manager.access.schemas import KeyIn, KeyOut, NewKeyOut, RotateIn
from channel_manager.responses import documented, json_reply

router = company_router("Keys", "/keys")


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    response_model=NewKeyOut,
    operation_id="createKey",
    openapi_extra=needs(Permission.ADMIN),
    responses=documented(400),
)
async def create_key(request: Request, access: CurrentAccess, body: KeyIn) -> Response:
    """Make a key. This reply is the only one that shows it."""
    wanted = keys.WantedKey(body.name, body.partnerId, body.permissions, body.rateLimit)
    async with database_of(request).transaction() as conn:
        row, key = await keys.make_key(conn, access, wanted)
    return json_reply(keys.key_out(row) | {"key": key}, HTTPStatus.CREATED)


@router.get(
    "",
    response_model=list[KeyOut],
    operation_id="listKeys",
    openapi_extra=needs(Permission.ADMIN),
    responses=documented(),
)
async def list_keys(request: Request, access: CurrentAccess) -> Response:
    """The keys that the caller may manage, oldest first, with when each was last used."""
    async with database_of(request).read() as conn:
        rows = await keys.list_keys(conn, access)
    return json_reply([keys.key_out(row) for row in rows])


@router.post(
    "/{key_id}/rotate",
    status_code=HTTPStatus.CREATED,
    response_model=NewKeyOut,
    operation_id="rotateKey",
    openapi_extra=needs(Permission.ADMIN),
    responses=documented(400),
)
async def rotate_key(
    request: Request, access: CurrentAccess, key_id: str, body: RotateIn
) -> Response:
    """Make a key like this one; the old one stays good for the overlap."""
    async with database_of(request).transaction() as conn:
        overlap = timedelta(hours=body.overlapHours)
        row, key = await keys.rotate_key(conn, access, key_id, overlap)
    return json_reply(keys.key_out(row) | {"key": key}, HTTPStatus.CREATED)


@router.delete(
    "/{key_id}",
    response_model=KeyOut,
    operation_id="revokeKey",
    openapi_extra=needs(Permission.ADMIN),
    responses=documented(),
)
async def revoke_key(request: Request, access: CurrentAccess, key_id: str) -> Response:
    """End a key at once, in every process."""
    async with database_of(request).transaction() as conn:
        return json_reply(keys.key_out(await keys.revoke_key(conn, access, key_id)))
