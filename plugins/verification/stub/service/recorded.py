"""What the journal tells: entries one by one, a page at a time, and how often something was asked."""

import codecs
import hashlib
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from core.http.pagination import Cursors, Page
from core.http.problems import Fault, Problem
from plugins.verification.stub.journal_problems import INVALID_CRITERIA, JOURNAL_ENTRY_NOT_FOUND
from plugins.verification.stub.queries.journal import BY_ID, FORGET, JournalFilters, JournalRow, page
from plugins.verification.stub.rules.criteria import Criteria
from plugins.verification.stub.schemas.journal import JournalCheck, JournalCheckOut, JournalEntryOut
from plugins.verification.stub.service.search import Search
from plugins.verification.stub.service.search_room import SearchRoom
from ports.storage import Storage

_SORT: Final = "-seq"


class _Place(msgspec.Struct, frozen=True):
    """Where a page ended."""

    seq: int


async def entry(storage: Storage, entry_id: UUID) -> JournalEntryOut:
    """Return one entry. Raises Problem 404 `journal_entry_not_found`."""
    row = await storage.fetch_one(BY_ID, entry_id=entry_id)
    if row is None:
        raise Problem(JOURNAL_ENTRY_NOT_FOUND)
    return _told(row)


async def forget(storage: Storage, entry_id: UUID) -> None:
    """Delete one entry. Raises Problem 404 `journal_entry_not_found`."""
    if not await storage.execute(FORGET, entry_id=entry_id):
        raise Problem(JOURNAL_ENTRY_NOT_FOUND)


async def entries(
    storage: Storage, cursors: Cursors, filters: JournalFilters, cursor: str | None, limit: int
) -> Page[JournalEntryOut]:
    """Return the page after `cursor` of the entries under `filters`, the newest first.

    Raises:
        Problem: 400 `invalid_cursor`.
    """
    wanted = msgspec.to_builtins(filters)
    after = cursors.read(cursor, kind=_Place, sort=_SORT, filters=wanted)
    given = msgspec.structs.replace(filters, before=after.seq if after else None).given()
    rows = await storage.fetch_all(page(frozenset(given)), count=limit + 1, **given)
    return _page(cursors, rows, limit, wanted)


async def find(
    storage: Storage, room: SearchRoom, cursors: Cursors, criteria: Criteria, cursor: str | None, limit: int
) -> Page[JournalEntryOut]:
    """Return the page after `cursor` of the entries that match, the newest first.

    Raises:
        Problem: 400 `invalid_cursor`; 422 `invalid_criteria`, `search_too_broad`; 503 `overloaded`.
    """
    search = Search(storage, room, criteria)
    wanted = {"criteria": hashlib.sha256(msgspec.json.encode(criteria, order="deterministic")).hexdigest()}
    after = cursors.read(cursor, kind=_Place, sort=_SORT, filters=wanted)
    rows = await search.find(after.seq if after else None, limit + 1)
    return _page(cursors, rows, limit, wanted)


async def check(storage: Storage, room: SearchRoom, wanted: JournalCheck) -> JournalCheckOut:
    """Tell whether requests came as often as they were to; where too few did, which came closest.

    Raises:
        Problem: 422 `invalid_criteria`, `search_too_broad`; 503 `overloaded`.
    """
    least, most = _bounds(wanted)
    search = Search(storage, room, wanted)
    count = await search.count()
    return JournalCheckOut(
        passed=least <= count and (most is None or count <= most),
        count=count,
        near_misses=await search.nearest() if count < least else [],
    )


def _bounds(wanted: JournalCheck) -> tuple[int, int | None]:
    """Return how often at least and at most. Raises Problem 422 `invalid_criteria` where that contradicts itself."""
    between = wanted.at_least is not None or wanted.at_most is not None
    if (wanted.exactly is not None) + between + (wanted.never is not None) > 1:
        raise _contradiction("", "Give `exactly`, or `at_least` and `at_most`, or `never`.")
    if wanted.never is False:
        raise _contradiction("/never", "`never` is true or is left out.")
    if wanted.never:
        return 0, 0
    if wanted.exactly is not None:
        return wanted.exactly, wanted.exactly
    if not between:
        return 1, None
    least, most = wanted.at_least or 0, wanted.at_most
    if most is not None and least > most:
        raise _contradiction("/at_least", "`at_least` is above `at_most`.")
    return least, most


def _contradiction(pointer: str, message: str) -> Problem:
    return Problem(INVALID_CRITERIA, faults=[Fault(pointer, INVALID_CRITERIA.code, message)])


def _page(cursors: Cursors, rows: list[JournalRow], limit: int, wanted: Mapping[str, Any]) -> Page[JournalEntryOut]:
    shown = cursors.page(rows, limit, key=lambda row: (row.seq,), sort=_SORT, filters=wanted)
    return Page([_told(row) for row in shown.data], shown.page)


def _told(row: JournalRow) -> JournalEntryOut:
    body, encoding = _written(row.body, cut=row.truncated)
    return JournalEntryOut(
        id=row.id,
        at=row.created_at,
        method=row.method,
        path=row.path,
        query=row.query,
        headers=row.headers,
        body=body,
        body_encoding=encoding,
        truncated=row.truncated,
        status=row.status,
        matched_rule=row.matched_rule,
        session=row.session,
        duration_ms=round(row.duration_ms, 3),
        trace_id=row.trace_id,
        request_id=row.request_id,
    )


def _written(body: bytes, *, cut: bool) -> tuple[str | None, Literal["utf-8", "base64"]]:
    """Return a body as text, or in base64 where it is none; a character that was cut in two at the end is left out."""
    if not body:
        return None, "utf-8"
    try:
        return codecs.utf_8_decode(body, "strict", not cut)[0], "utf-8"
    except UnicodeDecodeError:
        return b64encode(body).decode(), "base64"
