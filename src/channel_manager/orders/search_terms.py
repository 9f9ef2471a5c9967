"""What somebody at the venue may have typed to find an order. Pure."""

import re
from dataclasses import dataclass
from uuid import UUID

from channel_manager.schemas import parse_uuid

LONGEST = 200
_JOB = re.compile(r"TM-IMPORT-0*([0-9]{1,18})", re.IGNORECASE)


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
        job_number=int(job[1]) if job else None,
        words=any(character.isalpha() for character in said),
    )


def _uuid(said: str) -> UUID | None:
    try:
        return parse_uuid(said)
    except ValueError:
        return None
