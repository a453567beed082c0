"""The compiled queries and commands of the journal."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, Final

import msgspec
from sqlalchemy import BigInteger, Boolean, ColumnElement, any_, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import JSONB

from plugins.verification.stub.journal_tables import StubJournalRow as Row
from plugins.verification.stub.rules.entry import JournalEntry
from ports.storage import Command, Query

BATCH: Final = 1_000
"""How many rows one statement deletes at most."""

COLUMNS: Final = JournalEntry.__struct_fields__
"""What the writer gives; `seq` is the database's."""


class JournalRow(JournalEntry, frozen=True):
    """An entry as it is stored; `seq` is its place in the journal."""

    seq: int


_ROW: Final = select(*(getattr(Row, name) for name in JournalRow.__struct_fields__))
_TOO_OLD: Final = (
    select(Row.seq).order_by(Row.seq.desc()).offset(bindparam("max_rows", type_=Row.seq.type)).limit(1)
).scalar_subquery()
"""The newest entry that is one too many."""


def _first_of(condition: ColumnElement[bool]) -> Command[None]:
    """Return the command that deletes a batch of the oldest rows under `condition`, passing over locked ones."""
    oldest = select(Row.seq).where(condition).order_by(Row.seq).limit(BATCH).with_for_update(skip_locked=True)
    return Command(delete(Row).where(Row.seq == any_(func.array(oldest.scalar_subquery()))))


TRIM: Final = _first_of(Row.seq <= _TOO_OLD)
EXPIRE: Final = _first_of(Row.created_at < bindparam("before"))
COUNT: Final = Query(select(func.count()).select_from(Row), into=int)
BY_ID: Final = Query(_ROW.where(Row.id == bindparam("entry_id")), into=JournalRow)
FORGET: Final = Command(delete(Row).where(Row.id == bindparam("entry_id")))
FORGET_ALL: Final = Command(delete(Row))


class JournalFilters(msgspec.Struct, frozen=True, kw_only=True):
    """Which entries are wanted; None for all.

    `query` and `headers` hold what entries must contain: every named parameter with the given value among its own,
    and every named header with the given value. `before` is the `seq` of the entry that the wanted ones follow.
    """

    method: str | None = None
    path: str | None = None
    status: int | None = None
    session: str | None = None
    since: datetime | None = None
    matched: bool | None = None
    query: dict[str, list[str]] | None = None
    headers: dict[str, str] | None = None
    before: int | None = None

    def given(self) -> dict[str, Any]:
        """Return those that are given."""
        return {name: value for name, value in msgspec.structs.asdict(self).items() if value is not None}


_CONDITIONS: Final[Mapping[str, ColumnElement[bool]]] = {
    "method": Row.method == bindparam("method"),
    "path": Row.path == bindparam("path"),
    "status": Row.status == bindparam("status"),
    "session": Row.session == bindparam("session"),
    "since": Row.created_at >= bindparam("since"),
    "matched": Row.matched_rule.is_not(None) == bindparam("matched", type_=Boolean),
    "query": Row.query.op("@>")(bindparam("query", type_=JSONB)),
    "headers": Row.headers.op("@>")(bindparam("headers", type_=JSONB)),
    "before": Row.seq < bindparam("before"),
}


@cache
def newest(names: frozenset[str]) -> Query[JournalRow]:
    """Return the query for the entries under these filters, the newest first; one statement for each set of them."""
    return Query(_ROW.where(*(_CONDITIONS[name] for name in sorted(names))).order_by(Row.seq.desc()), into=JournalRow)


@cache
def page(names: frozenset[str]) -> Query[JournalRow]:
    """Return the same query for at most `count` entries."""
    statement = _ROW.where(*(_CONDITIONS[name] for name in sorted(names)))
    return Query(statement.order_by(Row.seq.desc()).limit(bindparam("count", type_=BigInteger)), into=JournalRow)


@cache
def total(names: frozenset[str]) -> Query[int]:
    """Return the query for how many entries there are under these filters."""
    return Query(select(func.count()).where(*(_CONDITIONS[name] for name in sorted(names))).select_from(Row), into=int)
