"""The manifest on paper: an A4 page for each ticket, or several to a page.

What is said comes from `presentation`, as on the page; what a guest or venue wrote reaches the
typesetter as JSON data and never as markup.
"""

import json
import unicodedata
from functools import cache
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import typst

from channel_manager.designs.pictures import Picture
from channel_manager.languages import babel_locale, is_known
from channel_manager.manifests import colour
from channel_manager.manifests.presentation import Guest, Presentation, Ticket, present
from channel_manager.manifests.view import AssetState, ManifestView

Layout = Literal["ticket", "compact"]

_TEMPLATE = Path(__file__).parent / "templates" / "manifest.typ"
_FONT_PACKAGES = ("manimgx_fonts", "manimgx_fonts_cjk")
_CJK = {
    "ja": "Noto Sans CJK JP",
    "ko": "Noto Sans CJK KR",
    "zh_Hant": "Noto Sans CJK TC",
    "": "Noto Sans CJK SC",
}
_LOGO_FORMATS = {"image/png": "png", "image/jpeg": "jpg"}
_WIDE = 1.5  # a code this much wider than high is a linear one
# A compiler keeps its fonts and its last document: one at a time may use it.
_ONE_AT_A_TIME = Lock()


def render_pdf(
    view: ManifestView, *, layout: Layout = "ticket", logo: Picture | None = None
) -> bytes:
    """The manifest as a PDF; any text can be set, one without a glyph as a box.

    Takes tens of milliseconds of processor time: call it in a thread. A logo that can't be read
    is left out.
    """
    page = present(view)
    document = _document(view, page, layout)
    try:
        return _typeset(document | {"logo": _logo(logo)})
    except typst.TypstError:
        if logo is None:
            raise
        return _typeset(document | {"logo": None})


def _typeset(document: dict[str, Any]) -> bytes:
    inputs = {"manifest": json.dumps(document, ensure_ascii=False)}
    with _ONE_AT_A_TIME:
        pdf = _compiler().compile(format="pdf", sys_inputs=inputs)
    if not isinstance(pdf, bytes):
        raise TypeError("the typesetter gave pages instead of one PDF")
    return pdf


@cache
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(
        include_system_fonts=False,
        font_paths=[str(files(package)) for package in _FONT_PACKAGES],
    )
    return typst.Compiler(_TEMPLATE, root=_TEMPLATE.parent, font_paths=fonts)


def _document(view: ManifestView, page: Presentation, layout: Layout) -> dict[str, Any]:
    return {
        "layout": layout,
        "title": f"{page.labels.title} – {view.venue.name}",
        "language": page.language.partition("-")[0],
        "direction": page.direction,
        "fonts": _fonts(view.language),
        "accent": colour.accents(view.venue.colour)[0],
        "labels": {
            name: getattr(page.labels, name)
            for name in ("order", "booking", "date", "time", "instructions")
        },
        "notice": page.notice and {"title": page.notice.title, "text": page.notice.text},
        "venue": _written(view.venue.name),
        "address": _written(" · ".join(view.venue.address)) if view.venue.address else None,
        "order": _written(page.order_reference),
        "booking": _written(page.partner_reference),
        "tickets": [
            _ticket(page, guest, ticket) for guest in page.guests for ticket in guest.tickets
        ],
    }


def _fonts(language: str) -> list[str]:
    """Chinese characters look different in Japan, Korea and Taiwan: the order's language tells."""
    locale = babel_locale(language) if is_known(language) else None
    names = [f"{locale.language}_{locale.script}", locale.language] if locale else []
    cjk = next((_CJK[name] for name in names if name in _CJK), _CJK[""])
    scripts = (name for name in _families() if name.startswith("Noto Sans ") and "CJK" not in name)
    return ["Noto Sans", *sorted(scripts), cjk, "Noto Emoji"]


@cache
def _families() -> tuple[str, ...]:
    fonts = typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(files(package)) for package in _FONT_PACKAGES],
    )
    return tuple(fonts.families())


def _ticket(page: Presentation, guest: Guest, ticket: Ticket) -> dict[str, Any]:
    labels, symbol = page.labels, ticket.symbol
    facts = (
        (labels.guest, guest.name),
        (labels.admits, ticket.admits),
        (labels.venue, page.venue.name),
        (labels.wallet, guest.reference),
        (labels.external, guest.external),
    )
    shown = ticket.description
    return {
        "kind": ticket.kind,
        "badge": ticket.badge,
        "detail": ticket.detail,
        "cancelled": ticket.state is AssetState.CANCELLED,
        "description": _written(shown),
        "item": _written(guest.item) if guest.item != shown else None,
        "position": guest.position,
        "number_label": ticket.number_label,
        "number": ticket.number,
        "svg": symbol and symbol.svg(),
        "wide": bool(symbol and symbol.width > symbol.height * _WIDE),
        "alt": ticket.alt,
        "date": ticket.date,
        "time": ticket.time,
        "zone": ticket.zone,
        "facts": [
            {"label": label, "value": _written(value)} for label, value in facts if value.strip()
        ],
    }


def _written(text: str) -> dict[str, Any]:
    """Text that people wrote, on one line, in the direction of its first letter that has one."""
    text = " ".join(text.split())
    strong = (kind for kind in map(unicodedata.bidirectional, text) if kind in {"L", "R", "AL"})
    return {"text": text, "rtl": next(strong, "L") != "L"}


def _logo(logo: Picture | None) -> dict[str, Any] | None:
    if logo is None:
        return None
    return {"content": list(logo.content), "format": _LOGO_FORMATS[logo.mime]}
