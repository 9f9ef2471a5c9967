"""A number as a bar code: its modules, and these as SVG or PNG."""

from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from itertools import groupby
from typing import TYPE_CHECKING, cast

import zxingcpp
from PIL import Image

from channel_manager.errors import InvalidInput, Problem
from channel_manager.manifests.view import CodeFormat

if TYPE_CHECKING:
    from typing_extensions import Buffer

_FORMATS = {
    CodeFormat.QR: zxingcpp.BarcodeFormat.QRCode,
    CodeFormat.CODE128: zxingcpp.BarcodeFormat.Code128,
    CodeFormat.AZTEC: zxingcpp.BarcodeFormat.Aztec,
    CodeFormat.DATAMATRIX: zxingcpp.BarcodeFormat.DataMatrix,
}
# In modules. ISO asks 4 of QR, 10 of Code 128, 1 of Data Matrix and none of Aztec; phone
# cameras find the last two better with a little more.
_QUIET = {
    CodeFormat.QR: 4,
    CodeFormat.CODE128: 10,
    CodeFormat.AZTEC: 3,
    CodeFormat.DATAMATRIX: 3,
}
_BAR_HEIGHT = 60  # of Code 128, in modules


@dataclass(frozen=True)
class Symbol:
    """A bar code as rows of modules, True for dark, and the quiet zone it needs around it."""

    rows: tuple[tuple[bool, ...], ...]
    quiet: int

    @property
    def width(self) -> int:
        """In modules, with the quiet zone."""
        return len(self.rows[0]) + 2 * self.quiet

    @property
    def height(self) -> int:
        """In modules, with the quiet zone."""
        return len(self.rows) + 2 * self.quiet

    @cached_property
    def path(self) -> str:
        """The dark modules as SVG path data, one stroke for each run of equal rows."""
        strokes: list[str] = []
        y = self.quiet
        for row, equal in groupby(self.rows):
            height = len(list(equal))
            strokes.append(_runs(row, self.quiet, y, height))
            y += height
        return "".join(strokes)

    def svg(self) -> str:
        """A picture that scales: black on white whatever surrounds it."""
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
            f'width="{self.width}" height="{self.height}" shape-rendering="crispEdges">'
            f'<path fill="#fff" d="M0 0h{self.width}v{self.height}H0z"/>'
            f'<path d="{self.path}"/></svg>'
        )

    def image(self, scale: int = 8) -> Image.Image:
        """A bitmap, `scale` pixels to the module."""
        image = Image.new("L", (self.width, self.height), 255)
        for y, row in enumerate(self.rows, self.quiet):
            for x, dark in enumerate(row, self.quiet):
                if dark:
                    image.putpixel((x, y), 0)
        size = (self.width * scale, self.height * scale)
        return image.resize(size, Image.Resampling.NEAREST)

    def png(self, scale: int = 8) -> bytes:
        """The bitmap as a PNG file."""
        file = BytesIO()
        self.image(scale).convert("1").save(file, "PNG", optimize=True)
        return file.getvalue()


def symbol(number: str, code_format: CodeFormat) -> Symbol:
    """The number as a bar code, which reads back as exactly this text.

    Raises InvalidInput where the format can't hold the number (Code 128: Latin-1 only).
    """
    try:
        barcode = zxingcpp.create_barcode(number, _FORMATS[code_format])
    except ValueError as refusal:
        raise InvalidInput.of([_unfit(number, code_format)]) from refusal
    rows = _rows(barcode)
    if code_format is CodeFormat.CODE128:
        rows = rows[:1] * _BAR_HEIGHT
    return Symbol(rows, _QUIET[code_format])


def _rows(barcode: zxingcpp.Barcode) -> tuple[tuple[bool, ...], ...]:
    picture = barcode.to_image(scale=1, add_quiet_zones=False)
    _, width = picture.shape
    # zxing-cpp types its images as such and not as the buffers that they are.
    pixels = bytes(cast("Buffer", picture))
    return tuple(
        tuple(value == 0 for value in pixels[start : start + width])
        for start in range(0, len(pixels), width)
    )


def _runs(row: tuple[bool, ...], x: int, y: int, height: int) -> str:
    strokes: list[str] = []
    for dark, equal in groupby(row):
        width = len(list(equal))
        if dark:
            strokes.append(f"M{x} {y}h{width}v{height}h-{width}z")
        x += width
    return "".join(strokes)


def _unfit(number: str, code_format: CodeFormat) -> Problem:
    return Problem(
        "referenceNumber",
        f"{number!r} can't be drawn as {code_format}; use letters, digits and - only, "
        "or the format qr",
    )
