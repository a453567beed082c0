"""Reviews and their transitions."""

from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, func, insert, select, update
from sqlalchemy import literal_column as sql

from plugins.verification.insurance.rules.review import State
from plugins.verification.insurance.tables import PayoutRequest, ReviewerTransition
from plugins.verification.insurance.tables import ReviewerRequest as Review
from ports.storage import Command, Query

SLA_BATCH: Final = 200


class ReviewRow(msgspec.Struct, frozen=True):
    """A review as it is stored; `payout_processed` tells whether the claim's payout has been."""

    id: UUID
    claim_reference: str
    claim_amount: Decimal
    approved_amount: Decimal | None
    currency: str
    state: State
    version: int
    assigned_to: str | None
    submitted_by: str
    priority: int
    payout_processed: bool


class TransitionRow(msgspec.Struct, frozen=True):
    """One step of a review."""

    seq: int
    action: str
    from_state: str | None
    to_state: str
    actor_id: str
    actor_role: str
    reason_code: str | None
    comment: str | None
    amount: Decimal | None
    at: datetime


class OverdueRow(msgspec.Struct, frozen=True):
    """A review whose time is up."""

    id: UUID
    state: str
    version: int
    priority: int


_NEW: Final = (
    "id",
    "claim_reference",
    "claim_amount",
    "currency",
    "state",
    "version",
    "assigned_to",
    "submitted_by",
    "priority",
    "due_at",
    "workflow_state",
    "created_at",
)
_STEP: Final = ("id", "reviewer_request_id", *TransitionRow.__struct_fields__)
_PAID: Final = (
    select(PayoutRequest.id)
    .where(PayoutRequest.claim_reference == Review.claim_reference, PayoutRequest.status != "pending")
    .exists()
    .label("payout_processed")
)
_ROW: Final = select(
    Review.id,
    Review.claim_reference,
    Review.claim_amount,
    Review.approved_amount,
    Review.currency,
    Review.state,
    Review.version,
    Review.assigned_to,
    Review.submitted_by,
    Review.priority,
    _PAID,
)
_WORKED_ON: Final = ("submitted", "assigned", "in_review", "info_requested", "appealed")

REGISTER: Final = Command(insert(Review).values({name: bindparam(name) for name in _NEW}))
BY_ID: Final = Query(_ROW.where(Review.id == bindparam("review_id")), into=ReviewRow)
BY_REFERENCE: Final = Query(_ROW.where(Review.claim_reference == bindparam("reference")), into=ReviewRow)
HELD_BY_REFERENCE: Final = Query(
    _ROW.where(Review.claim_reference == bindparam("reference")).with_for_update(read=True, of=Review), into=ReviewRow
)
ADVANCE: Final = Command(
    update(Review)
    .where(
        Review.id == bindparam("review_id"),
        Review.version == bindparam("read_version"),
        Review.state == bindparam("read_state"),
    )
    .values(
        state=bindparam("new_state"),
        version=Review.version + 1,
        assigned_to=bindparam("new_assignee"),
        priority=bindparam("new_priority"),
        approved_amount=bindparam("new_amount"),
        workflow_state=bindparam("snapshot"),
    )
)
HISTORY: Final = Query(
    select(*(getattr(ReviewerTransition, name) for name in TransitionRow.__struct_fields__))
    .where(ReviewerTransition.reviewer_request_id == bindparam("review_id"))
    .order_by(ReviewerTransition.seq),
    into=TransitionRow,
)
ADD_STEP: Final = Command(insert(ReviewerTransition).values({name: bindparam(name) for name in _STEP}))

OVERDUE: Final = Query(
    select(Review.id, Review.state, Review.version, Review.priority)
    .where(Review.state.in_(_WORKED_ON), Review.due_at < bindparam("now"), Review.sla_breached_at.is_(None))
    .order_by(Review.due_at, Review.id)
    .limit(SLA_BATCH)
    .with_for_update(skip_locked=True),
    into=OverdueRow,
)
BREACH: Final = Command(
    update(Review)
    .where(Review.id == bindparam("review_id"))
    .values(
        version=Review.version + 1,
        priority=bindparam("new_priority"),
        sla_breached_at=bindparam("now"),
        workflow_state=Review.workflow_state.op("||")(func.jsonb_build_object(sql("'version'"), Review.version + 1)),
    )
)
