"""What can go wrong, as a client is told of it (contract: Errors)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the input, and where: `items[0].visitTime`."""

    path: str
    message: str
    code: str = "invalid_input"


class ChannelError(Exception):
    """An error that a client may be told of, with the HTTP status and code it is told by.

    `retry_after` (seconds) is set only where the same request may succeed later as it stands.
    """

    status = 400
    code = "invalid_input"
    retry_after: int | None = None

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        problems: Sequence[Problem] = (),
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.problems = tuple(problems)
        self.details = details or {}
        if code is not None:
            self.code = code

    def body(self) -> dict[str, Any]:
        """The error as it goes over the wire."""
        body: dict[str, Any] = {"code": self.code, "message": self.message, **self.details}
        if self.problems:
            body["errors"] = [{"path": p.path, "message": p.message} for p in self.problems]
        return body


class InvalidInput(ChannelError):
    """400: the request can't be taken as it is. Names every place and its remedy at once."""

    @classmethod
    def of(cls, problems: Sequence[Problem]) -> "InvalidInput":
        """All problems in one error, told under the first one's code."""
        first = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        where = f"{first.path}: " if first.path else ""
        return cls(f"{where}{first.message}{more}", code=first.code, problems=problems)


class InvalidStatus(ChannelError):
    """400: the order is in a state that doesn't allow this (contract: States)."""

    code = "invalid_status"


class Refused(ChannelError):
    """400: the venue's rules refuse the order (capacity, slot); the partner can act on it."""


class Unauthorized(ChannelError):
    """401: no key, a malformed key, or an unknown one; the three look alike."""

    status = 401
    code = "unauthorized"


class Forbidden(ChannelError):
    """403: the key is known but lacks the permission."""

    status = 403
    code = "forbidden"


class NotFound(ChannelError):
    """404: not there, or not this key's to see; the two look exactly alike."""

    status = 404
    code = "resource_not_found"


class Conflict(ChannelError):
    """409: the Idempotency-Key was used with another body."""

    status = 409
    code = "idempotency_conflict"


class TooLarge(ChannelError):
    """413: the body is over the limit."""

    status = 413


class UnsupportedMediaType(ChannelError):
    """415: the body isn't declared as JSON."""

    status = 415


class RateLimited(ChannelError):
    """429: too many requests for this key."""

    status = 429
    code = "rate_limited"


class Unavailable(ChannelError):
    """503: the database is away; nothing was done, and the request may be sent again."""

    status = 503
    code = "unavailable"
    retry_after = 2
