"""Registering a claim for review, and acting on the review."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import msgspec

from core.auth import Principal
from core.clock import Clock, new_id
from core.http.problems import Fault, Problem
from core.unit_of_work import UnitOfWork
from plugins.verification.evidence import service as evidence
from plugins.verification.evidence.receipts import Signer, Subject
from plugins.verification.evidence.schemas import Verification
from plugins.verification.insurance import problems
from plugins.verification.insurance.queries import review as queries
from plugins.verification.insurance.queries.review import ReviewRow, TransitionRow
from plugins.verification.insurance.rules import money, reasons
from plugins.verification.insurance.rules import review as rules
from plugins.verification.insurance.rules.refusals import Refused
from plugins.verification.insurance.rules.review import Actor, Authority, Command, Review, Step
from plugins.verification.insurance.rules.review_amounts import Item
from plugins.verification.insurance.schemas.review import (
    ActorOut,
    HistoryEntry,
    RegisteredReview,
    ReviewActionIn,
    ReviewActionOut,
    ReviewRegistration,
)
from plugins.verification.insurance.service.references import exactly_one, insert_once, not_found

ADMIN_SCOPE: Final = "verification:admin"
SOURCE: Final = "claims-review"


async def register(uow: UnitOfWork, clock: Clock, principal: Principal, data: ReviewRegistration) -> RegisteredReview:
    """Register a claim for review; its first transition says who did.

    Raises:
        Problem: `duplicate_claim_reference`, `invalid_initial_state`, `currency_exponent`, `four_eyes`.
    """
    state = data.workflow_state.state if data.workflow_state else rules.INITIAL
    _check_beginning(data, state)
    registered = RegisteredReview(
        id=new_id(),
        claim_reference=data.claim_reference,
        claim_amount=money.shown(data.claim_amount, data.currency),
        currency=data.currency,
        submitted_by=data.submitted_by,
        assigned_to=data.assigned_to,
        priority=data.priority,
        due_at=data.due_at,
        state=state,
        version=1,
        allowed_actions=rules.allowed_actions(state),
        created_at=clock.now(),
    )
    values: dict[str, Any] = msgspec.structs.asdict(registered)
    del values["allowed_actions"]
    values |= {"priority": rules.PRIORITIES.index(data.priority), "workflow_state": {"state": state, "version": 1}}
    await insert_once(uow, queries.REGISTER, values)
    submitted = TransitionRow(1, "submit", None, state, principal.id, "system", None, None, None, registered.created_at)
    await uow.execute(
        queries.ADD_STEP, id=new_id(), reviewer_request_id=registered.id, **msgspec.structs.asdict(submitted)
    )
    return registered


async def act(
    uow: UnitOfWork,
    clock: Clock,
    principal: Principal,
    signer: Signer | None,
    authority: Authority,
    data: ReviewActionIn,
) -> ReviewActionOut:
    """Take one step of the workflow. Of several at once from the same state, exactly one happens.

    Raises:
        Problem: what the rules refuse, `stale_workflow`, `insurance_request_not_found`, `ambiguous_reference`.
    """
    began_at = clock.now()
    row = await _row(uow, data)
    if data.expected_version not in (None, row.version):
        raise _stale(row)
    history = await uow.fetch_all(queries.HISTORY, review_id=row.id)
    try:
        command = _command(principal, row, data, began_at)
        step = rules.advance(_review(row, history), command, authority)
    except Refused as refused:
        raise problems.problem_of(refused, **_position(row)) from refused
    taken = await _take(uow, row, command, step)
    attested = evidence.attest(clock, began_at, as_of=clock.today(), outcome="found", source=SOURCE)
    answer = _answer(row, step, [*history, taken], attested)
    return await evidence.record(
        uow,
        signer,
        answer,
        kind="insurance.review",
        subject=Subject("claim", row.claim_reference),
        principal=principal,
        parameters={"action": data.action, "version": answer.version},
        verdict=answer.to_state,
    )


async def _row(uow: UnitOfWork, data: ReviewActionIn) -> ReviewRow:
    way = exactly_one(review_id=data.review_id, claim_reference=data.claim_reference)
    if way == "review_id":
        row = await uow.fetch_one(queries.BY_ID, review_id=data.review_id)
    else:
        row = await uow.fetch_one(queries.BY_REFERENCE, reference=data.claim_reference)
    if row is None:
        raise not_found(f"/{way}")
    return row


async def _take(uow: UnitOfWork, row: ReviewRow, command: Command, step: Step) -> TransitionRow:
    """Write the step: the guarded update first, which only one of several passes, then the transition."""
    version = row.version + 1
    advanced = await uow.execute(
        queries.ADVANCE,
        review_id=row.id,
        read_version=row.version,
        read_state=row.state,
        new_state=step.state,
        new_assignee=step.assigned_to,
        new_priority=step.priority,
        new_amount=step.approved_amount,
        snapshot=msgspec.to_builtins(
            {"state": step.state, "version": version, "action": command.action, "items": command.items}
        ),
    )
    if not advanced:
        fresh = await uow.fetch_one(queries.BY_ID, review_id=row.id)
        raise _stale(fresh or row)
    taken = TransitionRow(
        seq=version,
        action=command.action,
        from_state=row.state,
        to_state=step.state,
        actor_id=command.actor.id,
        actor_role=command.actor.role,
        reason_code=command.reason_code,
        comment=command.comment,
        amount=step.amount,
        at=command.at,
    )
    await uow.execute(queries.ADD_STEP, id=new_id(), reviewer_request_id=row.id, **msgspec.structs.asdict(taken))
    return taken


def _check_beginning(data: ReviewRegistration, state: rules.State) -> None:
    """Refuse a beginning that the workflow could not have led to."""
    try:
        rules.check_beginning(state, data.assigned_to, data.submitted_by)
        money.check(data.claim_amount, data.currency, "/claim_amount")
    except Refused as refused:
        raise problems.problem_of(refused) from refused


def _command(principal: Principal, row: ReviewRow, data: ReviewActionIn, at: datetime) -> Command:
    """Return what is asked, by whom: an admin may speak for others, all others act as themselves."""
    if principal.has(ADMIN_SCOPE):
        actor = Actor(data.actor.id, data.actor.role)
    else:
        actor = rules.acting(principal.id, principal.roles, data.actor.role, row.submitted_by)
    money.check(data.approved_amount, row.currency, "/approved_amount")
    for index, item in enumerate(data.items):
        money.check(item.amount, row.currency, f"/items/{index}/amount")
    return Command(
        action=data.action,
        actor=actor,
        at=at,
        assignee=data.assignee,
        approved_amount=data.approved_amount,
        reason_code=data.reason_code,
        comment=data.comment,
        items=tuple(Item(item.code, item.decision, item.amount) for item in data.items),
    )


def _review(row: ReviewRow, history: Sequence[TransitionRow]) -> Review:
    decision = next((each for each in reversed(history) if each.action in rules.DECISIONS), None)
    return Review(
        state=row.state,
        submitted_by=row.submitted_by,
        claim_amount=row.claim_amount,
        priority=row.priority,
        assigned_to=row.assigned_to,
        approved_amount=row.approved_amount,
        decided_by=decision.actor_id if decision else None,
        decided_at=decision.at if decision else None,
        payout_processed=row.payout_processed,
    )


def _answer(row: ReviewRow, step: Step, history: Sequence[TransitionRow], attested: Verification) -> ReviewActionOut:
    approved = step.approved_amount
    return ReviewActionOut(
        review_id=row.id,
        claim_reference=row.claim_reference,
        from_state=row.state,
        to_state=step.state,
        version=row.version + 1,
        outcome=rules.fhir_outcome(step.state),
        approved_amount=None if approved is None else money.shown(approved, row.currency),
        currency=row.currency,
        assigned_to=step.assigned_to,
        priority=rules.PRIORITIES[step.priority],
        history=tuple(_entry(each, row.currency) for each in history),
        allowed_actions=rules.allowed_actions(step.state),
        verification=attested,
    )


def _entry(row: TransitionRow, currency: str) -> HistoryEntry:
    return HistoryEntry(
        seq=row.seq,
        action=row.action,
        from_state=row.from_state,
        to_state=row.to_state,
        actor=ActorOut(row.actor_id, row.actor_role),
        at=row.at,
        comment=row.comment,
        reason_code=row.reason_code,
        adjustment_reason_code=row.reason_code and reasons.adjustment_reason_code(row.reason_code),
        amount=None if row.amount is None else money.shown(row.amount, currency),
    )


def _position(row: ReviewRow) -> dict[str, object]:
    """Return where a review stands, for whoever has to decide anew."""
    return {"state": row.state, "version": row.version, "allowed_actions": rules.allowed_actions(row.state)}


def _stale(row: ReviewRow) -> Problem:
    detail = f"The review is {row.state} in version {row.version} by now."
    fault = Fault("/expected_version", problems.STALE_WORKFLOW.code, detail, meta=_position(row))
    return Problem(problems.STALE_WORKFLOW, detail, faults=[fault])
