"""Replies: how JSON and errors leave, and how OpenAPI tells of them."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Response
from pydantic import BaseModel

from channel_manager.errors import ChannelError, InvalidInput, Problem
from channel_manager.strict_json import dumps

MAX_PROBLEMS = 100


class ProblemOut(BaseModel):
    """One thing that is wrong with the input, and where."""

    path: str
    message: str


class ErrorOut(BaseModel):
    """The shape of every error (contract: Errors)."""

    code: str
    message: str
    errors: list[ProblemOut] | None = None


_MEANINGS = {
    400: "The input is invalid, or the order's status forbids it.",
    401: "The key is missing, malformed, unknown or revoked.",
    403: "The key lacks the permission.",
    404: "Not there, or not this key's to see.",
    408: "The body did not arrive in time.",
    409: "The Idempotency-Key was used with another body.",
    413: "The body is too large.",
    415: "The body is not declared as JSON.",
    429: "Too many requests.",
    503: "The database is away; send the request again.",
}
_ALWAYS = (401, 403, 404, 408, 413, 415, 429, 503)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's `responses` for these error statuses and those that any route may give."""
    return public(*statuses, *_ALWAYS)


def public(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's `responses` for just these error statuses."""
    return {
        status: {
            "description": _MEANINGS[status],
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorOut"}}},
        }
        for status in sorted(set(statuses))
    }


def json_reply(
    value: Any,  # noqa: ANN401 - whatever the contract says
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """A value as JSON."""
    return bytes_reply(dumps(value), status, headers)


def bytes_reply(
    body: bytes, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """JSON that is bytes already."""
    return Response(body, status, headers, media_type="application/json")


def error_reply(error: ChannelError) -> Response:
    """An error in the contract's shape, with Retry-After where a retry can help."""
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    return json_reply(error.body(), error.status, headers)


def invalid_request(errors: Sequence[Any]) -> InvalidInput:
    """What FastAPI has found wrong with a request, as one error that names every place."""
    return InvalidInput.of(
        [
            Problem(_path(error["loc"]), error["msg"].removeprefix("Value error, "))
            for error in errors[:MAX_PROBLEMS]
        ]
    )


def _path(loc: Sequence[str | int]) -> str:
    # The first part says body, query or header.
    path = ""
    for part in loc[1:]:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            path += f".{part}" if path else part
    return path
