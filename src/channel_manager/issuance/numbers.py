"""Numbers of tickets, coupons, wallets and orders (domain: Number patterns). Pure.

All randomness is the operating system's, since who guesses a number walks in.
"""

import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil, log2, prod
from string import ascii_uppercase, digits

MIN_TICKET_BITS = 40
# With 40 bits this is what a venue of a million tickets a year has: one guess in a million hits.
GUESSES_PER_HIT = 1_000_000
YEARS_OF_NUMBERS = 10
DRAWS_PER_CLASH = 10
MAX_LENGTH = 50
MAX_COUNT = 40
# What the largest number of a database sequence takes, so that a pattern never outgrows its room.
SEQUENCE_DIGITS = 19

ALPHABETS = {"N": digits, "A": ascii_uppercase, "X": ascii_uppercase + digits}
_FIELD = re.compile(r"\[([^\[\]]*)\]")
_KIND_AND_COUNT = re.compile(r"([A-Z])(?:\*(\d+))?", re.ASCII)
_KINDS = "use [S], [N*k], [A*k] or [X*k]"


@dataclass(frozen=True, slots=True)
class _Literal:
    text: str

    @property
    def length(self) -> int:
        return len(self.text)


@dataclass(frozen=True, slots=True)
class _InSequence:
    length: int = SEQUENCE_DIGITS


@dataclass(frozen=True, slots=True)
class _Random:
    alphabet: str
    length: int


_Part = _Literal | _InSequence | _Random


@dataclass(frozen=True, slots=True)
class NumberPattern:
    """How numbers are made: literal text, `[S]`, and random `[N*k]`, `[A*k]`, `[X*k]`."""

    text: str
    _parts: tuple[_Part, ...]

    @classmethod
    def parse(cls, text: str) -> "NumberPattern":
        """Read a pattern. Errors: `ValueError` with the position (from 1) and the remedy."""
        parts = tuple(_parse_parts(text))
        if all(isinstance(part, _Literal) for part in parts):
            raise ValueError(f"every number would be the same: {_KINDS} somewhere")
        length = sum(part.length for part in parts)
        if length > MAX_LENGTH:
            raise ValueError(
                f"a number may be {length} characters long, but {MAX_LENGTH} is the most; shorten "
                f"the pattern ([S] counts as {SEQUENCE_DIGITS}, since the sequence grows)"
            )
        return cls(text, parts)

    @property
    def needs_sequence(self) -> bool:
        """Whether `draw` needs a sequence number for each number."""
        return any(isinstance(part, _InSequence) for part in self._parts)

    @property
    def random_bits(self) -> float:
        """How hard a number is to guess by someone who knows the pattern and the sequence."""
        return sum(part.length * log2(len(part.alphabet)) for part in self._random)

    def capacity(self) -> int:
        """How many different numbers there are, or with `[S]`, for each number of the sequence."""
        return prod(len(part.alphabet) ** part.length for part in self._random)

    def draw(self, count: int, sequence: Sequence[int] | None = None) -> list[str]:
        """Make `count` different numbers, in the order of `sequence` where there is `[S]`.

        Errors: `ValueError` where the sequence is not `count` different numbers, or the pattern
        can't make as many.
        """
        if self.needs_sequence:
            return self._rows(count, _checked_sequence(count, sequence))
        if count > self.capacity():
            raise ValueError(
                f"{self.text} makes {self.capacity():,} different numbers and {count:,} are "
                "wanted; add random characters or [S]"
            )
        return _different(count, self._rows)

    @property
    def _random(self) -> list[_Random]:
        return [part for part in self._parts if isinstance(part, _Random)]

    def _rows(self, count: int, sequence: Sequence[int] = ()) -> list[str]:
        columns = [_column(part, count, sequence) for part in self._parts]
        return ["".join(row) for row in zip(*columns, strict=True)]


def too_small(pattern: NumberPattern, numbers_per_year: int) -> str | None:
    """Why the pattern is too easy to guess for tickets, and what to add; None where it is not.

    Wanted are `MIN_TICKET_BITS`, and more where a guess would hit one of a year's numbers more
    often than once in `GUESSES_PER_HIT`. Under `[S]` a guess can only hit one number.
    """
    live = 1 if pattern.needs_sequence else max(1, numbers_per_year)
    wanted = max(float(MIN_TICKET_BITS), log2(live) + log2(GUESSES_PER_HIT))
    if pattern.random_bits >= wanted:
        return None
    return (
        f"{pattern.text} has {pattern.random_bits:.1f} random bits and {wanted:.1f} are wanted: "
        f"{_arithmetic(pattern)}, and with {numbers_per_year:,} issued in a year one guess in "
        f"{max(1, pattern.capacity() // live):,} hits; add {_missing(pattern, wanted)}"
    )


def too_few(pattern: NumberPattern, numbers_per_year: int) -> str | None:
    """Why the pattern runs out of numbers, and what to add; None where it does not.

    After `YEARS_OF_NUMBERS` at most one draw in `DRAWS_PER_CLASH` may hit a number that is taken.
    `[S]` never runs out.
    """
    wanted = numbers_per_year * YEARS_OF_NUMBERS * DRAWS_PER_CLASH
    if pattern.needs_sequence or pattern.capacity() >= wanted:
        return None
    more = ceil(log2(wanted / pattern.capacity()) / log2(36))
    return (
        f"{pattern.text} makes too few numbers: {_arithmetic(pattern)}, and {wanted:,} are wanted: "
        f"{numbers_per_year:,} in a year * {YEARS_OF_NUMBERS} years * {DRAWS_PER_CLASH}, so that "
        f"at most one draw in {DRAWS_PER_CLASH} hits a number that is taken; add [X*{more}] or [S]"
    )


def wallet_reference_numbers(count: int) -> list[str]:
    """`count` different wallet numbers: 18 random digits without a leading zero."""
    return _different(count, _wallet_numbers)


def order_reference(now: datetime) -> str:
    """A `buyFromOrderReference`: `CM-`, the UTC second, 4 random letters and digits.

    Four characters clash under load: the caller draws again (contract: Order representation).
    """
    if now.tzinfo is None:
        raise ValueError("the time has no zone; pass an aware datetime")
    return f"CM-{now.astimezone(UTC):%Y%m%d%H%M%S}-{random_text(ALPHABETS['X'], 4)}"


def job_id(n: int) -> str:
    """A `jobId` from the submission's number: `TM-IMPORT-` and at least six digits."""
    if n < 0:
        raise ValueError(f"a submission's number can't be negative: {n}")
    return f"TM-IMPORT-{n:06d}"


def _parse_parts(text: str) -> list[_Part]:
    parts: list[_Part] = []
    position = 0
    for field in _FIELD.finditer(text):
        parts += _literal(text, position, field.start())
        parts.append(_field(field[1], field.start() + 1))
        position = field.end()
    return parts + _literal(text, position, len(text))


def _literal(text: str, start: int, end: int) -> list[_Part]:
    for place in range(start, end):
        _check_character(text[place], place + 1)
    return [_Literal(text[start:end])] if start < end else []


def _check_character(character: str, position: int) -> None:
    if character == "[":
        raise ValueError(f"position {position}: [ is not closed; add ], {_KINDS}")
    if character == "]":
        raise ValueError(f"position {position}: ] closes nothing; put [ before it or leave it out")
    if not "!" <= character <= "~":
        raise ValueError(
            f"position {position}: {character!a} doesn't fit a code or an address; use ASCII "
            "letters, digits and punctuation, without spaces"
        )


def _field(content: str, position: int) -> _Part:
    match = _KIND_AND_COUNT.fullmatch(content)
    kind, count = match.groups() if match else (content, None)
    if kind == "S" and count is None:
        return _InSequence()
    if kind == "S":
        raise ValueError(f"position {position}: [S] takes no count; write [S]")
    if kind not in ALPHABETS:
        raise ValueError(f"position {position}: [{content}] is unknown; {_KINDS}")
    return _Random(ALPHABETS[kind], _count(content, count, position))


def _count(content: str, count: str | None, position: int) -> int:
    # Nobody gains from a number of a thousand digits being read as one first.
    number = int((count or "1")[:4])
    if not 1 <= number <= MAX_COUNT:
        raise ValueError(
            f"position {position}: [{content}] must count from 1 to {MAX_COUNT} characters"
        )
    return number


def _checked_sequence(count: int, sequence: Sequence[int] | None) -> Sequence[int]:
    if sequence is None or len(sequence) != count:
        given = 0 if sequence is None else len(sequence)
        raise ValueError(f"the pattern has [S]: pass {count} sequence numbers, not {given}")
    if len(set(sequence)) != count:
        raise ValueError("the sequence repeats a number; draw each from the database once")
    return sequence


def _column(part: _Part, count: int, sequence: Sequence[int]) -> list[str]:
    match part:
        case _Literal(text):
            return [text] * count
        case _InSequence():
            return [str(number) for number in sequence]
        case _Random(alphabet, length):
            text = random_text(alphabet, length * count)
            return [text[i : i + length] for i in range(0, len(text), length)]


def _wallet_numbers(count: int) -> list[str]:
    first = random_text(digits[1:], count)
    rest = random_text(digits, 17 * count)
    return [first[i] + rest[17 * i : 17 * i + 17] for i in range(count)]


def _different(count: int, draw: Callable[[int], list[str]]) -> list[str]:
    """`count` different ones of what `draw` makes: those that came before are drawn again."""
    found: dict[str, None] = {}
    while len(found) < count:
        found.update(dict.fromkeys(draw(count - len(found))))
    return list(found)


def random_text(alphabet: str, length: int) -> str:
    """Uniform text: a random byte past the last whole alphabet is dropped, never folded."""
    whole = 256 - 256 % len(alphabet)
    table = (alphabet * (256 // len(alphabet) + 1))[:256].encode()
    dropped = bytes(range(whole, 256))
    text = b""
    while len(text) < length:
        text += os.urandom(length - len(text)).translate(table, dropped)
    return text.decode()


def _arithmetic(pattern: NumberPattern) -> str:
    powers = " * ".join(f"{len(part.alphabet)}^{part.length}" for part in pattern._random)  # noqa: SLF001 - its own module
    each = " for each number of the sequence" if pattern.needs_sequence else ""
    equals = f"{powers} = " if powers else ""
    return f"it makes {equals}{pattern.capacity():,} different numbers{each}"


def _missing(pattern: NumberPattern, wanted: float) -> str:
    return f"[X*{ceil((wanted - pattern.random_bits) / log2(36))}]"
