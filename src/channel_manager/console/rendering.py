"""Drawing pages: the templates in a language, and the headers that every page goes with."""

from collections.abc import Callable, Mapping
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import orjson
from babel import Locale
from fastapi import Request, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from channel_manager.catalogues import CONSOLE, asked_for, languages
from channel_manager.console.notes import NOTES
from channel_manager.console.roles import Role
from channel_manager.console.sessions import Visit
from channel_manager.console.wording import ConsoleWording, console_wording

SESSION_COOKIE = "console_session"
LANGUAGE_COOKIE = "console_language"
ROOT = "/console"

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self';"
    " connect-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none';"
    " base-uri 'none'",
    # A form's page is told to the form's own address, so that an error can lead back to it.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
    "Cache-Control": "no-store",
}
STATIC_TYPES = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "console.svg": "image/svg+xml",
}


def page(
    request: Request,
    template: str,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    **values: Any,  # noqa: ANN401 - whatever the template shows
) -> Response:
    """A page for whoever is signed in, or for a stranger."""
    words = wording_of(request)
    visit: Visit | None = getattr(request.state, "visit", None)
    html = (
        _environment(words.language)
        .get_template(template)
        .render(
            visit=visit,
            words=words,
            csrf=getattr(request.state, "csrf", ""),
            companies=getattr(request.state, "companies", ()),
            path=request.url.path,
            note=NOTES.get(request.query_params.get("done", "")),
            may=_may(visit),
            static=_static_version,
            choices=choices(),
            by_openid=request.app.state.openid is not None,
            link=link,
            **values,
        )
    )
    return Response(
        html,
        status,
        {**HEADERS, "Content-Language": words.language, **(headers or {})},
        media_type="text/html; charset=utf-8",
    )


def see_other(path: str, done: str = "", **query: str) -> Response:
    """To another page after something was done; `done` names a note that it shows."""
    return Response(
        None, 303, {**HEADERS, "Location": link(path, **query, **({"done": done} if done else {}))}
    )


def link(path: str, **query: Any) -> str:  # noqa: ANN401 - whatever can be written
    """An address with a query; what is empty is left out."""
    pairs = [
        (name, part)
        for name, value in query.items()
        for part in (value if isinstance(value, list | tuple | set | frozenset) else [value])
        if part not in (None, "")
    ]
    return f"{path}?{urlencode(pairs)}" if pairs else path


def static_file(name: str) -> Response:
    """A script, style or icon of the pages. Errors: `KeyError`."""
    headers = {**HEADERS, "Cache-Control": "max-age=31536000, immutable"}
    return Response(_content(name), media_type=STATIC_TYPES[name], headers=headers)


def wording_of(request: Request) -> ConsoleWording:
    """In the visitor's language, else the one chosen before signing in, else the browser's."""
    visit: Visit | None = getattr(request.state, "visit", None)
    wanted = (visit.language if visit else "") or request.cookies.get(LANGUAGE_COOKIE, "")
    if wanted not in languages(CONSOLE):
        wanted = asked_for(request.headers.get("accept-language", ""), CONSOLE)
    return console_wording(wanted, visit.company.zone if visit else ZoneInfo("UTC"))


@cache
def choices() -> tuple[tuple[str, str], ...]:
    """The console's languages: code, and its own name for itself."""
    codes = sorted(languages(CONSOLE))
    return tuple((code, Locale(code).get_display_name(code) or code) for code in codes)


def _pages(_: Callable[[str], str]) -> list[tuple[str, str, Role]]:
    """The pages to choose from: address, name, who may look at them."""
    return [
        (ROOT, _("Today"), Role.VIEWER),
        (f"{ROOT}/orders", _("Orders"), Role.VIEWER),
        (f"{ROOT}/slots", _("Time slots"), Role.VIEWER),
        (f"{ROOT}/partners", _("Partners"), Role.VIEWER),
        (f"{ROOT}/webhooks", _("Webhooks"), Role.VIEWER),
        (f"{ROOT}/catalogue", _("Catalogue"), Role.VIEWER),
        (f"{ROOT}/people", _("People"), Role.ADMIN),
        (f"{ROOT}/audit", _("Audit trail"), Role.ADMIN),
    ]


def _role_names(_: Callable[[str], str]) -> dict[Role, str]:
    return {
        Role.VIEWER: _("viewer"),
        Role.OPERATOR: _("operator"),
        Role.ADMIN: _("admin"),
    }


def _may(visit: Visit | None) -> Mapping[str, bool]:
    return {str(role): visit is not None and visit.role.includes(role) for role in Role}


def _as_text(body: bytes) -> str:
    """A body for people to read: JSON over several lines, anything else as it came."""
    try:
        return orjson.dumps(orjson.loads(body), option=orjson.OPT_INDENT_2).decode()
    except ValueError:
        return body.decode("utf-8", "replace")


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("channel_manager.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n", "jinja2.ext.loopcontrols"],
    )
    catalogue = console_wording(language, ZoneInfo("UTC")).catalogue
    environment.globals["pages"] = lambda: _pages(catalogue.gettext)
    environment.filters["as_text"] = _as_text
    environment.globals["role_names"] = lambda: _role_names(catalogue.gettext)
    # The extension adds this, which its types don't tell.
    environment.install_gettext_translations(catalogue, newstyle=True)  # type: ignore[attr-defined]
    return environment


@cache
def _content(name: str) -> bytes:
    return files("channel_manager.console").joinpath("static", name).read_bytes()


@cache
def _static_version(name: str) -> str:
    """The address of a static file, which changes with its content."""
    return f"{ROOT}/static/{name}?v={sha256(_content(name)).hexdigest()[:12]}"
