"""The merit list of a program, a page at a time.

The whole list is ranked for each page, since ranks depend on everybody: some 50 µs a student, in a thread. It is meant
for a program's applicants, not for a country's.
"""

import asyncio
from collections.abc import Iterable, Iterator
from datetime import date
from itertools import groupby
from typing import Final

import msgspec

from core.clock import Clock
from core.http.pagination import Cursors, Page
from plugins.verification.academic.problems import RULES_NOT_FOUND
from plugins.verification.academic.queries import APPLICANTS, MERIT_RULE, ApplicantRecord
from plugins.verification.academic.rules.merit import Contender
from plugins.verification.academic.rules.merit_list import MeritList, Place
from plugins.verification.academic.schemas import StandingOut
from plugins.verification.academic.service.refusals import refusal
from plugins.verification.evidence.service import resolve_as_of
from ports.storage import Storage

ORDER: Final = "merit"


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which list: of a program, of one category or all, as of a day."""

    program: str
    category: str | None = None
    as_of: date | None = None


async def merit_list(
    storage: Storage, clock: Clock, cursors: Cursors, question: Question, cursor: str | None, limit: int
) -> Page[StandingOut]:
    """Return the page of the list that follows `cursor`.

    Raises:
        Problem: `as_of_in_future`; `rules_not_found`; `invalid_cursor`, also once the program's rule was replaced.
    """
    as_of = resolve_as_of(clock, question.as_of)
    row = await storage.fetch_one(MERIT_RULE, program=question.program)
    if row is None:
        raise refusal(RULES_NOT_FOUND, "?program", "The program has no merit rule.")
    filters = {**msgspec.to_builtins(question), "rule_version": row.version}
    after = cursors.read(cursor, kind=Place, sort=ORDER, filters=filters)
    records = await storage.fetch_all(APPLICANTS, category=question.category)
    ranked = await asyncio.to_thread(lambda: MeritList(row.rule, _contenders(records, as_of)).after(after, limit + 1))
    lines = [
        StandingOut(
            rank=standing.rank,
            student_id=standing.place.student_id,
            merit=standing.place.merit,
            tie_break_key=standing.place.tie_break_key,
        )
        for standing in ranked
    ]
    return cursors.page(lines, limit, key=_key, sort=ORDER, filters=filters)


def _contenders(records: Iterable[ApplicantRecord], as_of: date) -> Iterator[Contender]:
    for student_id, group in groupby(records, key=lambda record: record.student_id):
        held = list(group)
        yield Contender.of(
            held,
            student_id=student_id,
            date_of_birth=held[0].date_of_birth,
            category=held[0].category,
            as_of=as_of,
        )


def _key(line: StandingOut) -> tuple[object, ...]:
    return line.merit, line.tie_break_key, line.student_id
