"""What all request bodies share."""

import re
from typing import Any, ClassVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict

_UUID_FORM = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)


class Body(BaseModel):
    """A request body: fields that we don't know are kept aside, to be named in the reply."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="allow", frozen=True)


def parse_uuid(value: object) -> UUID:
    """A UUID in its usual form, upper or lower case; no braces, no urn.

    Errors: `ValueError`.
    """
    if isinstance(value, UUID):
        return value
    if not isinstance(value, str) or not _UUID_FORM.fullmatch(value):
        raise ValueError("must be a UUID like 21e8c1d2-3f4a-4c5b-9e6d-7f8a9b0c1d2e")
    return UUID(value)


def unknown_fields(value: Any, path: str = "") -> list[str]:  # noqa: ANN401 - walks any model
    """The paths of all fields that the contract doesn't know, in the order they came."""
    if isinstance(value, BaseModel):
        dot = f"{path}." if path else ""
        found = [f"{dot}{name}" for name in value.model_extra or {}]
        for name in sorted(value.model_fields_set):
            if name in type(value).model_fields:
                found += unknown_fields(getattr(value, name), f"{dot}{name}")
        return found
    if isinstance(value, list):
        return [
            hit for i, entry in enumerate(value) for hit in unknown_fields(entry, f"{path}[{i}]")
        ]
    return []
