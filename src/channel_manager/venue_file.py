"""The venue file: all that a company sells and to whom, in one YAML document."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from channel_manager.capacity.venue import AdmissionSection
from channel_manager.venue_checks import contradictions
from channel_manager.venue_sections import (
    CompanySection,
    CouponTypeSection,
    ItemSection,
    PartnerSection,
    PriceRuleSection,
    StoreSection,
    TicketTypeSection,
)
from channel_manager.venue_types import Section
from channel_manager.venue_yaml import Document, Fault, Place, read_yaml


class VenueFileError(Exception):
    """The file can't be imported; nothing was written. Names each line and what is wrong there."""

    def __init__(self, name: str, faults: list[Fault]) -> None:
        self.name = name
        self.faults = sorted(faults, key=lambda fault: fault.line)
        super().__init__("\n".join(f"{name}:{f.line}: {f.message}" for f in self.faults))


class VenueFile(Section):
    """All that a company sells and to whom: the input of `channel-manager import`."""

    company: CompanySection
    """Who sells."""
    partners: list[PartnerSection] = []
    """Who sells for it."""
    admissions: list[AdmissionSection] = []
    """The places that items admit to, with their time slots and capacity."""
    stores: list[StoreSection] = []
    """The lists of items that partners may be shown."""
    ticket_types: list[TicketTypeSection] = []
    """How tickets are numbered and used."""
    coupon_types: list[CouponTypeSection] = []
    """How coupons are numbered and used, and what they give."""
    items: list[ItemSection] = []
    """What is sold."""
    price_rules: list[PriceRuleSection] = []
    """When prices differ from the items' own: seasons, weekdays, slots, days booked ahead."""


def read_venue_file(text: str, name: str, folder: Path | None = None) -> VenueFile:
    """Parse and check a venue file as a whole. Errors: `VenueFileError` with every fault.

    Pictures that it names are read from `folder`; without one it can't name any.
    """
    document = read_yaml(text)
    if document.faults:
        raise VenueFileError(name, document.faults)
    try:
        venue = VenueFile.model_validate(document.value, context={"folder": folder})
    except ValidationError as error:
        raise VenueFileError(name, _faults(error, document)) from None
    faults = list(_located(contradictions(venue), document))
    if faults:
        raise VenueFileError(name, faults)
    return venue


def venue_schema() -> dict[str, Any]:
    """The JSON Schema of a venue file, for editors and other programs."""
    made = VenueFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | made | {"title": "Venue"}


def _located(found: Iterable[tuple[Place, str]], document: Document) -> Iterable[Fault]:
    for place, message in found:
        yield Fault(document.line_of(place), f"{_dotted(place)}: {message}")


def _faults(error: ValidationError, document: Document) -> list[Fault]:
    return [
        Fault(
            document.line_of(found["loc"]),
            f"{_dotted(found['loc'])}: {found['msg'].removeprefix('Value error, ')}",
        )
        for found in error.errors()
    ]


def _dotted(place: Place) -> str:
    path = ""
    for part in place:
        path += f"[{part}]" if isinstance(part, int) else f".{part}"
    return path.lstrip(".") or "the file"
