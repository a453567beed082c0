"""The table of the journal: the newest requests, in the order in which they were written."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Identity, Index, SmallInteger, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.tables import Identified
from plugins.verification.tables import Base


class StubJournalRow(Base, Identified):
    """One request and what came of it. `seq` is the order of the journal; `created_at` is when the request came."""

    __tablename__ = "stub_request_journal"
    __table_args__ = (
        UniqueConstraint("seq"),
        Index("ix_stub_request_journal_created_at", "created_at"),
        Index("ix_stub_request_journal_path_method", "path", "method", "seq"),
        Index("ix_stub_request_journal_session", "session", "seq", postgresql_where=text("session IS NOT NULL")),
    )

    seq: Mapped[int] = mapped_column(BigInteger, Identity(always=True))
    method: Mapped[str]
    path: Mapped[str]
    query: Mapped[dict[str, Any]] = mapped_column(JSONB)
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB)
    body: Mapped[bytes]
    truncated: Mapped[bool]
    status: Mapped[int] = mapped_column(SmallInteger)
    matched_rule: Mapped[UUID | None]
    session: Mapped[str | None]
    duration_ms: Mapped[float]
    trace_id: Mapped[str | None]
    request_id: Mapped[str | None]
    created_at: Mapped[datetime]
