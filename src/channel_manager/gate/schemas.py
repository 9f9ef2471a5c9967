"""What crosses the wire at the gate (domain: Gate)."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, Field, StrictInt, StrictStr, StringConstraints

from channel_manager.schemas import Body

# A scanner may send line ends with a code; a code is text, never a number.
Reference = Annotated[
    StrictStr, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)
]
AdmissionCode = Annotated[StrictStr, StringConstraints(strip_whitespace=True, max_length=50)]
ScannerId = Annotated[StrictStr, StringConstraints(strip_whitespace=True, max_length=50)]
Quantity = Annotated[StrictInt, Field(ge=1, le=1_000)]


def _instant(value: object) -> datetime:
    if isinstance(value, str):
        try:
            instant = datetime.fromisoformat(value)
        except ValueError:
            instant = None
        if instant is not None and instant.tzinfo is not None:
            return instant
    raise ValueError("must be ISO 8601 with an offset, like 2026-06-01T10:31:00+02:00")


class TryIn(Body):
    """A code that was scanned: a ticket's number, a wallet's, or the partner's own reference."""

    referenceNumber: Reference
    admissionCode: AdmissionCode = ""
    scannerId: ScannerId = ""


class TryAndAdmitIn(TryIn):
    """A code that was scanned, to be let in at once; all guests where no quantity is given."""

    quantity: Quantity | None = None


class AdmitOneIn(Body):
    """A token from `try`, and for how many guests."""

    token: Annotated[StrictStr, StringConstraints(max_length=1_000)]
    quantity: Quantity | None = None


class AdmitIn(Body):
    """Tokens to admit: all of them, or none."""

    tokens: Annotated[list[AdmitOneIn], Field(min_length=1, max_length=100)]


class ScanIn(TryIn):
    """A guest who was let in while the line was down."""

    scanId: Annotated[StrictStr, StringConstraints(min_length=1, max_length=100)]
    scannedAt: Annotated[datetime, BeforeValidator(_instant)]
    quantity: Quantity = 1


class ScansIn(Body):
    """Scans taken while the line was down, in any order; the same scan twice is recorded once."""

    scans: Annotated[list[ScanIn], Field(min_length=1, max_length=1_000)]


class TicketVerdictOut(BaseModel):
    """What the gate says of one ticket."""

    referenceNumber: str
    code: str
    message: str
    itemNumber: str
    description: str
    guestName: str
    admits: int
    remaining: int
    lastAdmittedAt: str | None
    lastAdmission: str
    token: str | None = None


class VerdictOut(BaseModel):
    """What the gate says of a code; `code` is `ok` where somebody may enter."""

    referenceNumber: str
    code: str
    message: str
    admitted: int
    tickets: list[TicketVerdictOut]


class AdmittedOut(BaseModel):
    """What became of the tokens."""

    code: str
    message: str
    admitted: int
    tickets: list[TicketVerdictOut]


class ScanOut(BaseModel):
    """How one offline scan was recorded; `conflict` is "" where it would have been let in."""

    scanId: str
    recorded: bool
    conflict: str
    message: str


class CodesOut(BaseModel):
    """What could be read in a picture: the text of each code, the clearest first."""

    codes: list[str]


class ScansOut(BaseModel):
    """How the offline scans were recorded."""

    scans: list[ScanOut]


class EntryOut(BaseModel):
    """Guests let in on a ticket."""

    entryId: UUID
    referenceNumber: str
    admissionCode: str
    scannerId: str
    quantity: int
    admittedAt: str
    recordedAt: str
    conflict: str


class TodayOut(BaseModel):
    """How many guests have entered on the venue's today."""

    admissionCode: str
    date: str
    admitted: int
