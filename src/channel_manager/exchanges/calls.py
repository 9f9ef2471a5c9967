"""What is kept of a call, read from the request. Pure."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from channel_manager.schemas import parse_uuid

# Parsed JSON.
Sent = Any
_ADDRESS = re.compile(r"[^\s\x00@<>,;:\"'()\[\]]+@[^\s\x00@<>,;:\"'()\[\]]+")
_LONGEST_ADDRESS = 320
_LONGEST_REFERENCE = 200


@dataclass(frozen=True, slots=True)
class Call:
    """One request about an order. `started` is of `time.perf_counter`."""

    company_id: UUID
    key_id: UUID
    partner_id: UUID | None
    order_id: UUID | None
    reference_key: str | None
    method: str
    path: str
    request_id: str
    started: float
    body: bytes
    emails: list[str] | None


def named_partner(sent: Sent) -> UUID | None:
    """The partner that a body names, where it names one in its right form."""
    return _uuid(sent.get("partnerId")) if isinstance(sent, dict) else None


def named_reference(sent: Sent, field: str) -> str | None:
    """The partner's own reference in a body, as references are compared; None: there is none."""
    given = sent.get(field) if isinstance(sent, dict) else None
    # Longer than any may be: what was meant can't be looked up.
    if not isinstance(given, str) or not given.strip() or len(given) > _LONGEST_REFERENCE:
        return None
    return given.strip().casefold()


def named_order(given: str) -> UUID | None:
    """The order that a part of an address names."""
    return _uuid(given)


def addresses(sent: Sent) -> set[str]:
    """All e-mail addresses anywhere in a body, also in fields that we don't know; lower case."""
    found: set[str] = set()
    for text in _texts(sent):
        if "@" in text:
            found |= addresses_in_text(text)
            if len(text) <= _LONGEST_ADDRESS:
                # An erasure compares the whole field.
                found.add(text.strip().lower())
    return found


def addresses_in_text(text: str) -> set[str]:
    """What looks like an e-mail address in any text; lower case."""
    return {hit.lower() for hit in _ADDRESS.findall(text)}


def addresses_on_no_line(sent: Sent) -> set[str]:
    """Those by which an accepted order can't be found: its lines keep all others for good."""
    found = addresses(sent)
    if not found or not isinstance(sent, dict):
        return found
    for line in sent.get("items") or ():
        given = line.get("sellToEmail", sent.get("sellToEmail"))
        found.discard((given or "").strip().lower())
    return found


def _texts(value: Sent) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)


def _uuid(given: object) -> UUID | None:
    try:
        return parse_uuid(given)
    except ValueError:
        return None
