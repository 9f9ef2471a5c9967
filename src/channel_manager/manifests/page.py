"""The guest's page as HTML."""

from jinja2 import Environment, PackageLoader, select_autoescape
from markupsafe import Markup

from channel_manager.languages import to_bcp47
from channel_manager.manifests.codes import symbol
from channel_manager.manifests.view import CodeFormat, ManifestView

_templates = Environment(
    loader=PackageLoader("channel_manager.manifests"),
    autoescape=select_autoescape(default=True, default_for_string=True),
    trim_blocks=True,
    lstrip_blocks=True,
)


def render_page(view: ManifestView) -> str:
    """The page of an order, or of one wallet of it."""
    return _templates.get_template("manifest.html").render(
        view=view, language=to_bcp47(view.language), draw_code=draw_code
    )


def draw_code(number: str, code_format: CodeFormat) -> Markup:
    """The code as SVG; our own drawing, so it goes into the page as it is."""
    return Markup(symbol(number, code_format).svg())  # noqa: S704 - drawn by us from a checked number


def page_headers() -> dict[str, str]:
    """Nothing from elsewhere, no script, in no index, and the address told to nobody."""
    return {
        "Content-Security-Policy": "default-src 'none'; img-src data:; style-src 'unsafe-inline'",
        "Referrer-Policy": "no-referrer",
        "X-Robots-Tag": "noindex",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, no-store",
    }
