"""The append-only record of decisions, and of reads for which a receipt was asked."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from core.tables import CreatedAt, Identified
from plugins.verification.tables import Base


class VerificationRequest(Base, Identified, CreatedAt):
    """What was asked, by whom, and what the answer was. A trigger refuses every change but that of `stale`."""

    __tablename__ = "verification_requests"
    __table_args__ = (
        Index("ix_verification_requests_subject", "subject_type", "subject_key", text("verified_at DESC")),
        Index("ix_verification_requests_expiring", "valid_until", postgresql_where=text("NOT stale")),
    )

    kind: Mapped[str]
    subject_type: Mapped[str]
    subject_key: Mapped[str]
    params: Mapped[dict[str, Any]]
    outcome: Mapped[str]
    verdict: Mapped[str | None]
    response_hash: Mapped[str]
    as_of: Mapped[date]
    verified_at: Mapped[datetime]
    valid_until: Mapped[datetime]
    stale: Mapped[bool] = mapped_column(server_default=text("false"))
    session_key: Mapped[str | None]
    client: Mapped[str]
    duration_ms: Mapped[int]
    receipt: Mapped[str | None]
