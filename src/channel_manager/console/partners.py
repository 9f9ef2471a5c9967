"""Partners and their keys. A key is shown once, when it is made."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import Form, Request, Response

from channel_manager.access import keys
from channel_manager.access.partners import find_partner, list_partners, set_active
from channel_manager.access.permissions import Permission
from channel_manager.access.route import database_of
from channel_manager.access.schemas import DEFAULT_OVERLAP_HOURS, MAX_OVERLAP_HOURS, MAX_RATE
from channel_manager.console.rendering import ROOT, page, see_other
from channel_manager.console.roles import Role
from channel_manager.console.route import CurrentVisit, console_router, needs_role
from channel_manager.db import AnyRow
from channel_manager.webhooks.health import subscriptions_health

PARTNERS = f"{ROOT}/partners"
KEYS = f"{PARTNERS}/keys"
router = console_router("/partners")


@router.get("", openapi_extra=needs_role(Role.VIEWER))
async def overview(request: Request, visit: CurrentVisit) -> Response:
    """All partners."""
    async with database_of(request).read() as conn:
        partners = await list_partners(conn, visit.company.company_id)
    return page(request, "partners.html", partners=partners)


@router.get("/keys", openapi_extra=needs_role(Role.ADMIN))
async def all_keys(request: Request, visit: CurrentVisit, partner: UUID | None = None) -> Response:
    """All keys, and a form for another."""
    now = request.app.state.clock()
    async with database_of(request).read() as conn:
        found = await keys.list_keys(conn, visit.access)
        partners = await list_partners(conn, visit.company.company_id)
    return page(
        request,
        "keys.html",
        keys=sorted(found, key=lambda key: _is_over(key, now)),
        over={key.key_id for key in found if _is_over(key, now)},
        partners={one.partner_id: one.name for one in partners},
        partner=partner,
        permissions=list(Permission),
        overlap=DEFAULT_OVERLAP_HOURS,
        most_overlap=MAX_OVERLAP_HOURS,
        most_rate=MAX_RATE,
    )


@router.post("/keys", openapi_extra=needs_role(Role.ADMIN))
async def make_key(
    request: Request,
    visit: CurrentVisit,
    permission: Annotated[list[Permission], Form()],
    partner: Annotated[UUID | None, Form()] = None,
    name: Annotated[str, Form(max_length=100)] = "",
    rate_limit: Annotated[int | None, Form(ge=1, le=MAX_RATE)] = None,
) -> Response:
    """Make a key and show it, this once."""
    wanted = keys.WantedKey(
        name=name.strip(),
        partner_id=partner,
        permissions=permission,
        rate_limit=rate_limit,
    )
    async with database_of(request).transaction() as conn:
        row, key = await keys.make_key(conn, visit.access, wanted)
    return page(request, "key_once.html", key=row, secret=key, overlap=None)


@router.post("/keys/{key_id}/rotate", openapi_extra=needs_role(Role.ADMIN))
async def rotate_key(
    request: Request,
    visit: CurrentVisit,
    key_id: str,
    overlap: Annotated[int, Form(ge=0, le=MAX_OVERLAP_HOURS)] = DEFAULT_OVERLAP_HOURS,
) -> Response:
    """Make a key like this one and show it; the old one stays good for the overlap."""
    async with database_of(request).transaction() as conn:
        row, key = await keys.rotate_key(conn, visit.access, key_id, timedelta(hours=overlap))
    return page(request, "key_once.html", key=row, secret=key, overlap=overlap)


@router.post("/keys/{key_id}/revoke", openapi_extra=needs_role(Role.ADMIN))
async def revoke_key(request: Request, visit: CurrentVisit, key_id: str) -> Response:
    """End a key at once, in every process."""
    async with database_of(request).transaction() as conn:
        await keys.revoke_key(conn, visit.access, key_id)
    return see_other(KEYS, done="key-revoked")


@router.get("/{partner_id}", openapi_extra=needs_role(Role.VIEWER))
async def one(request: Request, visit: CurrentVisit, partner_id: UUID) -> Response:
    """One partner: its terms, keys and subscriptions."""
    here = visit.company.company_id
    now = request.app.state.clock()
    async with database_of(request).read() as conn:
        partner = await find_partner(conn, here, partner_id)
        found = [
            key for key in await keys.list_keys(conn, visit.access) if key.partner_id == partner_id
        ]
        health = await subscriptions_health(conn, here)
    return page(
        request,
        "partner.html",
        partner=partner,
        keys=found,
        over={key.key_id for key in found if _is_over(key, now)},
        health=[entry for entry in health if entry.partner_id == partner_id],
    )


@router.post("/{partner_id}/active", openapi_extra=needs_role(Role.ADMIN))
async def change_active(
    request: Request, visit: CurrentVisit, partner_id: UUID, active: Annotated[bool, Form()]
) -> Response:
    """Let a partner order, or no longer."""
    async with database_of(request).transaction() as conn:
        await set_active(conn, visit.access, partner_id, active=active)
    return see_other(f"{PARTNERS}/{partner_id}", done="partner-changed")


def _is_over(key: AnyRow, now: object) -> bool:
    ended = key.expires_at is not None and key.expires_at <= now
    return key.revoked_at is not None or bool(ended)
