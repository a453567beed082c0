"""The workflow of a claim's review: one table of actions, the guards that it names, and what follows from a step."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal

import msgspec

from plugins.verification.insurance.rules.reasons import is_reason
from plugins.verification.insurance.rules.refusals import Refused
from plugins.verification.insurance.rules.review_amounts import Item, decided_amount

State = Literal[
    "submitted", "assigned", "in_review", "info_requested", "approved",
    "partially_approved", "rejected", "appealed", "withdrawn", "closed",
]  # fmt: skip
Action = Literal[
    "assign", "start", "request_info", "provide_info", "approve", "approve_partial",
    "reject", "appeal", "reopen", "escalate", "withdraw", "close",
]  # fmt: skip
Role = Literal["submitter", "reviewer", "supervisor", "director", "system"]
Priority = Literal["low", "normal", "high", "urgent"]
FhirOutcome = Literal["queued", "partial", "complete", "error"]

INITIAL: Final[State] = "submitted"
PRIORITIES: Final[tuple[Priority, ...]] = ("low", "normal", "high", "urgent")
ROLES: Final[tuple[Role, ...]] = ("director", "supervisor", "reviewer", "submitter", "system")
APPEAL_WINDOW: Final = timedelta(days=180)
DECISIONS: Final = frozenset({"approve", "approve_partial", "reject"})

_QUEUED: Final = frozenset({"submitted", "assigned"})
_UNDECIDED: Final = frozenset({"in_review", "info_requested", "appealed"})


class Actor(msgspec.Struct, frozen=True):
    """Who acts, and in which role."""

    id: str
    role: Role


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """What the guards look at: the review as it is stored, and what its history and the payout say."""

    state: State
    submitted_by: str
    claim_amount: Decimal
    priority: int
    assigned_to: str | None = None
    approved_amount: Decimal | None = None
    decided_by: str | None = None
    decided_at: datetime | None = None
    payout_processed: bool = False


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants to do to a review."""

    action: Action
    actor: Actor
    at: datetime
    assignee: str | None = None
    approved_amount: Decimal | None = None
    reason_code: str | None = None
    comment: str | None = None
    items: Sequence[Item] = ()


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """The review after an action that was allowed; `amount` is what the action itself decided."""

    state: State
    assigned_to: str | None
    priority: int
    approved_amount: Decimal | None
    amount: Decimal | None


Guard = Callable[[Review, Command], None]


def _needs_assignee(_: Review, command: Command) -> None:
    if not command.assignee:
        raise Refused("assignee_required", f"To {command.action}, name an assignee.", pointer="/assignee")


def _needs_comment(_: Review, command: Command) -> None:
    if not (command.comment or "").strip():
        raise Refused("comment_required", f"To {command.action}, give a comment.", pointer="/comment")


def _needs_reason(_: Review, command: Command) -> None:
    if not command.reason_code:
        raise Refused("reason_required", f"To {command.action}, give a reason code.", pointer="/reason_code")
    if not is_reason(command.reason_code):
        detail = f"{command.reason_code[:32]!r} is neither a named reason nor a claim adjustment reason code."
        raise Refused("unknown_reason", detail, pointer="/reason_code")


def _four_eyes(review: Review, command: Command) -> None:
    if command.actor.id == review.submitted_by:
        raise Refused("four_eyes", "Who submitted a claim does not decide it.", pointer="/actor/id")


def _assignee_is_not_submitter(review: Review, command: Command) -> None:
    if command.assignee == review.submitted_by:
        raise Refused("four_eyes", "A claim is not assigned to who submitted it.", pointer="/assignee")


def _assignee_did_not_decide(review: Review, command: Command) -> None:
    if command.assignee == review.decided_by:
        raise Refused("four_eyes", "An appeal goes to somebody who did not decide before.", pointer="/assignee")


def _actor_is_assignee(review: Review, command: Command) -> None:
    if command.actor.id != review.assigned_to:
        raise Refused("not_assignee", "Only the reviewer it is assigned to starts a review.", pointer="/actor/id")


def _submitter_submitted(review: Review, command: Command) -> None:
    if command.actor.role == "submitter" and command.actor.id != review.submitted_by:
        raise Refused("not_submitter", "Only who submitted the claim acts as its submitter.", pointer="/actor/id")


def _within_appeal_window(review: Review, command: Command) -> None:
    if review.decided_at is None or command.at > review.decided_at + APPEAL_WINDOW:
        raise Refused("appeal_window_closed", f"A decision is appealed within {APPEAL_WINDOW.days} days.")


def _paid_or_nothing_to_pay(review: Review, _: Command) -> None:
    if review.approved_amount and not review.payout_processed:
        raise Refused("payout_not_processed", "An approved claim is closed once its payout has been processed.")


class Rule(msgspec.Struct, frozen=True):
    """One row of the workflow: where an action leads from where, for whom, and what it demands."""

    sources: tuple[State, ...]
    target: State
    roles: tuple[Role, ...]
    guards: tuple[Guard, ...] = ()


WORKFLOW: Final[Mapping[Action, Rule]] = {
    "assign": Rule(
        ("submitted", "assigned", "in_review"), "assigned", ("supervisor", "system"),
        (_needs_assignee, _assignee_is_not_submitter),
    ),
    "start": Rule(("assigned",), "in_review", ("reviewer",), (_actor_is_assignee,)),
    "request_info": Rule(("in_review",), "info_requested", ("reviewer",), (_needs_comment,)),
    "provide_info": Rule(
        ("info_requested",), "in_review", ("submitter", "system"), (_submitter_submitted, _needs_comment)
    ),
    "approve": Rule(("in_review",), "approved", ("reviewer", "supervisor", "director"), (_four_eyes,)),
    "approve_partial": Rule(
        ("in_review",), "partially_approved", ("reviewer", "supervisor", "director"), (_four_eyes, _needs_reason)
    ),
    "reject": Rule(
        ("in_review", "info_requested"), "rejected", ("reviewer", "supervisor", "director"),
        (_four_eyes, _needs_reason, _needs_comment),
    ),
    "appeal": Rule(
        ("rejected", "partially_approved"), "appealed", ("submitter",),
        (_submitter_submitted, _needs_comment, _within_appeal_window),
    ),
    "reopen": Rule(
        ("appealed",), "in_review", ("supervisor",),
        (_needs_assignee, _assignee_is_not_submitter, _assignee_did_not_decide),
    ),
    "escalate": Rule(("assigned", "in_review"), "assigned", ("reviewer", "system"), (_needs_comment,)),
    "withdraw": Rule(
        ("submitted", "assigned", "info_requested"), "withdrawn", ("submitter",), (_submitter_submitted,)
    ),
    "close": Rule(
        ("approved", "partially_approved", "rejected"), "closed", ("system", "supervisor"), (_paid_or_nothing_to_pay,)
    ),
}  # fmt: skip
"""The whole workflow. That a decision is appealed once needs no guard: an appeal leaves the decided state, and only
another decision comes back to one."""


class Authority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The highest amount that each role may approve, in the claim's currency; a director has no limit."""

    reviewer: Decimal = Decimal(50_000)
    supervisor: Decimal = Decimal(500_000)

    def limit(self, role: Role) -> Decimal:
        """Return the most that `role` may approve."""
        return {"reviewer": self.reviewer, "supervisor": self.supervisor, "director": Decimal("Infinity")}.get(
            role, Decimal(0)
        )


def allowed_actions(state: State) -> tuple[Action, ...]:
    """Return the actions that lead on from `state`, whoever may take them."""
    return tuple(action for action, rule in WORKFLOW.items() if state in rule.sources)


def fhir_outcome(state: State) -> FhirOutcome:
    """Return what FHIR's ClaimResponse.outcome says of a claim in `state`."""
    if state in _QUEUED:
        return "queued"
    return "partial" if state in _UNDECIDED else "complete"


def raised(priority: int) -> int:
    """Return the next higher priority; the highest stays."""
    return min(priority + 1, len(PRIORITIES) - 1)


def check_beginning(state: State, assigned_to: str | None, submitted_by: str) -> None:
    """Refuse a beginning that the workflow could not have led to.

    Raises:
        Refused: `invalid_initial_state`, `four_eyes`.
    """
    if state != INITIAL and (state != "assigned" or assigned_to is None):
        detail = "A review begins submitted, or assigned where it names whom to."
        raise Refused("invalid_initial_state", detail, pointer="/workflow_state/state")
    if assigned_to == submitted_by:
        raise Refused("four_eyes", "A claim is not assigned to who submitted it.", pointer="/assigned_to")


def acting(person: str, roles: Collection[str], claimed: Role, submitted_by: str) -> Actor:
    """Return the actor that somebody is who speaks for nobody else: in a role held, or as submitter of an own claim.

    Raises:
        Refused: `role_not_allowed`.
    """
    if claimed in roles or (claimed == "submitter" and person == submitted_by):
        return Actor(person, claimed)
    raise Refused("role_not_allowed", f"You do not hold the role {claimed}.", pointer="/actor/role")


def advance(review: Review, command: Command, authority: Authority) -> Step:
    """Return the review after `command`.

    Raises:
        Refused: `role_not_allowed`, `invalid_transition`, or what the guards of the action and its amount say.
    """
    rule = WORKFLOW[command.action]
    if command.actor.role not in rule.roles:
        detail = f"To {command.action} takes one of the roles {', '.join(rule.roles)}."
        raise Refused("role_not_allowed", detail, pointer="/actor/role")
    if review.state not in rule.sources:
        allowed = ", ".join(allowed_actions(review.state)) or "none"
        raise Refused("invalid_transition", f"A claim that is {review.state} allows: {allowed}.", pointer="/action")
    for guard in rule.guards:
        guard(review, command)
    amount = None
    if command.action in DECISIONS:
        amount = decided_amount(command.action, review.claim_amount, command.approved_amount, command.items)
    if amount is not None and amount > authority.limit(command.actor.role):
        detail = f"A {command.actor.role} approves up to {authority.limit(command.actor.role)}."
        raise Refused("authority_exceeded", detail, pointer="/approved_amount")
    return _step(review, command, rule, amount)


def _step(review: Review, command: Command, rule: Rule, amount: Decimal | None) -> Step:
    escalated = command.action == "escalate"
    decided = command.action in DECISIONS
    assigned_to = command.assignee if _needs_assignee in rule.guards else review.assigned_to
    return Step(
        state=rule.target,
        assigned_to=None if escalated else assigned_to,
        priority=raised(review.priority) if escalated else review.priority,
        approved_amount=amount if decided else None if command.action == "reopen" else review.approved_amount,
        amount=amount,
    )
