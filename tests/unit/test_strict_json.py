import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from channel_manager.errors import InvalidInput
from channel_manager.strict_json import MAX_DEPTH, dumps, loads

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
)
# What a fuzzer of JSON would put together: pieces that each mean something.
MARKS = [b"[", b"]", b"{", b"}", b'"', b"\\", b",", b":", b"1", b"-", b"e9", b".", b" ", b'"a":']
WORDS = [b"true", b"null", b"NaN", b"Infinity", b"\\u0000", b"\\ud800", b"\\udc00"]
BYTES = [b"\xff", b"\0", b"\xc3\xa9", b"\xef\xbb\xbf"]
PIECES = st.lists(st.sampled_from([*MARKS, *WORDS, *BYTES]), max_size=60).map(b"".join)


@given(JSON)
def test_all_json_that_says_something_is_read(value):
    assert loads(json.dumps(value).encode()) == value
    assert loads(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary() | PIECES)
def test_anything_else_is_refused_and_never_breaks_the_gate(body):
    try:
        value = loads(body)
    except InvalidInput:
        return
    assert value == json.loads(body)
    # What got through can be stored and sent.
    dumps(value).decode("utf-8")
    assert "\0" not in json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b'{"a": [{"b": NaN}]}', "a[0].b"),
        (b'{"a": -Infinity}', "a"),
        (b'{"a": 1e999}', "a"),
        (b'{"a": "x\\u0000"}', "a"),
        (b'{"a": ["\\ud83d"]}', "a[0]"),
        (b'{"a": {"b": 1, "b": 2}}', "a.b"),
        (b'{"\\u0000": 1}', ""),
        (b"[" * 900 + b"]" * 900, ""),
        (b"1" * 100, ""),
        (b"\xef\xbb\xbf{}", ""),
        ('{"a": "é"}'.encode("latin-1"), ""),
        ("{}".encode("utf-16"), ""),
        (b"", ""),
        (b"{'a': 1}", ""),
        (b"{} {}", ""),
        (b'{"a": 1,}', ""),
    ],
)
def test_what_is_wrong_is_named_with_its_place(body, path):
    with pytest.raises(InvalidInput) as refused:
        loads(body)
    assert refused.value.problems[0].path == path


def test_a_body_may_be_as_deep_as_the_limit_and_no_deeper():
    assert loads(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(InvalidInput, match="deeper"):
        loads(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))


def test_brackets_in_strings_are_not_depth():
    assert loads(b'["' + b"[{" * 100 + b'\\"[[[["]') == ["[{" * 100 + '"[[[[']


def test_a_large_number_is_exact():
    assert loads(b"[100000000000000000000]") == [10**20]
    assert math.isclose(loads(b"[1.5e300]")[0], 1.5e300)


@pytest.mark.parametrize("ending", [b"", b"\\"])
def test_a_string_that_never_ends_takes_no_longer_than_it_is_read(ending):
    # By a process that can be stopped: with backtracking this took minutes, inside one C call.
    body = b'"' + b'\\"' * 500_000 + ending
    code = (
        "import sys; from channel_manager.strict_json import loads, InvalidInput\n"
        "try: loads(sys.stdin.buffer.read())\n"
        "except InvalidInput: print('refused')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=body, capture_output=True, timeout=60, check=True
    )
    assert done.stdout.strip() == b"refused"
