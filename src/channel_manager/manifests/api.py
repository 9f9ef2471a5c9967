"""The guest's page, and the same as PDF, calendar file and JSON (domain: Manifest).

The manifest id in the address is the guest's key; there is no other.
"""

import asyncio
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.responses import HTMLResponse

from channel_manager.access.route import database_of
from channel_manager.catalogues import asked_for
from channel_manager.designs.service import find_logo
from channel_manager.errors import NotFound
from channel_manager.manifests.as_json import manifest_as_json
from channel_manager.manifests.calendar import render_calendar
from channel_manager.manifests.page import Links, page_headers, render_missing, render_page
from channel_manager.manifests.pdf import render_pdf
from channel_manager.manifests.service import find_manifest
from channel_manager.manifests.view import ManifestView
from channel_manager.responses import json_reply, public

router = APIRouter(prefix="/wallets/manifest", tags=["Guests"])
logo_router = APIRouter(prefix="/wallets/logo", tags=["Guests"])
ManifestId = Annotated[str, Query(description="The id in manifestUrl.", max_length=100)]
# Whoever has the address may read it, so nobody in between keeps it or tells of it.
PRIVATE = {
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
}


@router.get(
    "",
    response_class=HTMLResponse,
    operation_id="getManifestPage",
    responses=public(400, 404, 503),
)
async def manifest_page(request: Request, mid: ManifestId = "") -> HTMLResponse:
    """The page of an order, or of one wallet: every ticket with its code."""
    try:
        view = await _find(request, mid)
    except NotFound:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        # A guest with a browser is told in words.
        language = asked_for(request.headers.get("accept-language", ""))
        return HTMLResponse(render_missing(language), 404, headers=page_headers())
    links = Links(
        pdf=f"/wallets/manifest/pdf?mid={mid}",
        calendar=f"/wallets/manifest/calendar?mid={mid}",
        logo=_logo_address(view),
        wallets={
            wallet.wallet_page_id: f"/wallets/manifest?mid={wallet.wallet_page_id}"
            for wallet in view.wallets
            if len(view.wallets) > 1
        },
    )
    return HTMLResponse(render_page(view, links=links), headers=page_headers(view))


def _logo_address(view: ManifestView) -> str:
    return view.venue.logo and f"/wallets/logo/{view.venue.logo}"


class PdfResponse(Response):
    """A PDF."""

    media_type = "application/pdf"


class CalendarResponse(Response):
    """A calendar file."""

    media_type = "text/calendar"


@router.get(
    "/pdf",
    response_class=PdfResponse,
    operation_id="getManifestPdf",
    responses=public(400, 404, 503),
)
async def manifest_pdf(
    request: Request, mid: ManifestId = "", layout: Literal["ticket", "compact"] = "ticket"
) -> Response:
    """The same as PDF, A4: a page for each ticket, or compact."""
    async with database_of(request).snapshot() as conn:
        view = await find_manifest(conn, mid, request.app.state.clock())
        logo = await find_logo(conn, view.venue.logo) if view.venue.logo else None
    # Drawing takes up to a second for a large order; other requests go on meanwhile.
    content = await asyncio.to_thread(render_pdf, view, layout=layout, logo=logo)
    name = f'attachment; filename="{view.order_reference}.pdf"'
    headers = PRIVATE | {"Content-Disposition": name}
    return PdfResponse(content, headers=headers)


@router.get(
    "/calendar",
    response_class=CalendarResponse,
    operation_id="getManifestCalendar",
    responses=public(400, 404, 503),
)
async def manifest_calendar(request: Request, mid: ManifestId = "") -> Response:
    """The visits as a calendar file."""
    view = await _find(request, mid)
    page = f"{request.app.state.public_url}/wallets/manifest?mid={mid}"
    content = render_calendar(view, now=request.app.state.clock(), page_url=page)
    name = f'attachment; filename="{view.order_reference}.ics"'
    headers = PRIVATE | {"Content-Disposition": name}
    return CalendarResponse(content, headers=headers)


@router.get("/json", operation_id="getManifestJson", responses=public(400, 404, 503))
async def manifest_json(request: Request, mid: ManifestId = "") -> Response:
    """The same as JSON, for partners who draw their own."""
    view = await _find(request, mid)
    address = _logo_address(view)
    logo_url = f"{request.app.state.public_url}{address}" if address else ""
    return json_reply(manifest_as_json(view, logo_url=logo_url), headers=PRIVATE)


class LogoResponse(Response):
    """A picture."""

    media_type = "image/png"


@logo_router.get(
    "/{digest}",
    response_class=LogoResponse,
    operation_id="getLogo",
    responses=public(400, 404, 503),
)
async def logo(
    request: Request, digest: Annotated[str, Path(pattern="^[0-9a-f]{64}$")]
) -> Response:
    """A venue's logo. Its address is its content's hash, so that it may be kept for ever."""
    async with database_of(request).read() as conn:
        picture = await find_logo(conn, digest)
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        # Partners who draw the page themselves show it from their own address.
        "Cross-Origin-Resource-Policy": "cross-origin",
    }
    return Response(picture.content, media_type=picture.mime, headers=headers)


async def _find(request: Request, mid: str) -> ManifestView:
    async with database_of(request).snapshot() as conn:
        return await find_manifest(conn, mid, request.app.state.clock())
