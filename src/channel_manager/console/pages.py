"""All of the console's routes."""

from fastapi import APIRouter

from channel_manager.console import (
    audit_page,
    catalogue_files,
    catalogue_page,
    openid_sign_in,
    order_list,
    orders,
    partners,
    people_page,
    sign_in,
    slots,
    today,
    webhooks,
)
from channel_manager.console.roles import Role
from channel_manager.console.route import console_router, needs_role
from channel_manager.errors import NotFound

router = APIRouter()
PARTS = (
    sign_in,
    openid_sign_in,
    today,
    order_list,
    orders,
    slots,
    partners,
    webhooks,
    catalogue_page,
    catalogue_files,
    people_page,
    audit_page,
)
for part in PARTS:
    router.include_router(part.router)
nothing = console_router()


@nothing.get("/{path:path}", openapi_extra=needs_role(Role.VIEWER))
async def no_such_page() -> None:
    """An address that leads nowhere."""
    raise NotFound("There is no such page.")


# The last one, since it takes every address.
router.include_router(nothing)
