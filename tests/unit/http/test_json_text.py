"""JSON text that means nothing, or something else to the next reader, is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.json_text import MAX_DEPTH, UnacceptableJson, faults_in_text, parse

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",))),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_characters="\0", codec="utf-8")), inner)
    ),
)


def nested(depth: int) -> bytes:
    return b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)


@given(value=JSON, ascii_only=st.booleans())
def test_good_text_is_what_the_standard_library_says(value: object, *, ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b'{"a": 1,}',
        b'{"a": 1} x',
        b'{"a": 1}{"b": 2}',
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "\xff"}',
        b'{"a": "\xed\xa0\x80"}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 01}',
        b'{"a": .5}',
        b'{"a": "\x00"}',
        b'{"a": "\\u0000"}',
        b'{"\\u0000": 1}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": 9223372036854775808}',
        b'{"a": ' + b"9" * 5000 + b"}",
        nested(MAX_DEPTH + 1),
        nested(100_000),
        b"[" * 100_000,
        b'{"a":' + b"[" * 64 + b"]" * 64 + b"}",
        b"{'a': 1}",
        b'{"a": tru}',
        b'{"a"\n',
    ],
)
def test_unacceptable_text_is_refused(body: bytes) -> None:
    with pytest.raises(UnacceptableJson):
        parse(body)


@pytest.mark.parametrize(
    "body",
    [
        nested(MAX_DEPTH),
        b'{"a": "\\\\u0000"}',
        b'{"a": -0}',
        b'{"a": -9223372036854775808}',
        b'{"a": "\\ud83d\\ude00"}',
    ],
)
def test_what_only_looks_unacceptable_passes(body: bytes) -> None:
    assert isinstance(parse(body), dict)


def test_every_place_is_named() -> None:
    body = b'{"a": 1, "a": {"b/c": "\\u0000", "d": NaN, "e": [1, 99999999999999999999]}, "f": "\\ud800"}'
    found = {(fault.pointer, fault.code) for fault in faults_in_text(body)}
    assert found == {
        ("/a", "duplicate_key"),
        ("/a/b~1c", "nul_character"),
        ("/a/d", "not_a_number"),
        ("/a/e/1", "range"),
        ("/f", "lone_surrogate"),
    }


def test_the_place_of_too_deep_nesting_is_named() -> None:
    (fault,) = faults_in_text(nested(70))
    assert (fault.pointer, fault.code) == ("/a" * MAX_DEPTH, "nesting")
