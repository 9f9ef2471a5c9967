"""The guest's page (domain: Manifest). Its address is its key; there is no other."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from channel_manager.access.route import database_of
from channel_manager.manifests.page import page_headers, render_page
from channel_manager.manifests.service import find_manifest
from channel_manager.responses import public

router = APIRouter(prefix="/wallets", tags=["Guests"])


@router.get(
    "/manifest",
    response_class=HTMLResponse,
    operation_id="getManifestPage",
    responses=public(400, 404, 503),
)
async def manifest_page(request: Request, mid: str = "") -> HTMLResponse:
    """The page of an order, or of one wallet: every ticket with its code."""
    async with database_of(request).transaction() as conn:
        view = await find_manifest(conn, mid)
    return HTMLResponse(render_page(view), headers=page_headers())
