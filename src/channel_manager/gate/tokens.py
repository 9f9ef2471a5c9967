"""Tokens that `try` gives and `admit` takes: which ticket, where, by whom. Signed, and short-lived.

Pure. A token promises nothing: `admit` judges the ticket anew.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import orjson

LIFETIME = timedelta(minutes=5)
SIGNATURE_BYTES = 16


@dataclass(frozen=True, slots=True)
class Token:
    """What a scanner asked for with `try`."""

    company_id: UUID
    ticket_id: UUID
    admission_code: str
    scanner_id: str


def write_token(token: Token, secret: bytes, now: datetime) -> str:
    """The token as the scanner carries it."""
    expires = int((now + LIFETIME).timestamp())
    content = orjson.dumps([str(token.ticket_id), token.admission_code, token.scanner_id, expires])
    signed = _sign(token.company_id, content, secret) + content
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def read_token(text: str, company_id: UUID, secret: bytes, now: datetime) -> Token | None:
    """The token in `text`; None where it isn't one of this company's, or has run out."""
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        signature, content = raw[:SIGNATURE_BYTES], raw[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, _sign(company_id, content, secret)):
            return None
        ticket_id, admission_code, scanner_id, expires = orjson.loads(content)
    except ValueError:
        return None
    if now.timestamp() > expires:
        return None
    return Token(company_id, UUID(ticket_id), admission_code, scanner_id)


def _sign(company_id: UUID, content: bytes, secret: bytes) -> bytes:
    digest = hmac.digest(secret, company_id.bytes + content, hashlib.sha256)
    return digest[:SIGNATURE_BYTES]
