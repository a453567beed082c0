"""Questions to the journal. The database looks for what it can; the rest passes the criteria row by row.

Rows are streamed, so that memory stays bounded, and the event loop is given back every few milliseconds.
"""

import asyncio
import heapq
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from time import monotonic
from typing import Any, Final

import msgspec

from core.http.problems import Fault, Problem
from plugins.verification.stub.journal_problems import INVALID_CRITERIA, SEARCH_TOO_BROAD
from plugins.verification.stub.queries.journal import JournalFilters, JournalRow, newest, page, total
from plugins.verification.stub.rules.criteria import Criteria, InvalidCriteriaError, Matcher, TextCriterion, distance
from plugins.verification.stub.rules.criteria import compile as compile_criteria
from plugins.verification.stub.rules.request import TooLaboriousError
from plugins.verification.stub.schemas.journal import NearMiss
from plugins.verification.stub.service.search_room import SearchRoom
from ports.storage import Storage

SEARCH_SECONDS: Final = 10.0
"""How long one question may take."""

SLICE_SECONDS: Final = 0.005
"""How long a question keeps the event loop to itself."""

NEAREST: Final = 5


class Search:
    """Criteria, ready to be looked for.

    Raises:
        Problem: 422 `invalid_criteria`, naming every place.
    """

    def __init__(
        self, storage: Storage, room: SearchRoom, criteria: Criteria, patience: float = SEARCH_SECONDS
    ) -> None:
        self._storage = storage
        self._room = room
        self._patience = patience
        self._matcher = _compiled(criteria)
        self._filters = JournalFilters(
            method=criteria.method,
            path=criteria.path,
            query={name: [value] for name, value in _equal(criteria.query).items()} or None,
            headers={name.lower(): value for name, value in _equal(criteria.headers).items()} or None,
        )
        texts = (*criteria.query.values(), *criteria.headers.values())
        self._is_exact = not (criteria.path_regex or criteria.body) and all(each.equals is not None for each in texts)

    async def count(self) -> int:
        """Return how many entries match.

        Raises:
            Problem: 422 `search_too_broad`; 503 `overloaded` where too many others search.
        """
        if self._is_exact:
            given = self._filters.given()
            return await self._storage.fetch_one(total(frozenset(given)), **given) or 0
        count = 0
        async with aclosing(self._matching(self._filters)) as rows:
            async for _ in rows:
                count += 1
        return count

    async def find(self, before: int | None, count: int) -> list[JournalRow]:
        """Return at most `count` entries that match, the newest first, from below `before` on. Raises as `count`."""
        filters = msgspec.structs.replace(self._filters, before=before)
        if self._is_exact:
            given = filters.given()
            return await self._storage.fetch_all(page(frozenset(given)), count=count, **given)
        found: list[JournalRow] = []
        async with aclosing(self._matching(filters)) as rows:
            async for row in rows:
                found.append(row)
                if len(found) == count:
                    break
        return found

    async def nearest(self) -> list[NearMiss]:
        """Return the entries that come closest without matching, the best first. Raises as `count`."""
        best: list[tuple[int, int, JournalRow]] = []  # a heap whose first is the farthest
        async with aclosing(self._paced(JournalFilters())) as rows:
            async for row in rows:
                with _bounded():
                    away = distance(self._matcher.differences(row.request()))
                if away and len(best) < NEAREST:
                    heapq.heappush(best, (-away, row.seq, row))
                elif away and -away > best[0][0]:
                    heapq.heapreplace(best, (-away, row.seq, row))
        return [self._near_miss(row) for _, _, row in sorted(best, reverse=True, key=lambda found: found[:2])]

    def _near_miss(self, row: JournalRow) -> NearMiss:
        differences = self._matcher.differences(row.request())
        return NearMiss(
            request_id=row.id, method=row.method, path=row.path, distance=distance(differences), diffs=differences
        )

    async def _matching(self, filters: JournalFilters) -> AsyncGenerator[JournalRow, None]:
        async with aclosing(self._paced(filters)) as rows:
            async for row in rows:
                with _bounded():
                    is_wanted = self._matcher.matches(row.request())
                if is_wanted:
                    yield row

    async def _paced(self, filters: JournalFilters) -> AsyncGenerator[JournalRow, None]:
        """Yield the entries under `filters`, the newest first, and let others have their turn between two of them.

        Raises:
            Problem: 422 `search_too_broad`: it has taken too long; 503 `overloaded`: too many others search.
        """
        given = filters.given()
        stream: Any = self._storage.stream(newest(frozenset(given)), **given)
        async with self._room.place(), aclosing(stream) as rows:
            began = turn = monotonic()
            async for row in rows:
                yield row
                now = monotonic()
                if now - began > self._patience:
                    raise Problem(SEARCH_TOO_BROAD)
                if now - turn > SLICE_SECONDS:
                    await asyncio.sleep(0)
                    turn = monotonic()


@contextmanager
def _bounded() -> Iterator[None]:
    """Refuse a question that one entry alone makes too much work. Raises Problem 422 `search_too_broad`."""
    try:
        yield
    except TooLaboriousError:
        raise Problem(SEARCH_TOO_BROAD) from None


def _compiled(criteria: Criteria) -> Matcher:
    try:
        return compile_criteria(criteria)
    except InvalidCriteriaError as error:
        faults = [Fault(fault.pointer, INVALID_CRITERIA.code, fault.message) for fault in error.faults]
        raise Problem(INVALID_CRITERIA, faults=faults) from None


def _equal(criteria: Mapping[str, TextCriterion]) -> dict[str, str]:
    """Return the values that are given word for word."""
    return {name: each.equals for name, each in criteria.items() if each.equals is not None}
