"""The words that a venue file's sections are written in: codes, texts, amounts, patterns."""

import re
from datetime import date, time
from decimal import Decimal
from typing import Annotated, ClassVar

from babel.numbers import list_currencies
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
)
from pydantic.alias_generators import to_camel

from channel_manager import languages, local_time
from channel_manager.issuance.numbers import NumberPattern

_HOUR_MINUTE = re.compile(r"\d{2}:\d{2}", re.ASCII)


def _zone(value: str) -> str:
    local_time.zone(value)
    return value


def _currency(value: str) -> str:
    if value not in list_currencies():
        raise ValueError("is not an ISO 4217 currency, such as DKK")
    return value


def _language(value: str) -> str:
    if not languages.is_known(value):
        raise ValueError(f"{value} is not a known language code, such as ENU, DAN or da-DK")
    return value.upper()


def _translations(value: dict[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for code, text in value.items():
        language = _language(code)
        if language in found:
            raise ValueError(f"{language} is given twice")
        found[language] = text
    return found


def _pattern(value: str) -> str:
    NumberPattern.parse(value)
    return value


def _day(value: object) -> object:
    # Pydantic would take a number for seconds since 1970.
    return local_time.parse_date(value) if isinstance(value, str) else value


def _time(value: object) -> object:
    if isinstance(value, str):
        return local_time.parse_time(f"{value}:00" if _HOUR_MINUTE.fullmatch(value) else value)
    return value


def _trimmed(value: str) -> str:
    # What orders send is trimmed, so a code with white space around it could never be ordered.
    if value != value.strip():
        raise ValueError("has white space around it; take it away")
    return value


Code = Annotated[str, Field(min_length=1, max_length=50), AfterValidator(_trimmed)]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_trimmed)]
Description = Annotated[str, Field(min_length=1, max_length=200)]
Zone = Annotated[str, AfterValidator(_zone)]
Currency = Annotated[str, AfterValidator(_currency)]
LanguageCode = Annotated[str, AfterValidator(_language)]
Translations = Annotated[dict[str, Description], AfterValidator(_translations)]
Pattern = Annotated[str, AfterValidator(_pattern)]
Amount = Annotated[Decimal, Field(ge=0, max_digits=14, decimal_places=4)]
# Up or down; -10 is 10 off.
Move = Annotated[Decimal, Field(max_digits=14, decimal_places=4)]
Percent = Annotated[Decimal, Field(ge=0, le=100, decimal_places=4)]
PercentMove = Annotated[Decimal, Field(ge=-100, le=1_000, decimal_places=4)]
ValidDays = Annotated[int, Field(ge=1, le=3_660)]
PerYear = Annotated[int, Field(ge=1, le=1_000_000_000)]
# Venue-local, as YYYY-MM-DD and HH:MM or HH:MM:SS.
Day = Annotated[date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"})]
SlotTime = Annotated[
    time,
    BeforeValidator(_time),
    WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$"}),
]


class Section(BaseModel):
    """A part of the file; its keys are in camelCase, and unknown ones are refused."""

    model_config: ClassVar[ConfigDict] = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=False,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )
