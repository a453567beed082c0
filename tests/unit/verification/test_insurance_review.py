"""The review workflow: every cell of the table, every guard, and what no path may ever do."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.insurance.rules import reasons, review
from plugins.verification.insurance.rules.refusals import Refused
from plugins.verification.insurance.rules.review import Action, Actor, Authority, Command, Review, Role, State
from plugins.verification.insurance.rules.review_amounts import Item

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
STATES: tuple[State, ...] = get_args(State)
ACTIONS: tuple[Action, ...] = get_args(Action)

TABLE: dict[Action, tuple[set[State], State, set[Role]]] = {
    "assign": ({"submitted", "assigned", "in_review"}, "assigned", {"supervisor", "system"}),
    "start": ({"assigned"}, "in_review", {"reviewer"}),
    "request_info": ({"in_review"}, "info_requested", {"reviewer"}),
    "provide_info": ({"info_requested"}, "in_review", {"submitter", "system"}),
    "approve": ({"in_review"}, "approved", {"reviewer", "supervisor", "director"}),
    "approve_partial": ({"in_review"}, "partially_approved", {"reviewer", "supervisor", "director"}),
    "reject": ({"in_review", "info_requested"}, "rejected", {"reviewer", "supervisor", "director"}),
    "appeal": ({"rejected", "partially_approved"}, "appealed", {"submitter"}),
    "reopen": ({"appealed"}, "in_review", {"supervisor"}),
    "escalate": ({"assigned", "in_review"}, "assigned", {"reviewer", "system"}),
    "withdraw": ({"submitted", "assigned", "info_requested"}, "withdrawn", {"submitter"}),
    "close": ({"approved", "partially_approved", "rejected"}, "closed", {"system", "supervisor"}),
}


def stored(state: State = "in_review", **changes: Any) -> Review:
    facts: dict[str, Any] = {
        "state": state, "submitted_by": "sam", "claim_amount": Decimal(1000), "priority": 1, "assigned_to": "rita",
        "decided_by": "rita", "decided_at": NOW - timedelta(days=1), "payout_processed": True,
    }  # fmt: skip
    return Review(**facts | changes)


def command(action: Action, role: Role | None = None, **changes: Any) -> Command:
    role = role or review.WORKFLOW[action].roles[0]
    facts: dict[str, Any] = {
        "actor": Actor("sam" if role == "submitter" else "rita", role), "at": NOW, "comment": "because",
        "reason_code": "no_coverage" if action in {"reject", "approve_partial"} else None,
        "approved_amount": Decimal(400) if action == "approve_partial" else None,
        "assignee": "ruth" if action in {"assign", "reopen"} else None,
    }  # fmt: skip
    return Command(action=action, **facts | changes)


def refusal(facts: Review, wanted: Command, authority: Authority | None = None) -> str:
    with pytest.raises(Refused) as refused:
        review.advance(facts, wanted, authority or Authority())
    return refused.value.code


@pytest.mark.parametrize("action", ACTIONS)
@pytest.mark.parametrize("state", STATES)
def test_an_action_leads_on_from_the_states_of_its_row_and_from_no_other(state: State, action: Action) -> None:
    sources, target, _ = TABLE[action]
    if state in sources:
        assert review.advance(stored(state), command(action), Authority()).state == target
        assert action in review.allowed_actions(state)
    else:
        assert refusal(stored(state), command(action)) == "invalid_transition"
        assert action not in review.allowed_actions(state)


@pytest.mark.parametrize("role", get_args(Role))
@pytest.mark.parametrize("action", ACTIONS)
def test_an_action_takes_one_of_the_roles_of_its_row(action: Action, role: Role) -> None:
    sources, target, roles = TABLE[action]
    facts, wanted = stored(min(sources)), command(action, role)
    if role in roles:
        assert review.advance(facts, wanted, Authority()).state == target
    else:
        assert refusal(facts, wanted) == "role_not_allowed"


@pytest.mark.parametrize("state", ["withdrawn", "closed"])
def test_terminal_states_allow_nothing(state: State) -> None:
    assert review.allowed_actions(state) == ()
    assert refusal(stored(state), command("close")) == "invalid_transition"


@pytest.mark.parametrize(
    ("action", "missing", "code"),
    [
        ("assign", "assignee", "assignee_required"),
        ("reopen", "assignee", "assignee_required"),
        ("request_info", "comment", "comment_required"),
        ("provide_info", "comment", "comment_required"),
        ("reject", "comment", "comment_required"),
        ("appeal", "comment", "comment_required"),
        ("escalate", "comment", "comment_required"),
        ("reject", "reason_code", "reason_required"),
        ("approve_partial", "reason_code", "reason_required"),
        ("approve_partial", "approved_amount", "amount_required"),
    ],
)
def test_an_action_demands_what_its_row_says(action: Action, missing: str, code: str) -> None:
    assert refusal(stored(min(TABLE[action][0])), command(action, **{missing: None})) == code


def test_a_blank_comment_is_none_and_a_reason_must_be_one() -> None:
    assert refusal(stored(), command("request_info", comment=" \n")) == "comment_required"
    assert refusal(stored(), command("reject", reason_code="because")) == "unknown_reason"


@pytest.mark.parametrize("action", sorted(review.DECISIONS))
def test_who_submitted_a_claim_does_not_decide_it(action: Action) -> None:
    assert refusal(stored(), command(action, actor=Actor("sam", "reviewer"))) == "four_eyes"


@pytest.mark.parametrize("action", ["assign", "reopen"])
def test_a_claim_is_never_assigned_to_its_submitter(action: Action) -> None:
    assert refusal(stored(min(TABLE[action][0])), command(action, assignee="sam")) == "four_eyes"


def test_an_appeal_goes_to_somebody_who_did_not_decide() -> None:
    assert refusal(stored("appealed"), command("reopen", assignee="rita")) == "four_eyes"
    step = review.advance(stored("appealed", approved_amount=Decimal(5)), command("reopen"), Authority())
    assert (step.assigned_to, step.approved_amount) == ("ruth", None)


def test_only_the_assignee_starts_and_only_the_submitter_acts_as_one() -> None:
    assert refusal(stored("assigned"), command("start", actor=Actor("ruth", "reviewer"))) == "not_assignee"
    for action in ("provide_info", "appeal", "withdraw"):
        actor = Actor("mallory", "submitter")
        assert refusal(stored(min(TABLE[action][0])), command(action, actor=actor)) == "not_submitter"


@pytest.mark.parametrize(("role", "limit"), [("reviewer", 50_000), ("supervisor", 500_000)])
def test_a_role_approves_up_to_its_authority(role: Role, limit: int) -> None:
    facts = stored(claim_amount=Decimal(limit) + 1)
    assert refusal(facts, command("approve", role)) == "authority_exceeded"
    within = command("approve_partial", role, approved_amount=Decimal(limit))
    assert review.advance(facts, within, Authority()).approved_amount == limit


def test_a_director_has_no_limit_and_the_others_limits_are_configured() -> None:
    facts = stored(claim_amount=Decimal(10) ** 11)
    assert review.advance(facts, command("approve", "director"), Authority()).approved_amount == Decimal(10) ** 11
    assert refusal(stored(), command("approve"), Authority(reviewer=Decimal(999))) == "authority_exceeded"
    assert Authority().limit("system") == 0


def test_an_appeal_is_made_within_180_days_of_the_decision() -> None:
    last = stored("rejected", decided_at=NOW - timedelta(days=180))
    assert review.advance(last, command("appeal"), Authority()).state == "appealed"
    late = stored("rejected", decided_at=NOW - timedelta(days=180, microseconds=1))
    assert refusal(late, command("appeal")) == "appeal_window_closed"
    assert refusal(stored("rejected", decided_at=None), command("appeal")) == "appeal_window_closed"


def test_escalating_clears_the_assignee_and_raises_the_priority_to_the_top_at_most() -> None:
    step = review.advance(stored(), command("escalate"), Authority())
    assert (step.state, step.assigned_to, step.priority) == ("assigned", None, 2)
    assert review.advance(stored(priority=3), command("escalate"), Authority()).priority == 3
    assert refusal(stored("assigned", assigned_to=None), command("start")) == "not_assignee"


def test_a_claim_is_closed_once_nothing_is_left_to_pay() -> None:
    waiting = stored("approved", approved_amount=Decimal(1), payout_processed=False)
    assert refusal(waiting, command("close")) == "payout_not_processed"
    for done in ({"payout_processed": True}, {"approved_amount": Decimal(0)}, {"approved_amount": None}):
        facts = msgspec.structs.replace(waiting, **done)
        assert review.advance(facts, command("close"), Authority()).state == "closed"


@pytest.mark.parametrize(
    ("action", "amount", "code"),
    [
        ("approve", 1001, "amount_exceeds_claim"),
        ("approve", 999, "amount_below_claim"),
        ("approve_partial", 1000, "amount_exceeds_claim"),
        ("approve_partial", 0, "amount_required"),
        ("reject", 1, "amount_not_allowed"),
    ],
)
def test_a_decision_refuses_an_amount_that_contradicts_it(action: Action, amount: int, code: str) -> None:
    assert refusal(stored(), command(action, approved_amount=Decimal(amount))) == code


def test_a_decision_sets_the_approved_amount() -> None:
    assert review.advance(stored(), command("approve", approved_amount=Decimal(1000)), Authority()).amount == 1000
    assert review.advance(stored(), command("approve"), Authority()).approved_amount == 1000
    assert review.advance(stored(), command("approve_partial"), Authority()).approved_amount == 400
    assert review.advance(stored(), command("reject"), Authority()).approved_amount == 0
    assert review.advance(stored("assigned"), command("start"), Authority()).amount is None


def test_items_are_counted_once_each_and_must_come_to_the_amount() -> None:
    items = (Item("a", "approved", Decimal(300)), Item("b", "rejected", Decimal(700)))
    by_items = command("approve_partial", approved_amount=None, items=items)
    assert review.advance(stored(), by_items, Authority()).approved_amount == 300
    assert refusal(stored(), command("approve_partial", items=items)) == "item_sum_mismatch"
    assert refusal(stored(), command("approve_partial", items=(*items, items[0]))) == "duplicate_item"


def test_fhir_outcomes_follow_the_state() -> None:
    outcomes = {state: review.fhir_outcome(state) for state in STATES}
    assert {s for s, o in outcomes.items() if o == "queued"} == {"submitted", "assigned"}
    assert {s for s, o in outcomes.items() if o == "partial"} == {"in_review", "info_requested", "appealed"}
    assert {s for s, o in outcomes.items() if o == "complete"} == {
        "approved", "partially_approved", "rejected", "withdrawn", "closed"
    }  # fmt: skip


def test_eighteen_reasons_have_names_and_the_others_are_adjustment_reason_codes() -> None:
    assert len(reasons.REASONS) == 18
    assert all(reasons.is_reason(code) for code in (*reasons.REASONS, "45", "CO-45", "PR-B7"))
    assert not any(reasons.is_reason(code) for code in ("", "0", "1234", "XX-45", "co-45", "no coverage"))
    assert reasons.adjustment_reason_code("waiting_period") == "179"
    assert reasons.adjustment_reason_code("category_limitation") is None
    assert reasons.adjustment_reason_code("CO-45") == reasons.adjustment_reason_code("45") == "45"


def test_who_speaks_for_nobody_else_acts_in_a_role_held_or_on_an_own_claim() -> None:
    assert review.acting("rita", {"reviewer"}, "reviewer", "sam") == Actor("rita", "reviewer")
    assert review.acting("sam", set(), "submitter", "sam") == Actor("sam", "submitter")
    for person, roles, claimed in (
        ("rita", {"reviewer"}, "supervisor"),
        ("rita", set(), "submitter"),
        ("sam", set(), "system"),
    ):
        with pytest.raises(Refused, match="role_not_allowed"):
            review.acting(person, roles, claimed, "sam")


def test_a_review_begins_submitted_or_assigned_to_somebody_else() -> None:
    review.check_beginning("submitted", None, "sam")
    review.check_beginning("assigned", "rita", "sam")
    for state, assignee, code in (
        ("approved", "rita", "invalid_initial_state"),
        ("assigned", None, "invalid_initial_state"),
        ("submitted", "sam", "four_eyes"),
    ):
        with pytest.raises(Refused, match=code):
            review.check_beginning(state, assignee, "sam")


COMMANDS = st.builds(
    command,
    st.sampled_from(ACTIONS),
    st.sampled_from(get_args(Role)),
    actor=st.builds(Actor, st.sampled_from(["sam", "rita", "ruth"]), st.sampled_from(get_args(Role))),
    assignee=st.sampled_from([None, "sam", "rita", "ruth"]),
    approved_amount=st.sampled_from([None, Decimal(0), Decimal(400), Decimal(1000), Decimal(2000)]),
)


@given(st.lists(COMMANDS, max_size=30))
def test_no_sequence_of_actions_breaks_the_house_rules(commands: list[Command]) -> None:
    """The submitter never decides; an amount never exceeds the claim; each decision is appealed once at most."""
    facts = stored("submitted", assigned_to=None, decided_by=None, decided_at=None)
    decisions = appeals = 0
    for wanted in commands:
        try:
            step = review.advance(facts, wanted, Authority())
        except Refused:
            continue
        decided = wanted.action in review.DECISIONS
        decisions, appeals = decisions + decided, appeals + (wanted.action == "appeal")
        facts = msgspec.structs.replace(
            facts,
            state=step.state, assigned_to=step.assigned_to, priority=step.priority,
            approved_amount=step.approved_amount,
            decided_by=wanted.actor.id if decided else facts.decided_by,
            decided_at=wanted.at if decided else facts.decided_at,
        )  # fmt: skip
        assert not (decided and wanted.actor.id == "sam")
        assert facts.assigned_to != "sam"
        assert 0 <= (facts.approved_amount or 0) <= facts.claim_amount
        assert appeals <= decisions
