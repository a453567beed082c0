"""The compiled queries and commands of the journal."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, any_, bindparam, delete, func, select

from plugins.verification.stub.journal_tables import StubJournalRow as Row
from ports.storage import Command, Query

BATCH: Final = 1_000
"""How many rows one statement deletes at most."""

COLUMNS: Final = (
    "id",
    "method",
    "path",
    "query",
    "headers",
    "body",
    "truncated",
    "status",
    "matched_rule",
    "session",
    "duration_ms",
    "trace_id",
    "request_id",
    "created_at",
)
"""What the writer gives; `seq` is the database's."""


class JournalRow(msgspec.Struct, frozen=True):
    """An entry as it is stored."""

    seq: int
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
