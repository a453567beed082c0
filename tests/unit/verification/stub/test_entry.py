"""What the journal keeps of a request: bounded, without credentials, and storable."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.stub.rules import entry as rules
from tests.plugins.verification.stub.journals import entry

anything = st.text(alphabet=st.characters(exclude_categories=()), max_size=20)


@pytest.mark.parametrize(
    "name",
    ["Authorization", "authorization", "Cookie", "Set-Cookie", "X-Api-Key", "x-apikey", "Proxy-Authorization",
     "X-Auth-Token", "X-CSRF-Token", "X-Amz-Security-Token", "Stripe-Signature", "X-Client-Secret"],
)  # fmt: skip
def test_credentials_are_never_kept(name):
    kept = rules.kept(entry(headers={name: "planted-secret"}))
    assert kept.headers == {name.lower(): rules.REDACTED}
    assert b"planted-secret" not in msgspec.msgpack.encode(kept)


@pytest.mark.parametrize("name", ["Accept", "Idempotency-Key", "X-Stub-Session", "User-Agent", "X-Request-Id"])
def test_other_headers_are_kept_by_their_names_in_lower_case(name):
    assert rules.kept(entry(headers={name: "v"})).headers == {name.lower(): "v"}


@given(
    anything, st.dictionaries(anything, st.lists(anything, max_size=3), max_size=3), st.dictionaries(anything, anything)
)
def test_whatever_a_client_sends_can_be_stored_as_text(path, query, headers):
    kept = rules.kept(entry(path=path, query=query, headers=headers))
    written = msgspec.json.encode([kept.path, kept.query, kept.headers])
    assert b"\\u0000" not in written
    assert "\0" not in kept.path


@given(st.text(alphabet=st.characters(exclude_categories=("Cs",), exclude_characters="\0")))
def test_ordinary_text_stays_as_it_is(text):
    assert rules.storable(text) == text


def test_what_postgres_cannot_hold_becomes_the_replacement_character():
    assert rules.storable("a\0b") == "a\ufffdb"
    assert rules.storable("a\ud800b\udfff") == "a\ufffdb\ufffd"
    assert rules.storable("\U0001f600\ud83d") == "\U0001f600\ufffd"


@pytest.mark.parametrize(
    "parts",
    [
        {"body": b"x" * (rules.MAX_BODY + 1)},
        {"path": "/" + "x" * rules.MAX_PATH},
        {"headers": {"x": "v" * (rules.MAX_TEXT + 1)}},
        {"headers": {f"x-{number}": "v" for number in range(rules.MAX_NAMES + 1)}},
        {"headers": {"x" * (rules.MAX_NAME + 1): "v"}},
        {"query": {"x": ["v" * (rules.MAX_TEXT + 1)]}},
        {"query": {"x": ["v"] * (rules.MAX_NAMES + 1)}},
        {"truncated": True},
    ],
)
def test_what_is_too_long_is_cut_and_the_entry_says_so(parts):
    kept = rules.kept(entry(**parts))
    assert kept.truncated
    assert len(kept.body) <= rules.MAX_BODY
    assert len(kept.path) <= rules.MAX_PATH
    assert len(kept.headers) <= rules.MAX_NAMES
    assert all(len(name) <= rules.MAX_NAME and len(value) <= rules.MAX_TEXT for name, value in kept.headers.items())
    assert all(len(values) <= rules.MAX_NAMES for values in kept.query.values())


@pytest.mark.parametrize(
    "parts", [{}, {"body": b"x" * rules.MAX_BODY}, {"path": "/" + "x" * (rules.MAX_PATH - 1)}, {"query": {"x": ["v"]}}]
)
def test_what_fits_is_kept_whole(parts):
    kept = rules.kept(entry(**parts))
    assert not kept.truncated
    assert kept.body == parts.get("body", b"")


def test_the_size_of_an_entry_grows_with_what_it_holds():
    plain = rules.size(entry())
    assert rules.size(entry(body=b"x" * 1_000)) == plain + 1_000
    assert rules.size(entry(query={"a": ["x" * 500]})) > plain + 500
    assert rules.size(entry(headers={"a": "x" * 500})) > plain + 500
