"""The venue file: all that a company sells and to whom, in one YAML document."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from babel.numbers import list_currencies
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from channel_manager import languages, local_time
from channel_manager.capacity.venue import (
    AdmissionSection,
    ItemAdmissionSection,
    admission_contradictions,
)
from channel_manager.clock import system_clock
from channel_manager.issuance.numbers import NumberPattern
from channel_manager.venue_yaml import Document, Fault, Place, read_yaml


class VenueFileError(Exception):
    """The file can't be imported; nothing was written. Names each line and what is wrong there."""

    def __init__(self, name: str, faults: list[Fault]) -> None:
        self.name = name
        self.faults = sorted(faults, key=lambda fault: fault.line)
        super().__init__("\n".join(f"{name}:{f.line}: {f.message}" for f in self.faults))


def _zone(value: str) -> str:
    local_time.zone(value)
    return value


def _currency(value: str) -> str:
    if value not in list_currencies():
        raise ValueError("is not an ISO 4217 currency, such as DKK")
    return value


def _language(value: str) -> str:
    if not languages.is_known(value):
        raise ValueError("is not a known language code, such as ENU, DAN or da-DK")
    return value.upper()


def _pattern(value: str) -> str:
    NumberPattern.parse(value)
    return value


Code = Annotated[str, Field(min_length=1, max_length=50)]
Description = Annotated[str, Field(min_length=1, max_length=200)]
LanguageCode = Annotated[str, AfterValidator(_language)]
Translations = dict[LanguageCode, Description]
Pattern = Annotated[str, AfterValidator(_pattern)]
Amount = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=4)]
Percent = Annotated[Decimal, Field(ge=0, le=100, decimal_places=4)]


class Section(BaseModel):
    """A part of the file; its keys are in camelCase, and unknown ones are refused."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        alias_generator=to_camel, populate_by_name=False, extra="forbid", frozen=True
    )


class CompanySection(Section):
    """The company (domain: Company)."""

    tenant: UUID
    environment: Code
    name: Annotated[str, Field(min_length=1, max_length=100)]
    time_zone: Annotated[str, AfterValidator(_zone)]
    currency: Annotated[str, AfterValidator(_currency)]
    language: LanguageCode


class DesignSection(Section):
    """What the guest's page shows of the venue."""

    name: Annotated[str, Field(max_length=100)] | None = None
    colour: Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")] | None = None
    code_format: Literal["qr", "code128", "aztec", "datamatrix"] = "qr"


class PartnerSection(Section):
    """A partner (domain: Partner)."""

    id: UUID
    name: Annotated[str, Field(min_length=1, max_length=100)]
    active: bool = True
    hold_minutes: Annotated[int, Field(ge=0, le=527_040)] = 60
    order_reference_pattern: Pattern | None = None
    reject_unknown_fields: bool = False
    design: DesignSection = DesignSection()


class TicketTypeSection(Section):
    """A ticket type (domain: Ticket type)."""

    code: Code
    kind: Literal["individual", "group"] = "individual"
    number_pattern: Pattern
    entries: Literal["single", "once_a_day", "many"] = "single"
    valid_days: Annotated[int, Field(ge=1, le=3_660)] = 1


class PriceSection(Section):
    """What an item costs, in the company's currency."""

    amount: Amount
    includes_vat: bool = True
    vat_percent: Percent = Decimal(0)


class ItemSection(Section):
    """An item (domain: Item)."""

    number: Code
    description: Description
    translations: Translations = {}
    ticket_type: Code | None = None
    price: PriceSection | None = None
    sellable: bool = True
    stores: list[Code] = []
    admissions: list[ItemAdmissionSection] = []


class VenueFile(Section):
    """The whole file."""

    company: CompanySection
    partners: list[PartnerSection] = []
    ticket_types: list[TicketTypeSection] = []
    items: list[ItemSection] = []
    admissions: list[AdmissionSection] = []


def read_venue_file(text: str, name: str) -> VenueFile:
    """Parse and check a venue file as a whole. Errors: `VenueFileError` with every fault."""
    document = read_yaml(text)
    if document.faults:
        raise VenueFileError(name, document.faults)
    try:
        venue = VenueFile.model_validate(document.value)
    except ValidationError as error:
        raise VenueFileError(name, _faults(error, document)) from None
    faults = [
        Fault(document.line_of(place), f"{_dotted(place)}: {message}")
        for place, message in contradictions(venue)
    ]
    if faults:
        raise VenueFileError(name, faults)
    return venue


def contradictions(venue: VenueFile) -> Iterator[tuple[Place, str]]:
    """What each part allows by itself but the whole does not: repeats, and names of nothing."""
    yield from _repeats("partners", [partner.id for partner in venue.partners])
    yield from _repeats("ticketTypes", [kind.code for kind in venue.ticket_types])
    yield from _repeats("items", [item.number for item in venue.items])
    kinds = {kind.code for kind in venue.ticket_types}
    for index, item in enumerate(venue.items):
        if item.ticket_type is None:
            yield ("items", index), "name its ticketType"
        elif item.ticket_type not in kinds:
            yield ("items", index, "ticketType"), f"there is no ticket type {item.ticket_type}"
        if item.price is None:
            yield ("items", index), "give its price"
    uses: list[tuple[Place, ItemAdmissionSection]] = [
        (("items", index, "admissions", place), use)
        for index, item in enumerate(venue.items)
        for place, use in enumerate(item.admissions)
    ]
    today = local_time.today(local_time.zone(venue.company.time_zone), system_clock())
    yield from admission_contradictions(venue.admissions, uses, today)


def _repeats(section: str, codes: list[Any]) -> Iterator[tuple[Place, str]]:
    seen = Counter[Any]()
    for index, code in enumerate(codes):
        seen[code] += 1
        if seen[code] > 1:
            yield (section, index), f"{code} is given twice"


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
