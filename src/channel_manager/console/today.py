"""The first page: how the day goes."""

from fastapi import Request, Response

from channel_manager.console.rendering import page
from channel_manager.console.roles import Role
from channel_manager.console.route import console_router, needs_role

router = console_router()


@router.get("", openapi_extra=needs_role(Role.VIEWER))
async def show(request: Request) -> Response:
    """How the day goes."""
    return page(request, "today.html")
