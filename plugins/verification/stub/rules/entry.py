"""What the journal keeps of a request: bounded, without credentials, and storable whatever the client sent."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from typing import Final, TypeVar
from uuid import UUID

import msgspec

from plugins.verification.stub.rules.request import StubRequest

T = TypeVar("T")

MAX_BODY: Final = 64 * 1024
"""Bytes of a body that are kept; the rest is cut off."""

MAX_PATH: Final = 512
"""Characters of a path that are kept; an index holds them."""

MAX_NAMES: Final = 100
MAX_NAME: Final = 200
MAX_TEXT: Final = 4_096
"""How many headers and parameters are kept, and how many characters of a name and of a value."""

REDACTED: Final = "[redacted]"
_CREDENTIAL: Final = re.compile(r"authori[sz]ation|cookie|api[-_]?key|token|secret|passw|signature|csrf|xsrf|jwt")
"""Names of headers whose values are never kept: Authorization, Cookie, X-API-Key and their kind."""

_OVERHEAD: Final = 2_048
"""Bytes that an entry takes beside its texts and its body, roughly."""


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One request and what came of it.

    Attributes:
        id: names the entry.
        at: when the request came, in UTC.
        method: in capitals.
        path: decoded, without the query.
        query: every value of each parameter, in order.
        headers: by name in lower case, credentials redacted.
        body: its first 64 KiB.
        truncated: whether anything was cut off.
        status: of the answer.
        matched_rule: the overlay rule that answered; None where the real handler did.
        session: the client's `X-Stub-Session`, if any.
        duration_ms: milliseconds until the answer had been sent, delays included.
        trace_id: the request's trace, 32 hexadecimal digits, where there is one.
        request_id: the request's identifier, as answered in `X-Request-Id`.
    """

    id: UUID
    at: datetime
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    truncated: bool
    status: int
    matched_rule: UUID | None
    session: str | None
    duration_ms: float
    trace_id: str | None
    request_id: str | None

    def request(self) -> StubRequest:
        """Return the request as criteria see it."""
        return StubRequest(method=self.method, path=self.path, query=self.query, headers=self.headers, body=self.body)


class Kept(msgspec.Struct, frozen=True):
    """The part of an entry that its client determines, ready to be stored, and whether it is all there."""

    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    truncated: bool


def kept(entry: JournalEntry) -> Kept:
    """Return what is stored of `entry`: credentials redacted, sizes bounded, characters that PostgreSQL can hold.

    NUL and lone surrogates become U+FFFD, in names and values alike.
    """
    query = {_name(name): _texts(values) for name, values in _first(entry.query.items())}
    headers = {_name(name).lower(): _header(name, value) for name, value in _first(entry.headers.items())}
    cut = (
        entry.truncated
        or len(entry.body) > MAX_BODY
        or len(entry.path) > MAX_PATH
        or _is_cut(entry.headers, ((value,) for value in entry.headers.values()))
        or _is_cut(entry.query, entry.query.values())
        or any(len(values) > MAX_NAMES for values in entry.query.values())
    )
    return Kept(storable(entry.path[:MAX_PATH]), query, headers, entry.body[:MAX_BODY], cut)


def size(entry: JournalEntry) -> int:
    """Return how many bytes of memory an entry takes, roughly and never much less."""
    texts = sum(len(name) + len(value) for name, value in entry.headers.items())
    parameters = sum(len(name) + sum(map(len, values)) for name, values in entry.query.items())
    return _OVERHEAD + len(entry.body) + 2 * (texts + parameters + len(entry.path))


def storable(text: str) -> str:
    """Return `text` with U+FFFD in the place of what PostgreSQL's text cannot hold: NUL and lone surrogates."""
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "\ufffd")


def _first(items: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    return islice(items, MAX_NAMES)


def _name(name: str) -> str:
    return storable(name[:MAX_NAME])


def _header(name: str, value: str) -> str:
    return REDACTED if _CREDENTIAL.search(name.lower()) else storable(value[:MAX_TEXT])


def _texts(values: list[str]) -> list[str]:
    return [storable(value[:MAX_TEXT]) for value in values[:MAX_NAMES]]


def _is_cut(names: Mapping[str, object], values: Iterable[Iterable[str]]) -> bool:
    return (
        len(names) > MAX_NAMES
        or any(len(name) > MAX_NAME for name in names)
        or any(len(value) > MAX_TEXT for texts in values for value in texts)
    )
