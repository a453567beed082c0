"""Lists, a page at a time, by the key of the last row: no page is skipped or repeated while rows come and go.

    async def newest(limit, cursor, storage, cursors) -> Page[DoctorOut]:
        after = cursors.read(cursor, sort="-created_at,-id", filters={"state": state})
        rows = await storage.fetch_all(DOCTORS_AFTER if after else DOCTORS, limit=limit + 1, ...)
        return cursors.page(rows, limit, key=lambda row: (row.created_at, row.id), sort=…, filters=…)

The order always ends in a unique key, and an index serves it: `keyset(columns, descending=True)` makes the condition
for the statement, `(created_at, id) < ($1, $2)`.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final, Generic, TypeVar
from urllib.parse import parse_qsl, urlencode

import msgspec
from litestar import Request, Response
from litestar.params import QueryParameter
from sqlalchemy import ColumnElement, bindparam, tuple_

from core.http.problem_types import INVALID_CURSOR
from core.http.problems import Fault, Problem

T = TypeVar("T")
K = TypeVar("K", bound=msgspec.Struct)

DEFAULT_LIMIT: Final = 20
MAX_LIMIT: Final = 100

Limit = Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="How many rows a page has at most.")]
"""Type of the parameter `limit`; its default is DEFAULT_LIMIT."""

Cursor = Annotated[str | None, QueryParameter(max_length=2048, description="`next_cursor` of the page before.")]
"""Type of the parameter `cursor`; its default is None."""

_VERSION: Final = 1
_MAC_BYTES: Final = 16


class PageInfo(msgspec.Struct, frozen=True):
    """Where a page stands in its list."""

    limit: int
    has_more: bool
    next_cursor: str | None


class Page(msgspec.Struct, Generic[T], frozen=True):
    """One page of a list."""

    data: Sequence[T]
    page: PageInfo


class _Position(msgspec.Struct, frozen=True):
    """What a cursor says, before it is signed."""

    v: int
    sort: str
    filters: str
    keys: list[Any]


class Cursors:
    """Makes and reads cursors: opaque to the client, bound to the order and the filters, authenticated.

    Args:
        keys: secrets; the first signs, all are accepted, so that one can follow another.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = tuple(keys)

    def write(self, keys: Sequence[Any], *, sort: str, filters: Mapping[str, Any]) -> str:
        """Return the cursor that stands after the row with these key values (of JSON, UUID, date or time types)."""
        position = msgspec.json.encode(_Position(_VERSION, sort, _digest(filters), list(keys)))
        return urlsafe_b64encode(_mac(self._keys[0], position) + position).rstrip(b"=").decode()

    def read(self, cursor: str | None, *, kind: type[K], sort: str, filters: Mapping[str, Any]) -> K | None:
        """Return the key values in `cursor` as the Struct `kind`, field by field; None where there is no cursor.

        Raises:
            Problem: 400 `invalid_cursor`: it was changed, or belongs to another list, order or filter.
        """
        if cursor is None:
            return None
        try:
            raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
            mac, position = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
            if not any(hmac.compare_digest(mac, _mac(key, position)) for key in self._keys):
                raise _invalid()
            found = msgspec.json.decode(position, type=_Position)
            if (found.v, found.sort, found.filters) != (_VERSION, sort, _digest(filters)):
                raise _invalid()
            names = kind.__struct_fields__
            return msgspec.convert(dict(zip(names, found.keys, strict=True)), kind)
        except (UnicodeError, Base64Error, ValueError):
            raise _invalid() from None

    def page(
        self,
        rows: Sequence[T],
        limit: int,
        *,
        key: Callable[[T], Sequence[Any]],
        sort: str,
        filters: Mapping[str, Any],
    ) -> Page[T]:
        """Return the page of `rows`, of which `limit + 1` were asked for; `key` gives a row's place in the order."""
        shown = rows[:limit]
        has_more = len(rows) > limit
        following = self.write(key(shown[-1]), sort=sort, filters=filters) if has_more else None
        return Page(shown, PageInfo(limit, has_more, following))


def with_links(request: Request[Any, Any, Any], page: Page[T]) -> Response[Page[T]]:
    """Return the answer for `page`, with `Link` headers (RFC 8288) to the first and the next page."""
    given = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    query = [(name, value) for name, value in given if name != "cursor"]
    links = [_link(request.scope["path"], query, "first")]
    if page.page.next_cursor:
        links.append(_link(request.scope["path"], [*query, ("cursor", page.page.next_cursor)], "next"))
    return Response(page, headers={"Link": ", ".join(links)})


def _link(path: str, query: Sequence[tuple[str, str]], relation: str) -> str:
    return f'<{path}{"?" if query else ""}{urlencode(query)}>; rel="{relation}"'


def keyset(columns: Mapping[str, ColumnElement[Any]], *, descending: bool = False) -> ColumnElement[bool]:
    """Return the condition for the rows after a cursor: `(a, b) > ($1, $2)`, or `<` where the order descends.

    Args:
        columns: the order's columns by the names of the statement's parameters; the last one is unique.
        descending: whether all of them descend.
    """
    row = tuple_(*columns.values())
    last = tuple_(*(bindparam(name, type_=column.type) for name, column in columns.items()))
    return row < last if descending else row > last


def _mac(key: bytes, position: bytes) -> bytes:
    return hmac.digest(key, position, "sha256")[:_MAC_BYTES]


def _digest(filters: Mapping[str, Any]) -> str:
    """Return what tells one set of filters from another; an absent filter is as good as None."""
    given = {name: value for name, value in sorted(filters.items()) if value is not None}
    return hashlib.sha256(msgspec.json.encode(given)).hexdigest()[:16]


def _invalid() -> Problem:
    fault = Fault("?cursor", INVALID_CURSOR.code, "Pass on next_cursor as it is, with the same filters and order.")
    return Problem(INVALID_CURSOR, faults=[fault])
