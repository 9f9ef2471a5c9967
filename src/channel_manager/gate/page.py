"""The page that staff open on a phone or tablet at the gate. It calls the gate's own operations."""

from functools import cache
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from channel_manager.catalogues import asked_for, runs_right_to_left
from channel_manager.errors import NotFound
from channel_manager.gate.words import choices, page_words

router = APIRouter(prefix="/gate", include_in_schema=False)

_TYPES = {
    "gate.css": "text/css; charset=utf-8",
    "gate.js": "text/javascript; charset=utf-8",
    "gate.svg": "image/svg+xml",
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
async def gate_page(
    lang: Annotated[str, Query()] = "",
    accept_language: Annotated[str, Header()] = "",
) -> Response:
    """The page itself, in the language chosen on it or the browser's.

    It asks for the key, which it keeps for the tab alone.
    """
    language = asked_for(lang or accept_language)
    headers = _HEADERS | {"Content-Language": language, "Vary": "Accept-Language"}
    return Response(_page(language), media_type="text/html; charset=utf-8", headers=headers)


@router.get("/{name}")
async def gate_file(name: str) -> Response:
    """The page's script, style and icon."""
    if name not in _TYPES:
        raise NotFound("There is nothing at this address.")
    return Response(_content(name), media_type=_TYPES[name], headers=_HEADERS)


@cache
def _page(language: str) -> str:
    environment = Environment(
        loader=PackageLoader("channel_manager.gate"), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("gate.html").render(
        language=language,
        direction="rtl" if runs_right_to_left(language) else "ltr",
        words=page_words(language),
        choices=choices(),
    )


@cache
def _content(name: str) -> bytes:
    return files("channel_manager.gate").joinpath("static", name).read_bytes()
