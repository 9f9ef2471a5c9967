"""Codes in a still picture, for gates whose browser can't read codes by itself. Pure."""

import asyncio
from io import BytesIO

import zxingcpp
from PIL import Image

from channel_manager.errors import InvalidInput, Problem, TooLarge

MAX_BYTES = 500_000
MAX_PIXELS = 4_000_000
_FORMATS = zxingcpp.BarcodeFormats(
    [
        zxingcpp.BarcodeFormat.QRCode,
        zxingcpp.BarcodeFormat.Code128,
        zxingcpp.BarcodeFormat.Aztec,
        zxingcpp.BarcodeFormat.DataMatrix,
    ]
)
# Reading takes some milliseconds of processor time, outside Python's own lock: so many pictures
# at once leave the rest of the process free.
_AT_ONCE = 2
_turns = asyncio.Semaphore(_AT_ONCE)


async def read_codes(picture: bytes) -> list[str]:
    """The texts of all codes in a JPEG or PNG, each once; none where there is nothing to read.

    Errors: `TooLarge` and `InvalidInput`, before anything is decoded that is too large.
    """
    if len(picture) > MAX_BYTES:
        raise TooLarge(f"The picture is over {MAX_BYTES} bytes; send a smaller one.")
    async with _turns:
        return await asyncio.to_thread(_read, picture)


def _read(picture: bytes) -> list[str]:
    found = zxingcpp.read_barcodes(
        _grey(picture), formats=_FORMATS, text_mode=zxingcpp.TextMode.Plain
    )
    return list(dict.fromkeys(code.text for code in found if code.text))


def _grey(picture: bytes) -> Image.Image:
    try:
        with Image.open(BytesIO(picture), formats=("JPEG", "PNG")) as image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise _unfit(f"is {width} × {height}; send at most {MAX_PIXELS} pixels")
            return image.convert("L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        raise _unfit("is not a whole JPEG or PNG") from None


def _unfit(why: str) -> InvalidInput:
    return InvalidInput.of([Problem("body", why)])
