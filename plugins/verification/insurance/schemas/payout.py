"""Registering a payout, and processing it."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Literal
from uuid import UUID

import msgspec

from plugins.verification.evidence.schemas import Verification
from plugins.verification.insurance.rules.payout import Adjustment, Stage
from plugins.verification.insurance.schemas.values import (
    NOTHING,
    WHOLE,
    Amount,
    ClaimReference,
    Currency,
    Line200,
    Rate,
)

PolicyNumber = Annotated[str, msgspec.Meta(min_length=1, max_length=64, pattern=r"^[!-~]+(?![\s\S])")]


class PayoutRegistration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a payout will be computed from.

    With a `policy_number`, what earlier claims of the same policy and period were paid counts against deductible
    and limit; `prior_…` state what is known from elsewhere, and the larger of both counts.
    """

    claim_reference: ClaimReference
    approved_amount: Amount
    deductible: Amount
    policy_limit: Amount
    currency: Currency = "USD"
    coinsurance_rate: Rate = WHOLE
    policy_number: PolicyNumber | None = None
    period_start: date | None = None
    prior_deductible_met: Amount = NOTHING
    prior_paid: Amount = NOTHING
    payee: Line200 | None = None


class RegisteredPayout(msgspec.Struct, frozen=True, kw_only=True):
    """A registered payout."""

    id: UUID
    claim_reference: str
    approved_amount: Decimal
    deductible: Decimal
    policy_limit: Decimal
    currency: str
    coinsurance_rate: Decimal
    policy_number: str | None
    period_start: date | None
    prior_deductible_met: Decimal
    prior_paid: Decimal
    payee: str | None
    status: Literal["pending", "paid", "zero_paid"]
    created_at: datetime


class PayoutIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A registered payout by id or claim reference, or the figures themselves with `dry_run`.

    Figures beside a reference are compared with the registered ones, never stored.
    """

    payout_request_id: UUID | None = None
    claim_reference: ClaimReference | None = None
    approved_amount: Amount | None = None
    deductible: Amount | None = None
    policy_limit: Amount | None = None
    currency: Currency | None = None
    coinsurance_rate: Rate | None = None
    policy_number: PolicyNumber | None = None
    period_start: date | None = None
    prior_deductible_met: Amount | None = None
    prior_paid: Amount | None = None
    dry_run: bool = False


class Checks(msgspec.Struct, frozen=True):
    """What was verified before the answer: payout and adjustments come to the approved amount."""

    balances: bool


class PayoutOut(msgspec.Struct, frozen=True, kw_only=True):
    """What is paid, how it was computed, and who bears the rest."""

    payout_id: UUID | None
    claim_reference: str | None
    status: Literal["paid", "zero_paid", "dry_run"]
    currency: str
    approved_amount: Decimal
    payout_amount: Decimal
    steps: tuple[Stage, ...]
    adjustments: tuple[Adjustment, ...]
    member_responsibility: Decimal
    limit_remaining: Decimal
    deductible_remaining: Decimal
    checks: Checks
    processed_at: datetime | None
    verification: Annotated[Verification | None, msgspec.Meta(description="None for a dry run.")]
