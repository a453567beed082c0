"""What the journal keeps of a request: bounded, without credentials, and storable whatever the client sent."""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Final
from uuid import UUID

import msgspec

from plugins.verification.stub.rules.request import StubRequest

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

_REMEMBERED: Final = 1_024
"""Names of headers about which is known what is kept of them; clients send the same few again and again."""


class JournalEntry(msgspec.Struct, frozen=True):
    """One request and what came of it. The fields are the columns that the journal's writer gives.

    Attributes:
        id: names the entry.
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
        created_at: when the request came, in UTC.
    """

    id: UUID
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
    created_at: datetime

    def request(self) -> StubRequest:
        """Return the request as criteria see it."""
        return StubRequest(method=self.method, path=self.path, query=self.query, headers=self.headers, body=self.body)


def kept(entry: JournalEntry) -> JournalEntry:
    """Return what is stored of `entry`: credentials redacted, sizes bounded, characters that PostgreSQL can hold.

    NUL and lone surrogates become U+FFFD, in names and values alike.
    """
    query, query_is_cut = _kept_query(entry.query)
    headers, headers_are_cut = _kept_headers(entry.headers)
    is_cut = query_is_cut or headers_are_cut or len(entry.body) > MAX_BODY or len(entry.path) > MAX_PATH
    return JournalEntry(
        entry.id,
        storable(entry.method[:MAX_NAME]),
        storable(entry.path[:MAX_PATH]),
        query,
        headers,
        entry.body[:MAX_BODY],
        entry.truncated or is_cut,
        entry.status,
        entry.matched_rule,
        _short(entry.session),
        entry.duration_ms,
        _short(entry.trace_id),
        _short(entry.request_id),
        entry.created_at,
    )


def size(entry: JournalEntry) -> int:
    """Return how many bytes of memory an entry takes, roughly and never much less."""
    headers, query = entry.headers, entry.query
    characters = len(entry.path) + sum(map(len, headers)) + sum(map(len, headers.values())) + sum(map(len, query))
    for values in query.values():
        characters += sum(map(len, values))
    return _OVERHEAD + len(entry.body) + 2 * characters


def storable(text: str) -> str:
    """Return `text` with U+FFFD in the place of what PostgreSQL's text cannot hold: NUL and lone surrogates."""
    if text.isascii():
        return text.replace("\0", "\ufffd") if "\0" in text else text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").replace("\0", "\ufffd")


def _short(text: str | None) -> str | None:
    return None if text is None else storable(text[:MAX_NAME])


def _kept_query(query: Mapping[str, list[str]]) -> tuple[dict[str, list[str]], bool]:
    """Return what is kept of the parameters, and whether that is not all."""
    is_cut = len(query) > MAX_NAMES
    found: dict[str, list[str]] = {}
    for name, values in islice(query.items(), MAX_NAMES):
        is_cut = (
            is_cut or len(name) > MAX_NAME or len(values) > MAX_NAMES or max(map(len, values), default=0) > MAX_TEXT
        )
        found[storable(name[:MAX_NAME])] = [storable(value[:MAX_TEXT]) for value in values[:MAX_NAMES]]
    return found, is_cut


def _kept_headers(headers: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """Return what is kept of the headers, and whether that is not all."""
    is_cut = len(headers) > MAX_NAMES
    found: dict[str, str] = {}
    for name, value in islice(headers.items(), MAX_NAMES):
        is_long = len(name) > MAX_NAME
        key, is_credential = _header_name(name) if is_long else _known_header_name(name)
        is_cut = is_cut or is_long or len(value) > MAX_TEXT
        found[key] = REDACTED if is_credential else storable(value[:MAX_TEXT])
    return found, is_cut


def _header_name(name: str) -> tuple[str, bool]:
    """Return the name under which a header is kept, and whether its value is a credential."""
    return storable(name[:MAX_NAME]).lower(), _CREDENTIAL.search(name.lower()) is not None


_known_header_name: Final = lru_cache(_REMEMBERED)(_header_name)
