"""The design sections of a venue file: what guests see of the venue."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo

from channel_manager.designs.pictures import Picture, check_picture, picture_of
from channel_manager.venue_types import Section

if TYPE_CHECKING:
    from pathlib import Path

_DATA = "data:"


def _logo(value: str, info: ValidationInfo) -> str:
    """A file's name or a `data:` address, as a `data:` address of a picture that was checked."""
    if value.startswith(_DATA):
        return picture_of(value).text
    folder: Path | None = (info.context or {}).get("folder")
    if folder is None:
        raise ValueError(f"{value[:100]}: only a data: address can be read here, not a file")
    path = folder / value
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ValueError(f"{value[:100]} can't be read beside the venue file: {why}") from None
    try:
        return check_picture(content).text
    except ValueError as error:
        raise ValueError(f"{value[:100]} {error}") from None


CodeFormatName = Literal["qr", "code128", "aztec", "datamatrix"]
AddressLine = Annotated[str, Field(min_length=1, max_length=100)]


class DesignSection(Section):
    """What guests see of the venue. A partner's says it for its guests; else the company's does."""

    name: Annotated[str, Field(max_length=100)] | None = None
    """The venue's name; the company's where it is left out."""
    address: Annotated[list[AddressLine], Field(max_length=5)] | None = None
    """Where it is, in up to five lines."""
    colour: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] | None = None
    """The page's colour, as #RRGGBB."""
    logo: Annotated[str, AfterValidator(_logo)] | None = None
    """A PNG or JPEG of at most 200,000 bytes: a file beside this one, or a data: address."""
    code_format: CodeFormatName | None = None
    """How ticket and coupon numbers are drawn; qr where neither this nor an item says it."""

    @property
    def picture(self) -> Picture | None:
        """The logo itself."""
        return None if self.logo is None else picture_of(self.logo)
