"""What an import would change, told in the words of the venue file. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from channel_manager.designs.pictures import picture_of
from channel_manager.venue_file import VenueFile
from channel_manager.venue_rows import KEPT, Kept
from channel_manager.venue_types import Section

Kind = Literal["added", "changed", "removed", "kept"]
SIGNS: Mapping[Kind, str] = {"added": "+", "changed": "~", "removed": "-", "kept": "="}


@dataclass(frozen=True, slots=True)
class Difference:
    """One entry that an import adds, changes or removes.

    `kept` is a partner that the file no longer names: its orders stay, and so does it.
    """

    kind: Kind
    # The list in the file, and the entry's key there; both are "company" for the company.
    name: str
    key: str
    # Old and new by the field's place: price.amount. Nothing for what is added or removed.
    fields: Mapping[str, tuple[str, str]]

    def lines(self) -> Iterator[str]:
        """It, as a person reads it."""
        note = "  (not in the file, but never removed)" if self.kind == "kept" else ""
        yield f"{SIGNS[self.kind]} {_alias(self.name)} {self.key}{note}".rstrip()
        for place, (old, new) in self.fields.items():
            yield f"    {place}: {old} → {new}"


def differences(old: VenueFile | None, new: VenueFile) -> list[Difference]:
    """What changes from what the database says (None: nothing yet) to what the file says."""
    found = list(_company(old, new))
    for kept in KEPT:
        found += _list(kept, _by_key(kept, old), _by_key(kept, new))
    return found


def _company(old: VenueFile | None, new: VenueFile) -> Iterator[Difference]:
    if old is None:
        yield Difference("added", "company", new.company.name, {})
    elif old.company != new.company:
        fields = _changes(old.company, new.company)
        yield Difference("changed", "company", new.company.name, fields)


def _list(
    kept: Kept, old: Mapping[str, Section], new: Mapping[str, Section]
) -> Iterator[Difference]:
    for key, section in new.items():
        before = old.get(key)
        if before is None:
            yield Difference("added", kept.name, key, {})
        elif before != section:
            yield Difference("changed", kept.name, key, _changes(before, section))
    for key in (key for key in old if key not in new):
        yield Difference("removed" if kept.removable else "kept", kept.name, key, {})


def _by_key(kept: Kept, venue: VenueFile | None) -> dict[str, Section]:
    sections = getattr(venue, kept.name) if venue else ()
    return {str(getattr(section, kept.key)): section for section in sections}


def _changes(old: Section, new: Section) -> dict[str, tuple[str, str]]:
    before, after = (dict(_flat(side.model_dump(by_alias=True), "")) for side in (old, new))
    places = [*before, *(place for place in after if place not in before)]
    return {
        place: (before.get(place, "nothing"), after.get(place, "nothing"))
        for place in places
        if before.get(place) != after.get(place)
    }


def _flat(value: Any, place: str) -> Iterator[tuple[str, str]]:  # noqa: ANN401 - any part of a file
    if isinstance(value, dict):
        for name, part in value.items():
            yield from _flat(part, f"{place}.{name}" if place else str(name))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _flat(part, f"{place}[{index}]")
    elif value is not None:
        yield place, _shown(value)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and value.startswith("data:"):
        picture = picture_of(value)
        return f"{picture.mime}, {len(picture.content):,} bytes, {picture.digest[:8]}"
    if isinstance(value, Decimal):
        return format(value.normalize(), "f")
    return str(value)


def _alias(name: str) -> str:
    return "company" if name == "company" else str(VenueFile.model_fields[name].alias)
