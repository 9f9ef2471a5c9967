"""The strict JSON gate, and the one way that replies are written (contract: Order body).

The ordinary body is parsed once, by the standard library's C scanner with hooks that notice what
is wrong. Only a body that may have something wrong is looked at a second time, for the places.
"""

import json
import math
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson

from channel_manager.errors import InvalidInput, Problem

MAX_DEPTH = 32
MAX_NUMBER = 100
"""Characters of one number: longer ones cost time that grows with the square of the length."""
MAX_PROBLEMS = 20
_SHOWN_KEY = 60
_CONTAINERS = frozenset((dict, list))

_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
_PLAIN_KEY = re.compile(r'[^."\[\]]+')
# An unterminated string ends with the text, or each of its escaped quotes would be tried anew.
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+(?:"|\Z)|([\[\]{}])', re.DOTALL)


def loads(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Parse a body strictly. Integers come as int, other numbers as float.

    Errors: `InvalidInput` that names each place and its remedy, up to `MAX_PROBLEMS` of them.
    """
    text = _decode(body)
    try:
        value = _strict.decode(text)
    except json.JSONDecodeError as error:
        raise _not_json(text, error) from None
    except (_Suspect, RecursionError):
        raise InvalidInput.of(_find_problems(text)) from None
    if _may_not_be_text(body) or _may_be_too_deep(body, value):
        problems = _find_problems(text)
        if problems:
            raise InvalidInput.of(problems)
    return value


def dumps(value: Any) -> bytes:  # noqa: ANN401 - any value of a reply
    """Write a reply: compact UTF-8, money with its own digits, instants in UTC ending in Z.

    Errors: `TypeError` for what JSON can't say; a Decimal or an instant without a meaning of its
    own (NaN, no time zone) is such.
    """
    return orjson.dumps(value, default=_write, option=orjson.OPT_PASSTHROUGH_DATETIME)


class _Suspect(Exception):
    """Something is wrong; where, the second look will tell."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Suspect
    return found


def _integer(text: str) -> int:
    if len(text) > MAX_NUMBER:
        raise _Suspect
    return int(text)


def _fraction(text: str) -> float:
    if len(text) > MAX_NUMBER:
        raise _Suspect
    value = float(text)
    if math.isinf(value):
        raise _Suspect
    return value


def _constant(_: str) -> None:
    raise _Suspect


# Made once: json.loads makes a decoder for every call that has hooks.
_strict = json.JSONDecoder(
    object_pairs_hook=_unique,
    parse_int=_integer,
    parse_float=_fraction,
    parse_constant=_constant,
)


def _decode(body: bytes) -> str:
    if body.startswith(b"\xef\xbb\xbf"):
        raise _invalid("", "starts with a byte order mark; send UTF-8 without one")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _invalid("", f"not UTF-8 at byte {error.start}; send the body as UTF-8") from None


def _not_json(text: str, error: json.JSONDecodeError) -> InvalidInput:
    if not text.strip():
        return _invalid("", "the body is empty; send a JSON object")
    said = error.msg.removesuffix(" at").removesuffix(" starting")
    return _invalid("", f"not JSON at line {error.lineno}, column {error.colno}: {said}")


def _invalid(path: str, message: str) -> InvalidInput:
    return InvalidInput.of([Problem(path, message)])


def _may_not_be_text(body: bytes) -> bool:
    # NUL and halves of a surrogate pair get this far as escapes only.
    if b"\\u" not in body:
        return False
    if b"\\u0000" in body:
        return True
    try:
        orjson.loads(body)  # refuses halves; a client that writes ASCII only sends whole pairs
    except orjson.JSONDecodeError:
        return True
    return False


def _may_be_too_deep(body: bytes, value: Any) -> bool:  # noqa: ANN401 - any JSON value
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return False
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _CONTAINERS
        ]
    return bool(level)


# The second look.


class _Pairs(list[tuple[str, Any]]):
    """An object as its pairs in order, so that a key given twice shows."""


class _BadNumber(str):
    """The text of a number that can't be kept."""

    __slots__ = ()


def _kept(text: str) -> int | _BadNumber:
    return int(text) if len(text) <= MAX_NUMBER else _BadNumber(text)


def _kept_fraction(text: str) -> float | _BadNumber:
    kept = len(text) <= MAX_NUMBER and not math.isinf(float(text))
    return float(text) if kept else _BadNumber(text)


_lenient = json.JSONDecoder(
    object_pairs_hook=_Pairs,
    parse_int=_kept,
    parse_float=_kept_fraction,
    parse_constant=_BadNumber,
)


def _find_problems(text: str) -> list[Problem]:
    try:
        value = _lenient.decode(text)
    except json.JSONDecodeError as error:
        return list(_not_json(text, error).problems)
    except RecursionError:
        return [_depth_problem(_deepest_place(text))]
    problems: list[Problem] = []
    for problem in _problems(value, "", 0):
        problems.append(problem)
        if len(problems) == MAX_PROBLEMS:
            break
    return problems


def _problems(value: Any, path: str, depth: int) -> Iterator[Problem]:  # noqa: ANN401 - any JSON
    if isinstance(value, _BadNumber):
        yield Problem(path, _number_message(value))
    elif isinstance(value, str):
        yield from _text_problems(value, path, "")
    elif isinstance(value, list):
        if depth == MAX_DEPTH:
            yield _depth_problem(path)
        elif isinstance(value, _Pairs):
            yield from _object_problems(value, path, depth + 1)
        else:
            yield from _array_problems(value, path, depth + 1)


def _array_problems(values: list[Any], path: str, depth: int) -> Iterator[Problem]:
    for index, value in enumerate(values):
        if isinstance(value, (str, list)):
            yield from _problems(value, f"{path}[{index}]", depth)


def _object_problems(pairs: _Pairs, path: str, depth: int) -> Iterator[Problem]:
    times: dict[str, int] = {}
    for key, value in pairs:
        place = _member(path, key)
        times[key] = times.get(key, 0) + 1
        if times[key] == 1:
            yield from _text_problems(key, place, "the key ")
        elif times[key] == 2:  # noqa: PLR2004 - told once, however often it is repeated
            yield Problem(place, "given more than once; send it once")
        if isinstance(value, (str, list)):
            yield from _problems(value, place, depth)


def _text_problems(text: str, path: str, what: str) -> Iterator[Problem]:
    found = _NOT_TEXT.search(text)
    if found is None:
        return
    if found.group() == "\x00":
        yield Problem(path, f"{what}has the NUL character (\\u0000) in it; leave it out")
    else:
        half = f"\\u{ord(found.group()):04x}"
        yield Problem(path, f"{what}has half of a surrogate pair ({half}); send whole characters")


def _number_message(text: str) -> str:
    if len(text) > MAX_NUMBER:
        return f"a number of {len(text)} characters; send at most {MAX_NUMBER}"
    return f"{text} can't be kept as a number; send a finite one"


def _depth_problem(path: str) -> Problem:
    return Problem(path, f"nested deeper than {MAX_DEPTH} levels; send a flatter body")


def _member(path: str, key: str) -> str:
    if len(key) > _SHOWN_KEY:
        key = key[:_SHOWN_KEY] + "…"
    if not (key.isprintable() and _PLAIN_KEY.fullmatch(key)):
        # Quoted, so that `["a.b"]` isn't taken for two, and escaped where it can't be written.
        return f"{path}[{json.dumps(key)}]"
    return f"{path}.{key}" if path else key


def _deepest_place(text: str) -> str:
    """The first place below the last level that is allowed, in a text too deep to be parsed."""
    closing: list[str] = []
    for match in _STRING_OR_BRACKET.finditer(text):
        bracket = match.group(1)
        if bracket in ("[", "{"):
            if len(closing) == MAX_DEPTH:
                # The parser got further than this, so what comes before is JSON once it is closed.
                opened = text[: match.start()] + "0" + "".join(reversed(closing))
                return _last_place(_lenient.decode(opened))
            closing.append("]" if bracket == "[" else "}")
        elif bracket is not None:
            closing.pop()
    return ""


def _last_place(value: Any) -> str:  # noqa: ANN401 - any JSON value
    path = ""
    while isinstance(value, list):
        if isinstance(value, _Pairs):
            key, value = value[-1]
            path = _member(path, key)
        else:
            path += f"[{len(value) - 1}]"
            value = value[-1]
    return path


# Writing.


def _write(value: Any) -> Any:  # noqa: ANN401 - orjson's hook
    if isinstance(value, Decimal):
        return orjson.Fragment(plain_decimal(value))
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.replace(tzinfo=None).isoformat("seconds")
    if isinstance(value, UUID):
        return str(value)  # orjson knows UUID itself, but not the database driver's own kind of it
    raise TypeError(f"{type(value).__name__} can't be written as JSON")


def _instant(value: datetime) -> str:
    if value.tzinfo is None:
        raise TypeError("an instant without a time zone can't be written as JSON")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def plain_decimal(value: Decimal) -> str:
    """100.5000 as 100.5, without an exponent. Errors: `TypeError` for what is no number."""
    if not value.is_finite():
        raise TypeError(f"Decimal {value} can't be written as JSON")
    if not value:
        return "0"
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
