"""Registering a claim for review, and acting on the review."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from core.http.values import Timestamp
from plugins.verification.evidence.schemas import Verification
from plugins.verification.insurance.rules.review import Action, FhirOutcome, Priority, Role, State
from plugins.verification.insurance.schemas.values import (
    ClaimReference,
    Comment,
    Currency,
    NonNegativeAmount,
    PersonId,
    PositiveAmount,
)


class WorkflowStateIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The state a review begins in; only the initial ones are accepted."""

    state: State = "submitted"


class ReviewRegistration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A claim that is to be reviewed."""

    claim_reference: ClaimReference
    claim_amount: PositiveAmount
    currency: Currency = "USD"
    submitted_by: PersonId
    assigned_to: PersonId | None = None
    priority: Priority = "normal"
    due_at: Timestamp | None = None
    workflow_state: WorkflowStateIn | None = None


class RegisteredReview(msgspec.Struct, frozen=True, kw_only=True):
    """A review as it stands."""

    id: UUID
    claim_reference: str
    claim_amount: Decimal
    currency: str
    submitted_by: str
    assigned_to: str | None
    priority: Priority
    due_at: datetime | None
    state: State
    version: int
    allowed_actions: tuple[Action, ...]
    created_at: datetime


class ActorIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who acts. Only a caller with `verification:admin` may speak for others; all others act as themselves."""

    id: PersonId
    role: Role


class ItemIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The decision about one item of the claim."""

    code: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    decision: Literal["approved", "rejected"]
    amount: NonNegativeAmount


class ReviewActionIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An action on a review, named by its id or claim reference."""

    review_id: UUID | None = None
    claim_reference: ClaimReference | None = None
    action: Action
    actor: ActorIn
    expected_version: Annotated[int, msgspec.Meta(ge=1)] | None = None
    assignee: PersonId | None = None
    approved_amount: NonNegativeAmount | None = None
    reason_code: Annotated[str, msgspec.Meta(max_length=64)] | None = None
    comment: Comment | None = None
    items: Annotated[list[ItemIn], msgspec.Meta(max_length=200)] = []


class ActorOut(msgspec.Struct, frozen=True):
    """Who acted, and in which role."""

    id: str
    role: str


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a review. `adjustment_reason_code` is the CARC that the reason stands for."""

    seq: int
    action: str
    from_state: str | None = msgspec.field(name="from")
    to_state: str = msgspec.field(name="to")
    actor: ActorOut
    at: datetime
    comment: str | None
    reason_code: str | None
    adjustment_reason_code: str | None
    amount: Decimal | None


class ReviewActionOut(msgspec.Struct, frozen=True, kw_only=True):
    """The review after an action."""

    review_id: UUID
    claim_reference: str
    from_state: State
    to_state: State
    version: int
    outcome: FhirOutcome
    approved_amount: Decimal | None
    currency: str
    assigned_to: str | None
    priority: Priority
    history: tuple[HistoryEntry, ...]
    allowed_actions: tuple[Action, ...]
    verification: Verification
