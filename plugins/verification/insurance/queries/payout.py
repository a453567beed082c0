"""Payouts, and what a policy has been paid in its period."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Text, bindparam, func, insert, select, update
from sqlalchemy import literal_column as sql

from plugins.verification.insurance.tables import PayoutRequest as Payout
from ports.storage import Command, Query


class PayoutRow(msgspec.Struct, frozen=True):
    """A registered payout; `breakdown` is the answer that was given once it is processed."""

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
    status: str
    breakdown: dict[str, Any] | None
    processed_at: datetime | None
    input_fingerprint: str


class PriorsRow(msgspec.Struct, frozen=True):
    """What earlier claims of a policy and period took of deductible and limit."""

    deductible: Decimal
    paid: Decimal


_NEW: Final = (
    "id",
    "claim_reference",
    "approved_amount",
    "deductible",
    "policy_limit",
    "coinsurance_rate",
    "currency",
    "policy_number",
    "period_start",
    "prior_deductible_met",
    "prior_paid",
    "payee",
    "input_fingerprint",
    "created_at",
)
_ROW: Final = select(*(getattr(Payout, name) for name in PayoutRow.__struct_fields__))

REGISTER: Final = Command(insert(Payout).values({name: bindparam(name) for name in _NEW}))
BY_ID: Final = Query(_ROW.where(Payout.id == bindparam("payout_id")).with_for_update(), into=PayoutRow)
BY_REFERENCE: Final = Query(
    _ROW.where(Payout.claim_reference == bindparam("reference")).with_for_update(), into=PayoutRow
)
LOCK_POLICY: Final = Query(
    select(
        func.pg_advisory_xact_lock(func.hashtextextended(bindparam("policy_period", type_=Text), 0))
        .cast(Text)
        .label("locked")
    ),
    into=str,
)
PRIORS: Final = Query(
    select(
        func.coalesce(func.sum(Payout.deductible_applied), 0).label("deductible"),
        func.coalesce(func.sum(Payout.payout_amount), 0).label("paid"),
    ).where(
        Payout.policy_number == bindparam("policy"),
        Payout.period_start.is_not_distinct_from(bindparam("period")),
        Payout.status.in_((sql("'paid'"), sql("'zero_paid'"))),  # written out, as the partial index has it
    ),
    into=PriorsRow,
)
SETTLE: Final = Command(
    update(Payout)
    .where(Payout.id == bindparam("payout_id"), Payout.status == "pending")
    .values(
        status=bindparam("new_status"),
        payout_amount=bindparam("paid"),
        deductible_applied=bindparam("deductible_part"),
        coinsurance_amount=bindparam("coinsurance_part"),
        limit_reduction=bindparam("limit_part"),
        breakdown=bindparam("answer"),
        processed_at=bindparam("at"),
    )
)
