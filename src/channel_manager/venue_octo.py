"""The venue file's `octo` part of an item: how it is sold by the trade's own API.

An item is a unit of OCTO. Items that differ by age or type are the units of one option, that of the
item whose variants they are; an option may be another one of an item's product.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, model_validator

from channel_manager.venue_types import Code, Description, Section, Translations
from channel_manager.venue_yaml import Place

if TYPE_CHECKING:
    from channel_manager.venue_sections import ItemSection

_DIFFERENT = (
    "{} and {} admit to different places or choose their slots differently; units of one option"
    " must not"
)
Found = Iterator[tuple[Place, str]]
UnitType = Literal[
    "ADULT",
    "YOUTH",
    "CHILD",
    "INFANT",
    "FAMILY",
    "SENIOR",
    "STUDENT",
    "MILITARY",
    "OTHER",
]
ContactField = Literal[
    "firstName",
    "lastName",
    "emailAddress",
    "phoneNumber",
    "country",
    "notes",
    "locales",
    "allowMarketing",
    "postalCode",
]
Age = Annotated[int, Field(ge=0, le=150)]
Units = Annotated[int, Field(ge=1, le=1_000)]
Text = Annotated[str, Field(min_length=1, max_length=5_000)]
Texts = Annotated[list[Description], Field(max_length=50)]
Url = Annotated[str, Field(pattern=r"^https://\S+$", max_length=2_000)]


class CutoffSection(Section):
    """How long before its start a confirmed booking can no longer be cancelled."""

    amount: Annotated[int, Field(ge=0, le=10_000)] = 0
    """So many of the unit; 0 is until the visit begins."""
    unit: Literal["minute", "hour", "day"] = "hour"
    """minute, hour or day."""


class OctoSection(Section):
    """How an item is sold by OCTO."""

    offered: bool = True
    """Whether it is sold by OCTO at all."""
    variant_of: Code | None = None
    """The item whose other units this is one of, as a child is beside an adult."""
    option_of: Code | None = None
    """The item to whose product this is another option, as a tour in another language is."""
    title: Description | None = None
    """What the product or option is called; the item's description where this is left out."""
    titles: Translations = {}
    """The title by language."""
    short_description: Description | None = None
    """The product or unit in a sentence."""
    description: Text | None = None
    """The product at length."""
    features: Texts = []
    """What is worth knowing of the product, a line each."""
    categories: Texts = []
    """Labels that resellers file the product under."""
    picture: Url | None = None
    """The address of the product's picture."""
    reference: Code | None = None
    """The venue's own code for it, as resellers are told it; none where this is left out."""
    unit_type: UnitType = "ADULT"
    """Who it is for."""
    min_age: Age = 0
    """The youngest guest."""
    max_age: Age = 100
    """The oldest guest."""
    id_required: bool = False
    """Whether the guest must show a document at the gate."""
    min_quantity: Units | None = None
    """The least of it in one booking that has any."""
    max_quantity: Units | None = None
    """The most of it in one booking."""
    pax_count: Units = 1
    """How many people it stands for."""
    accompanied_by: Annotated[list[Code], Field(max_length=20)] = []
    """Units of the same option one of which must be in the booking too."""
    min_units: Units = 1
    """The option's least number of units in a booking."""
    max_units: Units | None = None
    """The option's most units in a booking."""
    cancellation_cutoff: CutoffSection = CutoffSection()
    """Until when the option's bookings can be cancelled and changed, once confirmed."""
    required_contact_fields: list[ContactField] = []
    """What must be known of the guest when a booking of the option is confirmed."""

    @model_validator(mode="after")
    def _agrees(self) -> Self:
        if self.variant_of is not None and self.option_of is not None:
            raise ValueError("give variantOf or optionOf, not both")
        if self.min_age > self.max_age:
            raise ValueError(f"minAge {self.min_age} is over maxAge {self.max_age}")
        if self.min_quantity and self.max_quantity and self.min_quantity > self.max_quantity:
            raise ValueError("minQuantity is over maxQuantity")
        if self.max_units is not None and self.min_units > self.max_units:
            raise ValueError("minUnits is over maxUnits")
        return self


def octo_contradictions(items: Sequence["ItemSection"]) -> Found:
    """Variants and options of nothing, and units of one option that need different places."""
    known = {item.number: item for item in items}
    for index, item in enumerate(items):
        place: Place = ("items", index, "octo")
        octo = item.octo
        if octo.variant_of is not None:
            yield from _variant((*place, "variantOf"), item, known.get(octo.variant_of), known)
        if octo.option_of is not None:
            yield from _option((*place, "optionOf"), item, known.get(octo.option_of))
        head = octo.variant_of or item.number
        for position, number in enumerate(octo.accompanied_by):
            other = known.get(number)
            if other is None or (other.octo.variant_of or other.number) != head:
                yield (*place, "accompaniedBy", position), f"{number} is no unit of the same option"


def _variant(
    place: Place,
    item: "ItemSection",
    head: "ItemSection | None",
    known: Mapping[str, "ItemSection"],
) -> Found:
    if head is None or not head.sellable:
        yield place, f"there is no item {item.octo.variant_of} that is sold"
    elif head.octo.variant_of is not None or head is item:
        yield place, f"{head.number} is itself a variant; name the item that it is one of"
    elif _needs(head, known) != _needs(item, known):
        yield place, _DIFFERENT.format(item.number, head.number)


def _option(place: Place, item: "ItemSection", head: "ItemSection | None") -> Found:
    if head is None or not head.sellable:
        yield place, f"there is no item {item.octo.option_of} that is sold"
    elif head.octo.option_of is not None or head.octo.variant_of is not None or head is item:
        yield place, f"{head.number} doesn't head a product; name the item that does"


def _needs(item: "ItemSection", known: Mapping[str, "ItemSection"]) -> Counter[tuple[str, str]]:
    found = Counter[tuple[str, str]]()
    parts = (
        [(known.get(part.item), part.quantity) for part in item.package.components]
        if item.package
        else [(item, 1)]
    )
    for part, quantity in parts:
        for use in part.admissions if part else ():
            if use.slots != "none":
                found[use.code, use.slots] += quantity
    return found
