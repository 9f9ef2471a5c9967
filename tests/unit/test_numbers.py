import re
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channel_manager.issuance import numbers
from channel_manager.issuance.numbers import (
    MIN_TICKET_BITS,
    NumberPattern,
    job_id,
    order_reference,
    too_few,
    too_small,
    wallet_reference_numbers,
)

FORMS = {"N": "[0-9]", "A": "[A-Z]", "X": "[A-Z0-9]"}
literals = st.text(
    st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="[]"), max_size=5
).map(lambda text: (text, re.escape(text)))
fields = st.tuples(st.sampled_from("NAX"), st.integers(1, 6)).map(
    lambda field: (f"[{field[0]}*{field[1]}]", f"{FORMS[field[0]]}{{{field[1]}}}")
)


@given(st.lists(literals, max_size=3), st.lists(fields, min_size=1, max_size=3), st.randoms())
def test_every_number_is_as_its_pattern_says(
    texts: list[tuple[str, str]], randoms: list[tuple[str, str]], random: Random
) -> None:
    parts = [*texts, *randoms]
    random.shuffle(parts)
    pattern = NumberPattern.parse("".join(text for text, _ in parts))
    form = re.compile("".join(expression for _, expression in parts))
    count = min(20, pattern.capacity())
    drawn = pattern.draw(count)
    assert all(form.fullmatch(number) for number in drawn)
    assert len(set(drawn)) == len(drawn) == count


def test_the_example_pattern_has_the_sequence_at_its_end() -> None:
    pattern = NumberPattern.parse("ATF-[X*10]-[S]")
    assert pattern.needs_sequence
    first, second = pattern.draw(2, [665, 1_000_000])
    assert re.fullmatch(r"ATF-[A-Z0-9]{10}-665", first)
    assert re.fullmatch(r"ATF-[A-Z0-9]{10}-1000000", second)


@pytest.mark.parametrize("kind", ["N", "A", "X"])
def test_no_count_means_one(kind: str) -> None:
    short, long = NumberPattern.parse(f"[{kind}]"), NumberPattern.parse(f"[{kind}*1]")
    assert short.capacity() == long.capacity() == len(numbers.ALPHABETS[kind])
    assert len(short.draw(1)[0]) == 1


def test_patterns_of_the_same_text_are_equal_so_that_they_can_be_keys() -> None:
    assert len({NumberPattern.parse("[X*10]"), NumberPattern.parse("[X*10]")}) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("AB[X*3", r"position 3: \[ is not closed; add \]"),
        ("[X*10", r"position 1: \[ is not closed"),
        ("[X[N*3]", r"position 1: \[ is not closed"),
        ("AB]-[S]", r"position 3: \] closes nothing"),
        ("A-[Q*3]", r"position 3: \[Q\*3\] is unknown; use \[S\]"),
        ("[]", r"position 1: \[\] is unknown"),
        ("[n*3]", r"position 1: \[n\*3\] is unknown"),
        ("[N*]", r"position 1: \[N\*\] is unknown"),
        ("[N*-1]", r"position 1: \[N\*-1\] is unknown"),
        ("[N*٣]", r"position 1: .* is unknown"),
        ("[N3]", r"position 1: \[N3\] is unknown"),
        ("[S*3]", r"position 1: \[S\] takes no count"),
        ("[S]-[N*0]", r"position 5: \[N\*0\] must count from 1 to 40"),
        ("[N*41]", r"position 1: \[N\*41\] must count from 1 to 40"),
        ("[N*" + "9" * 5000 + "]", r"position 1: .* must count from 1 to 40"),
        ("A B[S]", r"position 2: ' ' doesn't fit"),
        ("[S]\n", r"position 4: '\\n' doesn't fit"),
        ("\0[S]", r"position 1: '\\x00' doesn't fit"),
        ("[S]Ø", r"position 4: '\\xd8' doesn't fit"),
        ("[S]\x7f", r"position 4: '\\x7f' doesn't fit"),
        ("", "every number would be the same"),
        ("TICKET", "every number would be the same"),
        ("[X*40]-[N*10]", "51 characters long, but 50"),
        ("[X*32][S]", "51 characters long, but 50"),
    ],
)
def test_a_bad_pattern_says_where_and_how_to_mend_it(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        NumberPattern.parse(text)


@given(st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    pattern = None
    with suppress(ValueError):
        pattern = NumberPattern.parse(text)
    assert pattern is None or pattern.text == text


@pytest.mark.parametrize("text", ["[X*40]-[N*9]", "[X*31][S]"])
def test_no_number_is_longer_than_fifty_characters(text: str) -> None:
    assert len(NumberPattern.parse(text).draw(1, [2**63 - 1])[0]) == 50


def test_capacity_and_bits_are_those_of_the_random_parts() -> None:
    pattern = NumberPattern.parse("AB-[N*2][A*3]-[X]-[S]")
    assert pattern.capacity() == 10**2 * 26**3 * 36
    assert 2**pattern.random_bits == pytest.approx(pattern.capacity())
    assert NumberPattern.parse("[S]").capacity() == 1
    assert NumberPattern.parse("[S]").random_bits == 0


def test_a_draw_never_repeats_even_when_it_takes_all_there_are() -> None:
    assert sorted(NumberPattern.parse("[N*3]").draw(1000)) == [f"{n:03d}" for n in range(1000)]


def test_more_numbers_than_there_are_is_an_error_that_counts_them() -> None:
    with pytest.raises(ValueError, match="makes 1,000 different numbers and 1,001 are wanted; add"):
        NumberPattern.parse("[N*3]").draw(1001)


def test_a_digit_beside_the_sequence_can_not_make_two_numbers_alike() -> None:
    drawn = NumberPattern.parse("[N][S]").draw(5000, range(5000))
    assert len(set(drawn)) == 5000


@pytest.mark.parametrize("sequence", [None, [], [1], [1, 2, 3]])
def test_the_sequence_must_be_as_long_as_the_draw(sequence: list[int] | None) -> None:
    with pytest.raises(ValueError, match="pass 2 sequence numbers"):
        NumberPattern.parse("[X*10]-[S]").draw(2, sequence)


def test_a_sequence_that_repeats_is_refused() -> None:
    with pytest.raises(ValueError, match="repeats"):
        NumberPattern.parse("[X*10]-[S]").draw(2, [7, 7])


@pytest.mark.parametrize("kind", ["N", "A", "X"])
def test_random_characters_are_uniform(kind: str) -> None:
    alphabet = numbers.ALPHABETS[kind]
    counts = Counter(numbers.random_text(alphabet, 20_000 * len(alphabet)))
    assert set(counts) == set(alphabet)
    # Eight standard deviations of 20,000; folding bytes into an alphabet is off by thousands.
    assert all(abs(count - 20_000) < 8 * 20_000**0.5 for count in counts.values())


@pytest.mark.parametrize("kind", ["N", "A", "X"])
def test_each_character_stands_for_equally_many_bytes(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    every_byte = bytes(range(256))
    monkeypatch.setattr("os.urandom", lambda _: every_byte)
    alphabet = numbers.ALPHABETS[kind]
    text = numbers.random_text(alphabet, 1)
    each = 256 // len(alphabet)
    assert Counter(text) == dict.fromkeys(alphabet, each)


def test_the_minimum_of_a_ticket_is_forty_bits() -> None:
    assert MIN_TICKET_BITS == 40
    assert too_small(NumberPattern.parse("ATF-[X*8]-[S]"), 10**9) is None
    assert too_small(NumberPattern.parse("[N*13]"), 1_000_000) is None


def test_a_small_pattern_is_told_of_with_the_arithmetic() -> None:
    assert too_small(NumberPattern.parse("T[A*2][N*4]"), 100_000) == (
        "T[A*2][N*4] has 22.7 random bits and 40.0 are wanted: it makes 26^2 * 10^4 = 6,760,000 "
        "different numbers, and with 100,000 issued in a year one guess in 67 hits; add [X*4]"
    )
    assert too_small(NumberPattern.parse("ATF-[X*4]-[S]"), 100_000) == (
        "ATF-[X*4]-[S] has 20.7 random bits and 40.0 are wanted: it makes 36^4 = 1,679,616 "
        "different numbers for each number of the sequence, and with 100,000 issued in a year one "
        "guess in 1,679,616 hits; add [X*4]"
    )


def test_a_bare_sequence_is_too_small() -> None:
    assert "every" not in (told := too_small(NumberPattern.parse("[S]"), 10) or "")
    assert "0.0 random bits" in told
    assert "add [X*8]" in told


def test_a_great_many_tickets_want_more_than_forty_bits() -> None:
    told = too_small(NumberPattern.parse("[X*8]"), 100_000_000)
    assert told is not None
    assert "46.5 are wanted" in told
    assert too_small(NumberPattern.parse("[X*9]"), 100_000_000) is None


@given(
    st.sampled_from(["[N*{}]", "[A*{}]", "[X*{}]", "[X*{}]-[S]"]),
    st.integers(1, 20),
    st.integers(0, 10**9),
)
def test_the_remedy_is_enough(form: str, k: int, per_year: int) -> None:
    text = form.format(k)
    told = too_small(NumberPattern.parse(text), per_year)
    if told is not None:
        mended = text + told.rsplit("add ", 1)[1]
        assert too_small(NumberPattern.parse(mended), per_year) is None


def test_wallet_numbers_are_eighteen_digits_without_a_leading_zero() -> None:
    drawn = wallet_reference_numbers(5000)
    assert all(re.fullmatch(r"[1-9][0-9]{17}", number) for number in drawn)
    assert len(set(drawn)) == 5000
    assert {number[0] for number in drawn} == set("123456789")
    assert {number[1] for number in drawn} == set("0123456789")
    assert wallet_reference_numbers(0) == []


def test_an_order_reference_has_the_utc_second() -> None:
    now = datetime(2026, 5, 15, 11, 30, 0, 999_999, tzinfo=timezone(timedelta(hours=2)))
    assert re.fullmatch(r"CM-20260515093000-[A-Z0-9]{4}", order_reference(now))
    assert len({order_reference(datetime(2026, 5, 15, tzinfo=UTC)) for _ in range(50)}) > 1


def test_a_time_without_a_zone_makes_no_order_reference() -> None:
    with pytest.raises(ValueError, match="aware"):
        order_reference(datetime(2026, 5, 15))  # noqa: DTZ001 - what is refused


@pytest.mark.parametrize(
    ("n", "expected"),
    [(0, "TM-IMPORT-000000"), (123, "TM-IMPORT-000123"), (1_234_567, "TM-IMPORT-1234567")],
)
def test_a_job_id_has_at_least_six_digits(n: int, expected: str) -> None:
    assert job_id(n) == expected


def test_a_job_id_is_never_negative() -> None:
    with pytest.raises(ValueError, match="negative"):
        job_id(-1)


def test_a_pattern_runs_out_unless_it_makes_a_hundred_times_the_numbers_of_a_year():
    assert too_few(NumberPattern.parse("E[N*6]"), 10_000) is None
    why = too_few(NumberPattern.parse("E[N*6]"), 10_001)
    assert why is not None
    assert "10^6 = 1,000,000 different numbers, and 1,000,100 are wanted" in why
    assert "add [X*1] or [S]" in why


def test_a_pattern_with_a_sequence_never_runs_out():
    assert too_few(NumberPattern.parse("E[S]"), 1_000_000_000) is None
