"""JSON text that means nothing, or something else to the next reader, is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.http.json_text import MAX_DEPTH, MAX_VALUES, UnacceptableJson, faults_in_text, parse

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


WIDE = [
    b'{"a": [' + b"1," * MAX_VALUES + b"1]}",
    b'{"a": [' + b"[]," * MAX_VALUES + b"[]]}",
    b'{"a": [' + b"{}," * MAX_VALUES + b"{}]}",
    b"{" + b",".join(b'"k%d":1' % number for number in range(MAX_VALUES + 1)) + b"}",
    b'{"a": [' + b'"",' * MAX_VALUES + b'""]}',
    b'{"a": "' + b'""' * (2 * MAX_VALUES) + b'"}',
]


@pytest.mark.parametrize("body", WIDE)
def test_a_body_of_too_many_values_is_refused_before_they_are_made(body: bytes) -> None:
    with pytest.raises(UnacceptableJson, match="more than 50000 values"):
        parse(body)
    assert list(faults_in_text(body)) == []


@pytest.mark.parametrize(
    "text",
    [",[{" * MAX_VALUES, "\\" * MAX_VALUES, '"' * MAX_VALUES, '\\"' * MAX_VALUES, "]}" * MAX_VALUES, '\\"' * 50_000],
)
def test_what_looks_like_values_inside_of_a_string_is_text(text: str) -> None:
    body = json.dumps({"a": text}).encode()
    assert len(body) > MAX_VALUES
    assert parse(body) == {"a": text}


@pytest.mark.parametrize("quoted", ['"', "\\", "[[[", "}}}", '\\"'])
def test_depth_is_that_of_the_structure_whatever_strings_say(quoted: str) -> None:
    deepest: Any = quoted
    for _ in range(MAX_DEPTH - 1):
        deepest = [quoted, deepest]
    assert parse(json.dumps({"a": deepest}).encode())
    with pytest.raises(UnacceptableJson, match="nested"):
        parse(json.dumps({"a": [deepest]}).encode())


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63)])
def test_the_last_integers_fit(number: int) -> None:
    assert parse(b'{"a": %d}' % number) == {"a": number}
    with pytest.raises(UnacceptableJson, match="64 bits"):
        parse(b'{"a": %d}' % (number + (1 if number > 0 else -1)))
