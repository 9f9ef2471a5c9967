"""What somebody at the venue may have typed to find an order. Pure."""

import re
from dataclasses import dataclass
from uuid import UUID

from channel_manager.schemas import parse_uuid

LONGEST = 200
_JOB = re.compile(r"TM-IMPORT-0*([0-9]{1,10})", re.IGNORECASE)
_LARGEST_JOB = 2**31 - 1
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class Term:
    """What a term may be; what it can't be is left empty."""

    # As it stands, and as numbers are printed: without the blanks and dashes people put in.
    said: str
    plain: str
    # Of an order, a wallet, or a guest's page.
    uuid: UUID | None
    job_number: int | None
    # Of a name or an e-mail address; the last may be the beginning of one.
    words: bool


def read_term(text: str) -> Term | None:
    """What was typed; None where it says nothing."""
    said = " ".join(text.replace("\x00", " ").split())[:LONGEST]
    if not said:
        return None
    job = _JOB.fullmatch(said)
    return Term(
        said=said,
        plain=re.sub(r"[\s-]", "", said),
        uuid=_uuid(said),
        job_number=int(job[1]) if job and int(job[1]) <= _LARGEST_JOB else None,
        words=any(character.isalpha() for character in said),
    )


def _uuid(said: str) -> UUID | None:
    # The last one of an address, as when a guest sends the link to their page.
    found = _UUID.findall(said) if "/" in said else [said]
    try:
        return parse_uuid(found[-1]) if found else None
    except ValueError:
        return None
