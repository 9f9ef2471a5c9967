"""Venue files: uploading one, seeing what it would change, having it applied."""

from collections.abc import Callable
from uuid import UUID

from fastapi import Request, Response, UploadFile

from channel_manager.access.route import database_of
from channel_manager.console.catalogue_page import CATALOGUE
from channel_manager.console.rendering import page, see_other, wording_of
from channel_manager.console.roles import Role
from channel_manager.console.route import CurrentVisit, console_router, needs_role
from channel_manager.errors import InvalidInput
from channel_manager.venue_uploads import service as uploads

FILES = f"{CATALOGUE}/files"
MOST_SHOWN = 200
router = console_router("/catalogue")
SETS_UP = needs_role(Role.ADMIN)


@router.get("/files", openapi_extra=SETS_UP)
async def show(request: Request, visit: CurrentVisit) -> Response:
    """The form, and what was uploaded before."""
    return await _files(request, visit)


@router.post("", openapi_extra=SETS_UP)
async def upload(request: Request, visit: CurrentVisit, venue: UploadFile) -> Response:
    """Check a file, and keep it with what it would change."""
    database = database_of(request)
    content = await venue.read(uploads.MAX_FILE_BYTES + 1)
    try:
        checked = await uploads.check_file(database, visit.company, content)
    except InvalidInput as error:
        return await _files(request, visit, error)
    async with database.transaction() as conn:
        upload_id = await uploads.keep_upload(conn, visit.access, venue.filename or "", checked)
    return see_other(f"{FILES}/{upload_id}")


@router.get("/files/{upload_id}", openapi_extra=SETS_UP)
async def show_one(request: Request, visit: CurrentVisit, upload_id: UUID) -> Response:
    """What it would change, how far its import is, or what became of it."""
    async with database_of(request).read() as conn:
        found = await uploads.show_upload(conn, visit.company.company_id, upload_id, MOST_SHOWN)
    differences = uploads.read_told(found.differences)
    text = wording_of(request).text
    return page(
        request,
        "catalogue_upload.html",
        upload=found,
        differences=differences,
        more=found.told_count - len(differences),
        states=_states(text),
        steps=_steps(text),
        kinds=_kinds(text),
        lists=_lists(text),
        is_under_way=found.state in ("queued", "running"),
    )


@router.post("/files/{upload_id}/apply", openapi_extra=SETS_UP)
async def apply(request: Request, visit: CurrentVisit, upload_id: UUID) -> Response:
    """Have a worker import it."""
    async with database_of(request).transaction() as conn:
        await uploads.apply_upload(conn, visit.access, upload_id)
    return see_other(f"{FILES}/{upload_id}", done="upload-queued")


@router.post("/files/{upload_id}/check", openapi_extra=SETS_UP)
async def check(request: Request, visit: CurrentVisit, upload_id: UUID) -> Response:
    """Compare it with the venue as it is now."""
    await uploads.check_again(database_of(request), visit.access, upload_id)
    return see_other(f"{FILES}/{upload_id}", done="upload-checked")


@router.post("/files/{upload_id}/discard", openapi_extra=SETS_UP)
async def discard(request: Request, visit: CurrentVisit, upload_id: UUID) -> Response:
    """Don't apply it."""
    async with database_of(request).transaction() as conn:
        await uploads.discard_upload(conn, visit.access, upload_id)
    return see_other(FILES, done="upload-discarded")


async def _files(
    request: Request, visit: CurrentVisit, error: InvalidInput | None = None
) -> Response:
    async with database_of(request).read() as conn:
        found = await uploads.list_uploads(conn, visit.company.company_id)
    return page(
        request,
        "catalogue_files.html",
        status=error.status if error else 200,
        uploads=found,
        problems=error.problems if error else (),
        states=_states(wording_of(request).text),
        megabytes=uploads.MAX_FILE_BYTES // 1024**2,
    )


def _states(_: Callable[[str], str]) -> dict[str, str]:
    return {
        "checked": _("checked"),
        "queued": _("waiting for a worker"),
        "running": _("being imported"),
        "applied": _("applied"),
        "failed": _("failed"),
        "discarded": _("discarded"),
    }


def _steps(_: Callable[[str], str]) -> dict[str, str]:
    return {
        "": _("Waiting for a worker"),
        "reading": _("Reading the file"),
        "writing": _("Writing the venue"),
        "finishing": _("Finishing"),
    }


def _kinds(_: Callable[[str], str]) -> dict[str, str]:
    return {
        "added": _("added"),
        "changed": _("changed"),
        "removed": _("removed"),
        "kept": _("not in the file, but never removed"),
    }


def _lists(_: Callable[[str], str]) -> dict[str, str]:
    return {
        "company": _("Company"),
        "partners": _("Partner"),
        "admissions": _("Place"),
        "stores": _("Store"),
        "ticket_types": _("Ticket type"),
        "coupon_types": _("Coupon type"),
        "items": _("Item"),
        "price_rules": _("Price rule"),
    }
