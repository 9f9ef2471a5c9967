"""When a delivery is tried again, and what an answer means for it."""

import enum
import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random

# Seconds first, so that a receiver's restart goes unnoticed; 70 hours in all, so that one that
# breaks on a Friday evening still gets everything when somebody mends it on Monday.
PLAN = (
    timedelta(seconds=5),
    timedelta(seconds=15),
    timedelta(minutes=1),
    timedelta(minutes=5),
    timedelta(minutes=15),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
    timedelta(hours=24),
    timedelta(hours=24),
)
MAX_ATTEMPTS = len(PLAN) + 1
LONGEST_RETRY_AFTER = timedelta(days=1)

# A thousand events that failed in the same second must not come back in the same second.
_JITTER = 0.2

_SECONDS = re.compile(r"[0-9]+")
_SECONDS_DIGITS = 9  # more is over a day at any rate, and int() takes its time over long ones


class Outcome(enum.Enum):
    """What becomes of a delivery after an attempt."""

    DELIVERED = "delivered"
    RETRY = "retry"
    GONE = "gone"  # 410: the receiver is closed for good, so the subscription is switched off


def classify(status: int | None, error: str | None = None) -> Outcome:
    """What an answer means: `status`, or None and the `error` that kept it from coming.

    A redirect is a failure: the receiver has to register the address it means.
    """
    if status is None or error is not None:
        return Outcome.RETRY
    if 200 <= status <= 299:  # noqa: PLR2004 - the 2xx class, known by its numbers
        return Outcome.DELIVERED
    if status == 410:  # noqa: PLR2004 - Gone, known by its number
        return Outcome.GONE
    return Outcome.RETRY


def next_delay(
    attempt: int, retry_after: str | None, random: Random, *, now: datetime
) -> timedelta | None:
    """How long to wait after attempt number `attempt` (from 1) failed; None after the last.

    `retry_after` is the header as it came (seconds or an HTTP date, judged against `now`). It can
    lengthen the wait, up to a day, never shorten it; one that makes no sense is passed over.
    """
    if attempt < 1:
        raise ValueError(f"attempts count from 1, not {attempt}")
    if attempt >= MAX_ATTEMPTS:
        return None
    planned = PLAN[attempt - 1] * random.uniform(1 - _JITTER, 1 + _JITTER)
    asked = min(_asked(retry_after or "", now), LONGEST_RETRY_AFTER)
    return max(planned, asked)


def _asked(retry_after: str, now: datetime) -> timedelta:
    text = retry_after.strip()
    if _SECONDS.fullmatch(text):
        digits = text.lstrip("0") or "0"
        return timedelta(seconds=int(digits)) if len(digits) <= _SECONDS_DIGITS else timedelta.max
    try:
        when = parsedate_to_datetime(text)
        # A date that names no zone is UTC, as HTTP dates are.
        return (when if when.tzinfo else when.replace(tzinfo=UTC)) - now
    except (ValueError, TypeError, OverflowError):
        return timedelta(0)
