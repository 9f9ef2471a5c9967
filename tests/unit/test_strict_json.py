import json
import math
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channel_manager.errors import InvalidInput
from channel_manager.strict_json import MAX_DEPTH, MAX_NUMBER, MAX_PROBLEMS, dumps, loads

MIB = 1 << 20
LONG = "9" * (MAX_NUMBER + 1)


def problems(body: bytes | str) -> list[tuple[str, str]]:
    raw = body.encode() if isinstance(body, str) else body
    with pytest.raises(InvalidInput) as caught:
        loads(raw)
    error = caught.value
    assert error.status == 400
    assert error.code == "invalid_input"
    assert len(dumps(error.body())) < 10_000
    return [(p.path, p.message) for p in error.problems]


def places(body: bytes | str) -> list[str]:
    return [path for path, _ in problems(body)]


def test_an_ordinary_body_comes_as_the_standard_library_reads_it():
    body = '{"items": [{"quantity": 2, "name": "Søren Ærø 🎟️ 王", "paid": true, "x": null}]}'
    assert loads(body.encode()) == json.loads(body)


@pytest.mark.parametrize("text", ["0", "-0", "1.5", "-1e5", "1E400000000000000000e", '"a"', "null"])
def test_scalars_are_json_too(text):
    try:
        expected = json.loads(text)
    except ValueError:
        assert places(text) == [""]
    else:
        assert loads(text.encode()) == expected


def test_numbers_keep_their_kind():
    values = loads(b"[1, 1.0, true, 100000000000000000000]")
    assert [type(v) for v in values] == [int, float, bool, int]
    assert values[3] == 10**20


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ('{"a": 1, "a": 1}', "a", "given more than once; send it once"),
        ('{"items": [{"q": 1, "q": 2}]}', "items[0].q", "given more than once; send it once"),
        ('{"a": 1, "\\u0061": 2}', "a", "given more than once; send it once"),
        (
            '{"items": [{"wallet": {"names": ["x", "a\\u0000b"]}}]}',
            "items[0].wallet.names[1]",
            "has the NUL character (\\u0000) in it; leave it out",
        ),
        (
            '["\\ud800"]',
            "[0]",
            "has half of a surrogate pair (\\ud800); send whole characters",
        ),
        (
            '{"a": "\\\\ud83c\\udf9f"}',
            "a",
            "has half of a surrogate pair (\\udf9f); send whole characters",
        ),
        (
            '{"a\\u0000": 1}',
            '["a\\u0000"]',
            "the key has the NUL character (\\u0000) in it; leave it out",
        ),
        (
            '{"o": {"\\uDFFF": 1}}',
            'o["\\udfff"]',
            "the key has half of a surrogate pair (\\udfff); send whole characters",
        ),
        ('{"price": NaN}', "price", "NaN can't be kept as a number; send a finite one"),
        ('{"a": [-Infinity]}', "a[0]", "-Infinity can't be kept as a number; send a finite one"),
        ('{"a": 1e999}', "a", "1e999 can't be kept as a number; send a finite one"),
        ('{"a": ' + LONG + "}", "a", "a number of 101 characters; send at most 100"),
        ('{"a": -1.' + LONG + "}", "a", "a number of 104 characters; send at most 100"),
        ("", "", "the body is empty; send a JSON object"),
        (" \n", "", "the body is empty; send a JSON object"),
        ('{"a": 1}\n x', "", "not JSON at line 2, column 2: Extra data"),
        ('{"a": 1,}', "", None),
        ('{\n  "a" 1}', "", "not JSON at line 2, column 7: Expecting ':' delimiter"),
        ('{"a": "x\ny"}', "", "not JSON at line 1, column 9: Invalid control character"),
        ('["abc', "", "not JSON at line 1, column 2: Unterminated string"),
        (b'{"a": "\x00"}', "", None),
        (b'\xef\xbb\xbf{"a": 1}', "", "starts with a byte order mark; send UTF-8 without one"),
        (b'{"a": "\xff"}', "", "not UTF-8 at byte 7; send the body as UTF-8"),
        (b'{"a": "\xed\xa0\x80"}', "", "not UTF-8 at byte 7; send the body as UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "", "not UTF-8 at byte 0; send the body as UTF-8"),
        ('{"a": 1}'.encode("utf-16-le"), "", None),
    ],
)
def test_what_is_wrong_is_told_with_its_place(body, path, message):
    found = problems(body)
    assert [p for p, _ in found] == [path]
    if message is not None:
        assert found[0][1] == message


def test_all_places_are_told_at_once_in_their_order():
    body = '{"a": 1e999, "b": ["\\u0000", {"c": 1, "c": "\\udc00"}], "a": NaN}'
    assert places(body) == ["a", "b[0]", "b[1].c", "b[1].c", "a", "a"]


def test_a_key_given_many_times_is_told_once():
    assert places('{"a":1,"a":2,"a":3}') == ["a"]


def test_no_more_places_are_told_than_a_person_reads():
    assert len(places("[" + "NaN," * 1000 + "NaN]")) == MAX_PROBLEMS


def test_keys_that_look_like_paths_are_quoted_and_long_ones_cut():
    assert places('{"a.b": {"": NaN}}') == ['["a.b"][""]']
    assert places('{"Ærø": {"b c": NaN}}') == ["Ærø.b c"]
    assert len(places('{"' + "k" * 100_000 + '": NaN}')[0]) < 100


def nested(depth: int, inner: str = "") -> str:
    return "[" * depth + inner + "]" * depth


def test_depth_is_taken_up_to_the_limit_and_not_beyond():
    assert loads(nested(MAX_DEPTH).encode()) == json.loads(nested(MAX_DEPTH))
    assert loads(nested(MAX_DEPTH, "1, 2").encode()) == json.loads(nested(MAX_DEPTH, "1, 2"))
    assert places(nested(MAX_DEPTH + 1)) == ["[0]" * MAX_DEPTH]


def test_brackets_side_by_side_or_in_text_are_not_depth():
    for body in ("[" + "[{}]," * 1000 + "0]", json.dumps({"a": "[" * 5000 + '\\"{' * 100})):
        assert loads(body.encode()) == json.loads(body)


@pytest.mark.parametrize("depth", [900, 990, 1000, 5000, 300_000])
def test_what_is_far_too_deep_is_told_with_its_first_place(depth):
    assert places('{"a": [1, {"b[": "\\"[", "c": ' + nested(depth) + "}]}") == [
        "a[1].c" + "[0]" * (MAX_DEPTH - 3)
    ]
    objects = '{"a":' * depth + "1" + "}" * depth
    assert places(objects) == [".".join("a" * MAX_DEPTH)]


@pytest.mark.parametrize(
    "body",
    [
        b"[" * MIB,
        b'{"a":' * (MIB // 5),
        b"[" + b'"",' * (MIB // 3) + b"[" * 2000,
        b'["' + b'\\"' * (MIB // 2),
        b'"' * MIB,
        b"1" * MIB,
        b"-0." + b"1" * MIB,
        b"1e" + b"1" * MIB,
        b'{"a":1' + b',"a":1' * (MIB // 6) + b"}",
        b'["' + b"\\u0000" * (MIB // 6) + b'"]',
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_large_hostile_body_is_refused_like_a_small_one(body):
    assert len(problems(body)) == 1


def test_surrogate_halves_that_make_a_whole_are_text():
    assert loads(b'{"\\ud83c\\udf9f": "\\uD83C\\uDF9F"}') == {"🎟": "🎟"}
    assert loads(b'"\\\\u0000 \\\\ud800"') == "\\u0000 \\ud800"


def same(found: object, expected: object) -> bool:
    return json.dumps(found) == json.dumps(expected)


json_like = st.text(alphabet='{}[]",:\\u0daDfF8eE1.-+ \n\x00ntrNIé🎟', max_size=60)


@given(st.binary(max_size=60) | json_like.map(str.encode))
def test_any_bytes_are_either_what_json_reads_or_refused(body):
    try:
        found = loads(body)
    except InvalidInput as error:
        told = json.loads(dumps(error.body()))
    else:
        assert same(found, json.loads(body))
        return
    assert told["errors"]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(texts, inner, max_size=5),
    max_leaves=30,
)


@given(values)
def test_what_is_written_is_read_back(value):
    assert same(loads(dumps(value)), value)


@given(values, st.booleans())
def test_what_others_write_is_read(value, ascii_only):
    body = json.dumps(value, ensure_ascii=ascii_only, indent=1)
    assert same(loads(body.encode()), value)


@given(values, st.sampled_from(['"\\u0000"', '"\\udead"', "NaN", "-1e999", '{"x":0,"x":0}', LONG]))
def test_one_fault_anywhere_is_found_at_its_place(value, fault):
    body = f'{{"before": {json.dumps(value)}, "items": [0, {{"here": {fault}}}]}}'
    assert places(body) == ["items[1].here" + (".x" if "x" in fault else "")]


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3))
def test_a_decimal_is_written_with_its_own_digits_and_no_exponent(amount):
    written = dumps([amount])[1:-1].decode()
    assert Decimal(written) == amount
    assert "e" not in written.lower()
    assert not ("." in written and written.endswith(("0", ".")))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Decimal("100.00"), b"100"),
        (Decimal("99.99"), b"99.99"),
        (Decimal("0.125"), b"0.125"),
        (Decimal("-0.00"), b"0"),
        (Decimal("1E+3"), b"1000"),
        (Decimal("1E-7"), b"0.0000001"),
        (Decimal("79.992").quantize(Decimal("0.01")), b"79.99"),
        (datetime(2026, 5, 15, 9, 30, 0, 999_999, tzinfo=UTC), b'"2026-05-15T09:30:00Z"'),
        (
            datetime(2026, 5, 15, 11, 30, tzinfo=timezone(timedelta(hours=2))),
            b'"2026-05-15T09:30:00Z"',
        ),
        (date(2026, 5, 15), b'"2026-05-15"'),
        (time(9, 5), b'"09:05:00"'),
        (time(9, 5, 7, 5), b'"09:05:07"'),
        (
            UUID("7A1F5AD6-64CB-4AD0-8A49-8F4A6B3D2C1E"),
            b'"7a1f5ad6-64cb-4ad0-8a49-8f4a6b3d2c1e"',
        ),
        ({"a": [1, "Ærø"]}, '{"a":[1,"Ærø"]}'.encode()),
    ],
)
def test_a_reply_is_written_as_the_contract_says(value, written):
    assert dumps(value) == written


@pytest.mark.parametrize(
    "value",
    [
        Decimal("NaN"),
        Decimal("-Infinity"),
        datetime(2026, 5, 15),  # noqa: DTZ001 - meant
        pytest.param(object(), id="object"),
        {1: 2},
    ],
    ids=repr,
)
def test_what_json_cannot_say_is_an_error_and_not_something_else(value):
    with pytest.raises(TypeError):
        dumps(value)


def test_money_is_not_what_a_binary_float_makes_of_it():
    total = sum([Decimal("0.10")] * 3, Decimal(0))
    assert dumps(total) == b"0.3"
    assert not math.isclose(0.1 + 0.1 + 0.1, 0.3, rel_tol=0, abs_tol=0)
