"""Charts, drawn as SVG by pygal: one series in each, so that nothing is told by colour alone."""

import sys
from base64 import b64encode
from functools import lru_cache

import pygal
from pygal.style import Style

# It hangs a finder of plug-ins into Python's imports, of a kind that Python no longer knows.
sys.meta_path[:] = [
    finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)
]

_STYLE = Style(
    background="#ffffff",
    plot_background="#ffffff",
    colors=("#0b5c75",),
    font_family="system-ui, sans-serif",
    foreground="#16191b",
    foreground_strong="#16191b",
    foreground_subtle="#555c60",
    label_font_size=11,
    major_label_font_size=11,
    value_font_size=10,
)


@lru_cache(maxsize=256)
def bars(values: tuple[float, ...], labels: tuple[str, ...], printed: tuple[str, ...]) -> str:
    """A bar for each value with what is printed above it, as the address of a picture.

    Kept, since a page that renews itself shows the same one for a minute. An image and not part of
    the page: the page's policy lets no style but its own apply.
    """
    chart = pygal.Bar(
        style=_STYLE,
        width=560,
        height=200,
        margin=6,
        spacing=4,
        show_legend=False,
        show_y_labels=False,
        show_y_guides=False,
        print_values=True,
        print_values_position="top",
        x_labels=list(labels),
        range=(0, max([*values, 1]) * 1.15),
        js=[],
        disable_xml_declaration=True,
        no_prefix=True,
    )
    chart.add(
        "",
        [
            {"value": value, "formatter": lambda _, told=told: told}
            for value, told in zip(values, printed, strict=True)
        ],
    )
    picture = chart.render(is_unicode=True)
    return f"data:image/svg+xml;base64,{b64encode(picture.encode()).decode()}"
