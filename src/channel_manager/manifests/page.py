"""The guest's page: HTML that needs no script and fetches nothing from anybody."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from channel_manager.manifests import colour
from channel_manager.manifests.codes import Symbol
from channel_manager.manifests.presentation import present
from channel_manager.manifests.view import ManifestView, VenueView
from channel_manager.manifests.wording import wording

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses that the page leads to, and its logo's; what is empty is not offered.

    `wallets` has the address of a guest's own page by its `wallet_page_id`.
    """

    pdf: str = ""
    calendar: str = ""
    logo: str = ""
    wallets: Mapping[str, str] = field(default_factory=dict)


def render_page(view: ManifestView, *, links: Links | None = None) -> str:
    """The page, whole. Send it with the headers that `page_headers` gives for the same view."""
    return (
        _environment()
        .get_template("manifest.html")
        .render(
            page=present(view),
            links=links or Links(),
            styles=_styles(view.venue),
            accent=colour.accents(view.venue.colour)[0],
        )
    )


def render_missing(language: str) -> str:
    """What a guest is told where there is no such page. Send it with `page_headers()`."""
    words = wording(language)
    return (
        _environment()
        .get_template("missing.html")
        .render(
            language=words.tag,
            direction=words.direction,
            title=words.text("There is no such page"),
            text=words.text(
                "The address is not whole, or the tickets were replaced by others. "
                "If you did not expect this, contact the company you booked with."
            ),
            styles=_styles(None),
        )
    )


def page_headers(view: ManifestView | None = None) -> dict[str, str]:
    """What the browser is told: run no script, load nothing, tell nobody the address.

    The policy allows the page's style sheets by their hashes. The venue's colour is one of them,
    so that without the view the page comes in the default colour.
    """
    styles = " ".join(_hash(style) for style in _styles(view.venue if view else None))
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "; ".join(
            (
                "default-src 'none'",
                f"style-src {styles}",
                "img-src 'self' data:",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            )
        ),
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex, nofollow",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-cache",
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["picture"] = _picture
    return environment


def _styles(venue: VenueView | None) -> tuple[Markup, ...]:
    """The page's own style sheet, and the venue's colour where it has one."""
    own = Markup(_style_sheet())  # noqa: S704 - a file of ours
    if venue is None or venue.colour is None:
        return (own,)
    light, dark = colour.accents(venue.colour)
    # Only `#rrggbb` comes out of `accents`, whatever went in.
    return own, Markup(":root{{--venue-light:{};--venue-dark:{}}}").format(light, dark)


@cache
def _style_sheet() -> str:
    text = (TEMPLATES / "manifest.css").read_text(encoding="utf-8")
    return re.sub(r"\s*\n\s*", "\n", text).strip()


def _hash(style: str) -> str:
    return f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'"


def _picture(symbol: Symbol) -> str:
    """As an image and not inline: browsers that darken pages by force leave images alone."""
    return f"data:image/svg+xml;base64,{b64encode(symbol.svg().encode()).decode()}"
