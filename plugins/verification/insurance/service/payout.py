"""Registering a payout, and processing it: once, and never beyond the policy's limit."""

from datetime import date
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from core.auth import Principal
from core.clock import Clock, new_id
from core.http.problems import VALIDATION_ERROR, Fault, Problem
from core.unit_of_work import UnitOfWork
from plugins.verification.evidence import service as evidence
from plugins.verification.evidence.receipts import Signer, Subject
from plugins.verification.insurance import problems
from plugins.verification.insurance.queries import payout as queries
from plugins.verification.insurance.queries import review as review_queries
from plugins.verification.insurance.queries.payout import PayoutRow
from plugins.verification.insurance.rules import money
from plugins.verification.insurance.rules import payout as rules
from plugins.verification.insurance.rules.payout import Payout, Terms
from plugins.verification.insurance.rules.refusals import Refused
from plugins.verification.insurance.schemas.payout import (
    Checks,
    PayoutIn,
    PayoutOut,
    PayoutRegistration,
    RegisteredPayout,
)
from plugins.verification.insurance.service.references import exactly_one, insert_once, not_found

AmountsT = TypeVar("AmountsT", bound=msgspec.Struct)

_FIGURES: Final = tuple(field.name for field in msgspec.structs.fields(Terms))
_POLICY: Final = ("policy_number", "period_start")


async def register(uow: UnitOfWork, clock: Clock, data: PayoutRegistration) -> RegisteredPayout:
    """Register what a payout will be computed from.

    Raises:
        Problem: `duplicate_claim_reference`, `negative_amount`, `currency_exponent`.
    """
    terms = Terms(**{name: getattr(data, name) for name in _FIGURES})
    try:
        rules.check(terms)
    except Refused as refused:
        raise problems.problem_of(refused) from refused
    stated: dict[str, Any] = msgspec.structs.asdict(_shown(data, data.currency))
    registered = RegisteredPayout(id=new_id(), status="pending", created_at=clock.now(), **stated)
    values: dict[str, Any] = msgspec.structs.asdict(registered)
    del values["status"]
    fingerprint = _fingerprint(terms, data.policy_number, data.period_start)
    await insert_once(uow, queries.REGISTER, values | {"input_fingerprint": fingerprint})
    return registered


async def process(
    uow: UnitOfWork, clock: Clock, principal: Principal, signer: Signer | None, data: PayoutIn
) -> PayoutOut:
    """Process a registered payout, or compute one without keeping anything (`dry_run`).

    A processed payout answers the same again. Payouts of one policy and period wait for one another, so that
    together they never exceed its limit.

    Raises:
        Problem: `ambiguous_reference`, `insurance_request_not_found`, `already_processed`, `inputs_differ`,
            `review_not_approved`, and what the rules refuse.
    """
    way = exactly_one(
        payout_request_id=data.payout_request_id,
        claim_reference=data.claim_reference,
        approved_amount=data.approved_amount if _stands_alone(data) else None,
    )
    if way == "approved_amount":
        return _preview(data)
    row = await _row(uow, data, way)
    _compare(row, data)
    if row.breakdown is not None:
        return msgspec.convert(row.breakdown, PayoutOut, strict=False)
    await _check_review(uow, row)
    return await _settle(uow, clock, principal, signer, row, dry_run=data.dry_run)


def _stands_alone(data: PayoutIn) -> bool:
    return data.payout_request_id is None and data.claim_reference is None


def _preview(data: PayoutIn) -> PayoutOut:
    """Compute what the request itself states; its missing figures and a missing `dry_run` are all reported."""
    missing = [name for name in ("deductible", "policy_limit") if getattr(data, name) is None]
    faults = [Fault(f"/{name}", "missing_field", "This figure is needed.") for name in missing]
    if not data.dry_run:
        faults.append(Fault("/dry_run", "dry_run_required", "Figures without a registered payout are a dry run only."))
    if faults:
        raise Problem(VALIDATION_ERROR, faults=faults)
    given = {name: getattr(data, name) for name in _FIGURES if getattr(data, name) is not None}
    terms = Terms(**({"currency": "USD"} | given))
    return _answer(_compute(terms), terms, status="dry_run")


async def _row(uow: UnitOfWork, data: PayoutIn, way: str) -> PayoutRow:
    if way == "claim_reference":
        row = await uow.fetch_one(queries.BY_REFERENCE, reference=data.claim_reference)
    else:
        row = await uow.fetch_one(queries.BY_ID, payout_id=data.payout_request_id)
    if row is None:
        raise not_found(f"/{way}")
    return row


def _compare(row: PayoutRow, data: PayoutIn) -> None:
    """Refuse figures that are not the registered ones."""
    stated = {name: getattr(data, name) for name in (*_FIGURES, *_POLICY)}
    different = [name for name, value in stated.items() if value is not None and value != getattr(row, name)]
    if different:
        kind = problems.INPUTS_DIFFER if row.breakdown is None else problems.ALREADY_PROCESSED
        faults = [Fault(f"/{name}", kind.code, f"Registered is {getattr(row, name)}.") for name in different]
        raise Problem(kind, faults=faults)


async def _check_review(uow: UnitOfWork, row: PayoutRow) -> None:
    """Refuse to pay what a review of the claim, where there is one, has not approved."""
    review = await uow.fetch_one(review_queries.HELD_BY_REFERENCE, reference=row.claim_reference)
    if review is None:
        return
    approved = review.approved_amount if review.state in {"approved", "partially_approved", "closed"} else None
    if approved is None or row.approved_amount > approved or row.currency != review.currency:
        detail = f"The review is {review.state}, and what it approved is {approved or 'nothing'}."
        fault = Fault("/claim_reference", problems.REVIEW_NOT_APPROVED.code, detail)
        raise Problem(problems.REVIEW_NOT_APPROVED, detail, faults=[fault])


async def _settle(
    uow: UnitOfWork, clock: Clock, principal: Principal, signer: Signer | None, row: PayoutRow, *, dry_run: bool
) -> PayoutOut:
    began_at = clock.now()
    terms = await _terms(uow, row)
    payout = _compute(terms)
    answer = _answer(payout, terms, status="dry_run" if dry_run else payout.status, row=row)
    if dry_run:
        return answer
    attested = evidence.attest(clock, began_at, as_of=clock.today(), outcome="found", source="claims-payout")
    answer = await evidence.record(
        uow,
        signer,
        msgspec.structs.replace(answer, processed_at=began_at, verification=attested),
        kind="insurance.payout",
        subject=Subject("claim", row.claim_reference),
        principal=principal,
        parameters={"input_fingerprint": row.input_fingerprint},
        verdict=answer.status,
    )
    await uow.execute(
        queries.SETTLE,
        payout_id=row.id,
        new_status=payout.status,
        paid=payout.payout_amount,
        deductible_part=payout.deductible_applied,
        coinsurance_part=payout.coinsurance_amount,
        limit_part=payout.limit_reduction,
        answer=msgspec.to_builtins(answer),
        at=began_at,
    )
    return answer


async def _terms(uow: UnitOfWork, row: PayoutRow) -> Terms:
    """Return the figures of a payout; those of its policy's earlier ones are read under the policy's lock."""
    terms = Terms(**{name: getattr(row, name) for name in _FIGURES})
    if row.policy_number is None:
        return terms
    await uow.fetch_one(queries.LOCK_POLICY, policy_period=f"{row.policy_number}\n{row.period_start}")
    priors = await uow.fetch_one(queries.PRIORS, policy=row.policy_number, period=row.period_start)
    if priors is None:
        raise AssertionError("an aggregate always answers a row")
    return msgspec.structs.replace(
        terms,
        prior_deductible_met=max(terms.prior_deductible_met, priors.deductible),
        prior_paid=max(terms.prior_paid, priors.paid),
    )


def _compute(terms: Terms) -> Payout:
    try:
        payout = rules.compute(terms)
    except Refused as refused:
        raise problems.problem_of(refused) from refused
    if not payout.balances(terms.approved_amount):
        raise AssertionError(f"payout and adjustments do not come to {terms.approved_amount}")
    return payout


def _answer(payout: Payout, terms: Terms, *, status: Any, row: PayoutRow | None = None) -> PayoutOut:
    currency = terms.currency
    return PayoutOut(
        payout_id=row.id if row else None,
        claim_reference=row.claim_reference if row else None,
        status=status,
        currency=currency,
        approved_amount=money.shown(terms.approved_amount, currency),
        payout_amount=money.shown(payout.payout_amount, currency),
        steps=tuple(_shown(step, currency) for step in payout.steps),
        adjustments=tuple(_shown(adjustment, currency) for adjustment in payout.adjustments),
        member_responsibility=money.shown(payout.member_responsibility, currency),
        limit_remaining=money.shown(payout.limit_remaining, currency),
        deductible_remaining=money.shown(payout.deductible_remaining, currency),
        checks=Checks(balances=payout.balances(terms.approved_amount)),
        processed_at=None,
        verification=None,
    )


def _shown(part: AmountsT, currency: str) -> AmountsT:
    """Return a Struct with every amount of money as answers show it; a rate is no amount."""
    amounts = {
        name: money.shown(value, currency)
        for name, value in msgspec.structs.asdict(part).items()
        if isinstance(value, Decimal) and name != "coinsurance_rate"
    }
    return msgspec.structs.replace(part, **amounts)


def _fingerprint(terms: Terms, policy: str | None, period: date | None) -> str:
    return rules.fingerprint(terms, f"{policy}\n{period}")
