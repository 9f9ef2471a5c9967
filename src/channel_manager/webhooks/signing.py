"""Standard Webhooks signatures, version 1: HMAC-SHA256 over the very bytes that are sent."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets as random_source
from collections.abc import Sequence
from datetime import datetime

PREFIX = "whsec_"
SECRET_BYTES = 32
MIN_SECRET_BYTES = 24
MAX_SECRET_BYTES = 64

# The id is signed between dots and travels in a header, so it holds neither dots nor line ends.
_MESSAGE_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


def new_secret() -> str:
    """A new signing secret: `whsec_` and the base64 of 32 random bytes."""
    return PREFIX + base64.b64encode(random_source.token_bytes(SECRET_BYTES)).decode()


def sign(
    secrets: Sequence[str], message_id: str, timestamp: datetime | int, body: bytes
) -> dict[str, str]:
    """The three headers that prove who sent `body` (contract: Webhooks, Delivery).

    One signature per secret, in the order given: while a rotation overlaps, a receiver may check
    with either. `timestamp` is this attempt's time: Unix seconds, or a datetime with a time zone.
    Raises ValueError for no secret, a malformed one, or an id that can't be signed.
    """
    if not secrets:
        raise ValueError("signing needs at least one secret")
    if not _MESSAGE_ID.fullmatch(message_id):
        raise ValueError(f"message id {message_id!r}: use 1-100 letters, digits, '_' and '-'")
    seconds = _unix_seconds(timestamp)
    signed = b"%s.%d.%s" % (message_id.encode(), seconds, body)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(_signature(secret, signed) for secret in secrets),
    }


def _signature(secret: str, signed: bytes) -> str:
    digest = hmac.digest(_key(secret), signed, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def _key(secret: str) -> bytes:
    # The message never shows the secret: it ends up in logs.
    wrong = "a signing secret is 'whsec_' and the base64 of 24-64 bytes"
    if not secret.startswith(PREFIX):
        raise ValueError(wrong)
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(wrong) from None
    if not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise ValueError(wrong)
    return key


def _unix_seconds(timestamp: datetime | int) -> int:
    if isinstance(timestamp, int):
        return timestamp
    if timestamp.tzinfo is None:
        raise ValueError("the timestamp needs a time zone")
    return int(timestamp.timestamp())
