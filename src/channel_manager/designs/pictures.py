"""A venue's logo: which pictures are taken, and how one is written as text. Pure."""

import warnings
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO

from PIL import Image

MAX_BYTES = 200_000
MAX_SIDE = 4_000
_TYPES = {"PNG": "image/png", "JPEG": "image/jpeg"}
_KINDS = "save it as PNG or JPEG"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was checked: what it is, byte for byte, and its media type."""

    content: bytes
    mime: str

    @property
    def digest(self) -> str:
        """What it is found by: the SHA-256 of its bytes."""
        return sha256(self.content).hexdigest()

    @property
    def text(self) -> str:
        """It as a `data:` address, so that a venue file can hold it whole."""
        return f"data:{self.mime};base64,{b64encode(self.content).decode()}"


def check_picture(content: bytes) -> Picture:
    """These bytes as a picture. Errors: `ValueError` with what is wrong and what to do.

    SVG is refused: it is a program that the guest's browser would run under our address.
    """
    if len(content) > MAX_BYTES:
        raise ValueError(f"is {len(content):,} bytes; {MAX_BYTES:,} are taken, so make it smaller")
    if b"<svg" in content[:1_000].lower():
        raise ValueError(f"is an SVG, which can carry a program; {_KINDS}")
    try:
        return Picture(content, _decoded(content))
    except (OSError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise ValueError(f"is not a whole picture; {_KINDS}") from None


def picture_of(text: str) -> Picture:
    """The picture in a `data:` address. Errors: `ValueError` as above."""
    head, _, body = text.partition(",")
    if not head.endswith(";base64"):
        raise ValueError("a data: address must be base64, like data:image/png;base64,…")
    try:
        content = b64decode("".join(body.split()), validate=True)
    except ValueError:
        raise ValueError("its data: address is not base64") from None
    return check_picture(content)


def _decoded(content: bytes) -> str:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Only these decoders are asked, whatever the bytes claim to be.
        with Image.open(BytesIO(content), formats=tuple(_TYPES)) as image:
            if max(image.size) > MAX_SIDE:
                width, height = image.size
                raise ValueError(f"is {width} × {height}; at most {MAX_SIDE} a side are taken")
            image.load()
            return _TYPES[str(image.format)]
