"""The tables of insurance claims. What a row may never contradict is a constraint here, not a habit of the code."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    Computed,
    ForeignKey,
    Index,
    Numeric,
    SmallInteger,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from core.tables import CreatedAt, Identified, Timestamped
from plugins.verification.tables import Base

REVIEW_STATES = (
    "submitted", "assigned", "in_review", "info_requested", "approved",
    "partially_approved", "rejected", "appealed", "withdrawn", "closed",
)  # fmt: skip
NOTIFICATION_STATES = ("pending", "queued", "sending", "sent", "uncertain", "failed")


class MedicalEnrichmentRequest(Base, Identified, Timestamped):
    """A claim's diagnosis, the mapping that was registered with it, and what it was turned into."""

    __tablename__ = "medical_enrichment_requests"
    __table_args__ = (
        UniqueConstraint("claim_reference"),
        CheckConstraint("status IN ('registered', 'enriched')", name="status"),
        Index("ix_medical_enrichment_requests_status", "status"),
    )

    claim_reference: Mapped[str]
    diagnosis: Mapped[str]
    hospital_name: Mapped[str]
    icd_mapping: Mapped[list[Any]] = mapped_column(JSONB)
    notes: Mapped[str | None]
    result: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    status: Mapped[str] = mapped_column(server_default=text("'registered'"))
    processed_at: Mapped[datetime | None]


class ReviewerRequest(Base, Identified, Timestamped):
    """A review as it stands; how it came here is in its transitions, whose last `seq` is `version`."""

    __tablename__ = "reviewer_requests"
    __table_args__ = (
        UniqueConstraint("claim_reference"),
        CheckConstraint("claim_amount > 0", name="claim_amount"),
        CheckConstraint("approved_amount BETWEEN 0 AND claim_amount", name="approved_amount"),
        CheckConstraint(f"state IN {REVIEW_STATES}", name="state"),
        CheckConstraint("priority BETWEEN 0 AND 3", name="priority"),
        CheckConstraint("version >= 1", name="version"),
        Index("ix_reviewer_requests_work", "state", "priority", "due_at"),
    )

    claim_reference: Mapped[str]
    claim_amount: Mapped[Decimal]
    approved_amount: Mapped[Decimal | None]
    currency: Mapped[str]
    state: Mapped[str]
    version: Mapped[int]
    assigned_to: Mapped[str | None]
    submitted_by: Mapped[str]
    priority: Mapped[int] = mapped_column(SmallInteger)
    due_at: Mapped[datetime | None]
    sla_breached_at: Mapped[datetime | None]
    workflow_state: Mapped[dict[str, Any]] = mapped_column(JSONB)


class ReviewerTransition(Base, Identified, CreatedAt):
    """One step of a review; a trigger refuses to change or remove it."""

    __tablename__ = "reviewer_transitions"
    __table_args__ = (
        UniqueConstraint("reviewer_request_id", "seq", name="uq_reviewer_transitions_seq"),
        CheckConstraint("amount >= 0", name="amount"),
    )

    reviewer_request_id: Mapped[UUID] = mapped_column(ForeignKey(ReviewerRequest.id))
    seq: Mapped[int]
    action: Mapped[str]
    from_state: Mapped[str | None]
    to_state: Mapped[str]
    actor_id: Mapped[str]
    actor_role: Mapped[str]
    reason_code: Mapped[str | None]
    comment: Mapped[str | None]
    amount: Mapped[Decimal | None]
    at: Mapped[datetime]


class PayoutRequest(Base, Identified, Timestamped):
    """A payout: what it is computed from, and once processed, what came of it."""

    __tablename__ = "payout_requests"
    __table_args__ = (
        UniqueConstraint("claim_reference"),
        CheckConstraint("approved_amount >= 0", name="approved_amount"),
        CheckConstraint("deductible >= 0", name="deductible"),
        CheckConstraint("policy_limit >= 0", name="policy_limit"),
        CheckConstraint("coinsurance_rate BETWEEN 0 AND 1", name="coinsurance_rate"),
        CheckConstraint("prior_deductible_met >= 0 AND prior_paid >= 0", name="priors"),
        CheckConstraint("status IN ('pending', 'paid', 'zero_paid')", name="status"),
        CheckConstraint("payout_amount BETWEEN 0 AND least(approved_amount, policy_limit)", name="payout_amount"),
        CheckConstraint(
            "deductible_applied >= 0 AND coinsurance_amount >= 0 AND limit_reduction >= 0", name="adjustments"
        ),
        CheckConstraint(
            "approved_amount = payout_amount + deductible_applied + coinsurance_amount + limit_reduction",
            name="balances",
        ),
        CheckConstraint(
            "(status = 'pending') = (processed_at IS NULL) AND (status = 'pending') = (payout_amount IS NULL)",
            name="processed",
        ),
        Index(
            "ix_payout_requests_policy_period",
            "policy_number",
            "period_start",
            postgresql_where=text("status IN ('paid', 'zero_paid')"),
        ),
    )

    claim_reference: Mapped[str]
    approved_amount: Mapped[Decimal]
    deductible: Mapped[Decimal]
    policy_limit: Mapped[Decimal]
    coinsurance_rate: Mapped[Decimal] = mapped_column(Numeric(5, 4))
    currency: Mapped[str]
    policy_number: Mapped[str | None]
    period_start: Mapped[date | None]
    prior_deductible_met: Mapped[Decimal]
    prior_paid: Mapped[Decimal]
    payee: Mapped[str | None]
    payout_amount: Mapped[Decimal | None]
    deductible_applied: Mapped[Decimal | None]
    coinsurance_amount: Mapped[Decimal | None]
    limit_reduction: Mapped[Decimal | None]
    breakdown: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    status: Mapped[str] = mapped_column(server_default=text("'pending'"))
    processed_at: Mapped[datetime | None]
    input_fingerprint: Mapped[str]


class NotificationRequest(Base, Identified, Timestamped):
    """A mail and how far its sending is; `message_id` is fixed with the row and kept over all attempts."""

    __tablename__ = "notification_requests"
    __table_args__ = (
        CheckConstraint("sent = (sent_at IS NOT NULL)", name="sent"),
        CheckConstraint(f"status IN {NOTIFICATION_STATES}", name="status"),
        CheckConstraint("sent = (status = 'sent')", name="sent_status"),
        Index("ix_notification_requests_due", "status", "next_attempt_at", postgresql_where=text("sent = false")),
        Index(
            "uq_notification_requests_dedupe_key",
            "dedupe_key",
            unique=True,
            postgresql_where=text("dedupe_key IS NOT NULL"),
        ),
        Index(
            "ix_notification_requests_suppressed",
            "recipient_email",
            postgresql_where=text("last_error = 'recipient_refused'"),
        ),
    )

    recipient_email: Mapped[str]
    subject: Mapped[str]
    message: Mapped[str]
    message_id: Mapped[str]
    sent: Mapped[bool] = mapped_column(server_default=text("false"))
    status: Mapped[str] = mapped_column(server_default=text("'pending'"))
    attempts: Mapped[int] = mapped_column(server_default=text("0"))
    next_attempt_at: Mapped[datetime | None]
    last_error: Mapped[str | None]
    sent_at: Mapped[datetime | None]
    claim_reference: Mapped[str | None]
    send_after: Mapped[datetime | None]
    dedupe_key: Mapped[str | None]


class IcdCode(Base, Identified, Timestamped):
    """A code of the list; `search` and the synonyms are in the search form, `document` serves word look-ups."""

    __tablename__ = "icd_codes"
    __table_args__ = (
        UniqueConstraint("code"),
        Index("ix_icd_codes_search", "search"),
        Index("ix_icd_codes_synonyms", "synonyms", postgresql_using="gin"),
        Index("ix_icd_codes_document", "document", postgresql_using="gin"),
    )

    code: Mapped[str]
    description: Mapped[str]
    billable: Mapped[bool]
    chapter: Mapped[str | None]
    synonyms: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    search: Mapped[str]
    document: Mapped[str] = mapped_column(
        TSVECTOR, Computed("to_tsvector('simple'::regconfig, search)", persisted=True)
    )


class IcdRelease(Base, Identified, CreatedAt):
    """A code list that was loaded, by its checksum: the newest row tells what `icd_codes` holds."""

    __tablename__ = "icd_releases"

    source: Mapped[str]
    checksum: Mapped[str]
    codes: Mapped[int]
