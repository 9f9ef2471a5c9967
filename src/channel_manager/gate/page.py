"""The page that staff open on a phone or tablet at the gate. It calls the gate's own operations."""

from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Response

from channel_manager.errors import NotFound

router = APIRouter(prefix="/gate", include_in_schema=False)

_TYPES = {
    "gate.html": "text/html; charset=utf-8",
    "gate.css": "text/css; charset=utf-8",
    "gate.js": "text/javascript; charset=utf-8",
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " connect-src 'self'; img-src 'self'; form-action 'none'; frame-ancestors 'none';"
    " base-uri 'none'",
    "Permissions-Policy": "camera=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex",
    "Cache-Control": "no-cache",
}


@router.get("")
async def gate_page() -> Response:
    """The page itself; it asks for the key, which it keeps for the tab alone."""
    return _file("gate.html")


@router.get("/{name}")
async def gate_file(name: str) -> Response:
    """The page's script and style."""
    if name not in _TYPES:
        raise NotFound("There is nothing at this address.")
    return _file(name)


def _file(name: str) -> Response:
    return Response(_content(name), media_type=_TYPES[name], headers=_HEADERS)


@cache
def _content(name: str) -> bytes:
    return files("channel_manager.gate").joinpath("static", name).read_bytes()
