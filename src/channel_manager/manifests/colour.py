"""The venue's colour, made legible: WCAG 2.2 contrast, on light and on dark."""

import re
from colorsys import hls_to_rgb, rgb_to_hls

DEFAULT = "#0b5c75"
LIGHT_SURFACE = "#ffffff"
DARK_SURFACE = "#1b2024"

_HEX = re.compile(r"#[0-9a-fA-F]{6}")
_ENOUGH = 4.5  # WCAG AA for text
_STEP = 0.01
_LINEAR_BELOW = 0.04045  # of sRGB


def accents(colour: str | None) -> tuple[str, str]:
    """The colour as used on light and on dark, moved only as far as text in it needs.

    Anything but `#RRGGBB` gives the default: what goes into the style sheet is never free text.
    """
    base = colour if colour and _HEX.fullmatch(colour) else DEFAULT
    return _moved(base, LIGHT_SURFACE, -_STEP), _moved(base, DARK_SURFACE, _STEP)


def contrast(one: str, other: str) -> float:
    """The contrast of two colours, 1 to 21, as WCAG defines it."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _moved(colour: str, surface: str, step: float) -> str:
    hue, lightness, saturation = rgb_to_hls(*_channels(colour))
    while contrast(colour, surface) < _ENOUGH:
        lightness = min(1.0, max(0.0, lightness + step))
        colour = _hex(hls_to_rgb(hue, lightness, saturation))
    return colour


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = bytes.fromhex(colour[1:])
    return red / 255, green / 255, blue / 255


def _hex(channels: tuple[float, float, float]) -> str:
    return "#" + bytes(round(channel * 255) for channel in channels).hex()


def _luminance(colour: str) -> float:
    red, green, blue = (
        c / 12.92 if c <= _LINEAR_BELOW else ((c + 0.055) / 1.055) ** 2.4 for c in _channels(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
