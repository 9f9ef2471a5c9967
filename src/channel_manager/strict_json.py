"""The strict JSON gate, and the one way that replies are written (contract: Order body).

The ordinary body is parsed once by the standard library's C scanner. Only when that finds
something wrong, a slower second look finds the places.
"""

import json
import math
import re
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from channel_manager.errors import InvalidInput, Problem

MAX_DEPTH = 32
MAX_DIGITS = 40
MAX_PROBLEMS = 20
# Possessive, and content with a string that never ends: a body of nothing but quotes and
# backslashes is read once, where backtracking would take minutes for 100 KB.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_LONG_NUMBER = re.compile(rb"\d{41,}")
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")


class _Pairs(list[tuple[str, Any]]):
    """An object as its pairs in order, so that a key given twice shows."""


def loads(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Parse a body strictly.

    Errors: `InvalidInput`, naming the place and the remedy, all places at once where they can be
    found together.
    """
    text = _decode(body)
    _check_depth(body)
    suspicious = _LONG_NUMBER.search(_STRING.sub(b'""', body)) is not None
    if suspicious:
        raise _invalid("", f"a number has more than {MAX_DIGITS} digits; send a shorter one")
    try:
        value = json.loads(
            text, object_pairs_hook=_Pairs, parse_constant=_constant, parse_float=_float
        )
    except json.JSONDecodeError as error:
        raise _invalid(
            "", f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    problems: list[Problem] = []
    clean = _clean(value, "", problems)
    if problems:
        raise InvalidInput.of(problems)
    return clean


def dumps(value: Any) -> bytes:  # noqa: ANN401 - any value of a reply
    """Write a reply: compact UTF-8, money with its own digits, instants in UTC ending in Z."""
    return orjson.dumps(
        value,
        default=_write,
        option=orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_NON_STR_KEYS,
    )


def _decode(body: bytes) -> str:
    if body.startswith(b"\xef\xbb\xbf"):
        raise _invalid("", "starts with a byte order mark; send plain UTF-8")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _invalid("", f"not UTF-8: byte {error.start} can't be read") from None


def _check_depth(body: bytes) -> None:
    # Without recursion, and before anything is parsed: a body of brackets costs no more than this.
    depth = 0
    for bracket in re.findall(rb"[\[\]{}]", _STRING.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise _invalid("", f"nested deeper than {MAX_DEPTH} levels; send a flatter body")


class _NotANumber:
    def __init__(self, text: str) -> None:
        self.text = text


def _constant(text: str) -> _NotANumber:
    return _NotANumber(text)


def _float(text: str) -> float | _NotANumber:
    value = float(text)
    return value if math.isfinite(value) else _NotANumber(text)


def _clean(value: Any, path: str, problems: list[Problem]) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(value, _Pairs):
        return _object(value, path, problems)
    if isinstance(value, list):
        return [_clean(entry, f"{path}[{i}]", problems) for i, entry in enumerate(value)]
    if isinstance(value, _NotANumber):
        _add(problems, path, f"{value.text} is not a number that can be kept; send a finite one")
    elif isinstance(value, str) and _NOT_TEXT.search(value):
        _add(problems, path, "has a NUL or half of a surrogate pair in it; send whole characters")
    return value


def _object(pairs: _Pairs, path: str, problems: list[Problem]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        place = f"{path}.{key}" if path else key
        if _NOT_TEXT.search(key):
            _add(problems, path, "a key has a NUL or half of a surrogate pair in it")
        elif key in found:
            _add(problems, place, "is given twice; send it once")
        else:
            found[key] = _clean(value, place, problems)
    return found


def _add(problems: list[Problem], path: str, message: str) -> None:
    if len(problems) < MAX_PROBLEMS:
        problems.append(Problem(path, message))


def _invalid(path: str, message: str) -> InvalidInput:
    return InvalidInput.of([Problem(path, message)])


def _write(value: Any) -> Any:  # noqa: ANN401 - orjson's hook
    if isinstance(value, Decimal):
        return orjson.Fragment(_plain(value).encode())
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
