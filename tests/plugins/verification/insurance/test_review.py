"""The review of claims through HTTP: the workflow, its refusals, races, and who may speak for whom."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from core.auth import Principal
from core.http.problems import Problem
from core.testing.fakes import SettableClock
from core.unit_of_work import UnitOfWorkFactory
from plugins.verification.insurance.rules.review import PRIORITIES, Authority
from plugins.verification.insurance.schemas.review import ActorIn, ReviewActionIn
from plugins.verification.insurance.service import deadlines, review

REGISTER = "/api/v1/insurance/admin/reviewer-request"
ACT = "/api/v1/insurance/claims/review"


def claim(**changes: object) -> dict[str, object]:
    return {"claim_reference": "CLM-1", "claim_amount": "1000.00", "submitted_by": "sam"} | changes


def step(action: str, role: str, actor: str = "rita", **more: object) -> dict[str, object]:
    return {"claim_reference": "CLM-1", "action": action, "actor": {"id": actor, "role": role}} | more


ASSIGN = step("assign", "supervisor", "sue", assignee="rita")
START = step("start", "reviewer")
APPROVE = step("approve", "reviewer")
REJECT = step("reject", "reviewer", reason_code="no_coverage", comment="lapsed")
PARTLY = step("approve_partial", "reviewer", approved_amount="400.00", reason_code="CO-45")
APPEAL = step("appeal", "submitter", "sam", comment="it was covered")


async def walk(client: httpx.AsyncClient, *steps: dict[str, object]) -> dict[str, Any]:
    """Register a claim, take the steps, and return the last answer."""
    answer = await client.post(REGISTER, json=claim())
    for each in steps:
        answer = await client.post(ACT, json=each)
        assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def refused(client: httpx.AsyncClient, wanted: dict[str, object]) -> tuple[int, str]:
    answer = await client.post(ACT, json=wanted)
    return answer.status_code, answer.json()["code"]


async def test_a_claim_is_registered_for_review(admin_client: httpx.AsyncClient) -> None:
    answer = await admin_client.post(REGISTER, json=claim(priority="high", due_at="2026-05-01T12:00:00Z"))
    assert answer.status_code == 201
    body = answer.json()
    assert (body["state"], body["version"], body["claim_amount"]) == ("submitted", 1, "1000.00")
    assert body["allowed_actions"] == ["assign", "withdraw"]
    again = await admin_client.post(REGISTER, json=claim())
    assert (again.status_code, again.json()["code"]) == (409, "duplicate_claim_reference")


async def test_twenty_parallel_registrations_of_one_claim_leave_one(admin_client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(admin_client.post(REGISTER, json=claim()) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 19


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"workflow_state": {"state": "approved"}}, 422, "invalid_initial_state"),
        ({"workflow_state": {"state": "assigned"}}, 422, "invalid_initial_state"),
        ({"assigned_to": "sam"}, 403, "four_eyes"),
        ({"claim_amount": "10.001"}, 422, "currency_exponent"),
        ({"claim_amount": "10.5", "currency": "JPY"}, 422, "currency_exponent"),
        ({"claim_amount": "0"}, 400, None),
        ({"claim_amount": "-1"}, 400, None),
        ({"claim_amount": 10.5}, 400, "float_money"),
        ({"claim_amount": "1e3"}, 400, None),
        ({"claim_amount": "1,000.00"}, 400, None),
        ({"claim_amount": "1000000000000"}, 400, None),
        ({"currency": "usd"}, 400, None),
        ({"priority": "asap"}, 400, None),
        ({"workflow_state": {"state": "dreaming"}}, 400, None),
        ({"due_at": "2026-05-01T12:00:00"}, 400, None),
    ],
)
async def test_a_claim_that_cannot_be_is_refused(
    admin_client: httpx.AsyncClient, changes: dict[str, object], status: int, code: str | None
) -> None:
    answer = await admin_client.post(REGISTER, json=claim(**changes))
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["code"] == code


async def test_a_review_begins_assigned_where_it_names_whom_to(admin_client: httpx.AsyncClient) -> None:
    begun = claim(assigned_to="rita", workflow_state={"state": "assigned"})
    assert (await admin_client.post(REGISTER, json=begun)).json()["state"] == "assigned"


async def test_a_claim_is_approved_step_by_step_and_every_step_is_kept(admin_client: httpx.AsyncClient) -> None:
    body = await walk(admin_client, ASSIGN, START, APPROVE)
    assert (body["verification"]["source"], body["verification"]["stale"]) == ("claims-review", False)
    assert (body["from_state"], body["to_state"], body["version"]) == ("in_review", "approved", 4)
    assert (body["outcome"], body["approved_amount"], body["allowed_actions"]) == ("complete", "1000.00", ["close"])
    assert [(entry["seq"], entry["action"]) for entry in body["history"]] == [
        (1, "submit"), (2, "assign"), (3, "start"), (4, "approve"),
    ]  # fmt: skip
    assert body["history"][-1]["actor"] == {"id": "rita", "role": "reviewer"}
    assert (body["history"][-1]["from"], body["history"][-1]["to"]) == ("in_review", "approved")


async def test_a_rejection_names_its_reason_and_the_adjustment_reason_code(admin_client: httpx.AsyncClient) -> None:
    entry = (await walk(admin_client, ASSIGN, START, REJECT))["history"][-1]
    assert (entry["reason_code"], entry["adjustment_reason_code"], entry["amount"]) == ("no_coverage", "200", "0.00")


async def test_an_appeal_goes_to_another_reviewer(admin_client: httpx.AsyncClient) -> None:
    await walk(admin_client, ASSIGN, START, PARTLY, APPEAL)
    reopen = step("reopen", "supervisor", "sue", assignee="rita")
    assert await refused(admin_client, reopen) == (403, "four_eyes")
    answer = await admin_client.post(ACT, json=reopen | {"assignee": "ruth"})
    assert (answer.json()["to_state"], answer.json()["assigned_to"]) == ("in_review", "ruth")


async def test_an_appeal_after_half_a_year_is_too_late(admin_client: httpx.AsyncClient, clock: SettableClock) -> None:
    clock.set(datetime(2026, 1, 1, tzinfo=UTC))
    await walk(admin_client, ASSIGN, START, REJECT)
    clock.advance(timedelta(days=181))
    assert await refused(admin_client, APPEAL) == (422, "appeal_window_closed")


async def test_escalating_frees_the_claim_and_raises_its_priority(admin_client: httpx.AsyncClient) -> None:
    body = await walk(admin_client, ASSIGN, START, step("escalate", "reviewer", comment="too hard"))
    assert (body["to_state"], body["assigned_to"], body["priority"]) == ("assigned", None, "high")


async def test_an_approved_claim_is_closed_once_it_is_paid(admin_client: httpx.AsyncClient) -> None:
    await walk(admin_client, ASSIGN, START, APPROVE)
    close = step("close", "supervisor", "sue")
    assert await refused(admin_client, close) == (409, "payout_not_processed")
    figures = {"claim_reference": "CLM-1", "approved_amount": "1000", "deductible": "0", "policy_limit": "5000"}
    await admin_client.post("/api/v1/insurance/admin/payout-request", json=figures)
    await admin_client.post("/api/v1/insurance/payout/process", json={"claim_reference": "CLM-1"})
    assert (await admin_client.post(ACT, json=close)).json()["to_state"] == "closed"


@pytest.mark.parametrize(
    ("wanted", "status", "code"),
    [
        (APPROVE | {"actor": {"id": "sam", "role": "reviewer"}}, 403, "four_eyes"),
        (APPROVE | {"actor": {"id": "rita", "role": "submitter"}}, 403, "role_not_allowed"),
        (APPROVE | {"approved_amount": "1000.01"}, 422, "amount_exceeds_claim"),
        (APPROVE | {"approved_amount": "999.99"}, 422, "amount_below_claim"),
        (APPROVE | {"approved_amount": "999.999"}, 422, "currency_exponent"),
        (PARTLY | {"approved_amount": None}, 422, "amount_required"),
        (PARTLY | {"approved_amount": "1000"}, 422, "amount_exceeds_claim"),
        (PARTLY | {"reason_code": None}, 422, "reason_required"),
        (PARTLY | {"reason_code": "mood"}, 422, "unknown_reason"),
        (PARTLY | {"items": [{"code": "a", "decision": "approved", "amount": "1"}]}, 422, "item_sum_mismatch"),
        (REJECT | {"comment": None}, 422, "comment_required"),
        (START, 409, "invalid_transition"),
        (APPROVE | {"expected_version": 2}, 409, "stale_workflow"),
        (APPROVE | {"action": "sing"}, 400, None),
        (APPROVE | {"actor": {"id": "rita"}}, 400, None),
        (APPROVE | {"approved_amount": "-1"}, 400, None),
        (APPROVE | {"comment": "x" * 4001}, 400, None),
        (APPROVE | {"claim_reference": "OTHER"}, 404, "insurance_request_not_found"),
        (APPROVE | {"claim_reference": None}, 400, "ambiguous_reference"),
        (APPROVE | {"review_id": "018f6f5e-0000-7000-8000-000000000000"}, 400, "ambiguous_reference"),
    ],
)
async def test_an_action_that_must_not_happen_is_refused(
    admin_client: httpx.AsyncClient, wanted: dict[str, object], status: int, code: str | None
) -> None:
    await walk(admin_client, ASSIGN, START)
    answer = await admin_client.post(ACT, json=wanted)
    assert answer.status_code == status, answer.text
    assert code is None or answer.json()["code"] == code


async def test_a_wrong_action_is_told_which_ones_are_allowed(admin_client: httpx.AsyncClient) -> None:
    await walk(admin_client)
    answer = await admin_client.post(ACT, json=APPROVE)
    assert answer.json()["errors"][0]["meta"] == {
        "state": "submitted", "version": 1, "allowed_actions": ["assign", "withdraw"]
    }  # fmt: skip


async def test_nobody_approves_above_the_roles_authority(admin_client: httpx.AsyncClient) -> None:
    await admin_client.post(REGISTER, json=claim(claim_amount="50000.01"))
    for each in (ASSIGN, START):
        await admin_client.post(ACT, json=each)
    assert await refused(admin_client, APPROVE) == (403, "authority_exceeded")
    approved = await admin_client.post(ACT, json=step("approve", "supervisor", "sue"))
    assert approved.status_code == 200


async def test_of_two_parallel_approvals_exactly_one_wins(admin_client: httpx.AsyncClient) -> None:
    for number in range(5):
        reference = f"RACE-{number}"
        await admin_client.post(REGISTER, json=claim(claim_reference=reference))
        for each in (ASSIGN, START):
            await admin_client.post(ACT, json=each | {"claim_reference": reference})
        both = [APPROVE, step("approve", "supervisor", "sue")]
        answers = await asyncio.gather(*(admin_client.post(ACT, json=a | {"claim_reference": reference}) for a in both))
        assert sorted(answer.status_code for answer in answers) == [200, 409]
        (lost,) = (answer.json()["code"] for answer in answers if answer.status_code == 409)
        assert lost in {"stale_workflow", "invalid_transition"}


async def test_the_same_key_is_answered_the_same_without_a_second_step(admin_client: httpx.AsyncClient) -> None:
    await walk(admin_client, ASSIGN, START)
    first = await admin_client.post(ACT, json=APPROVE, headers={"Idempotency-Key": "k1"})
    again = await admin_client.post(ACT, json=APPROVE, headers={"Idempotency-Key": "k1"})
    assert (again.status_code, again.content) == (200, first.content)
    assert again.headers["Idempotent-Replayed"] == "true"


async def test_the_history_cannot_be_changed(admin_client: httpx.AsyncClient, units: UnitOfWorkFactory) -> None:
    await walk(admin_client, ASSIGN)
    for statement in (
        "UPDATE verification.reviewer_transitions SET comment = 'x'",
        "DELETE FROM verification.reviewer_transitions",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            async with units() as uow:
                await (await uow.connection()).execute(statement)


async def act_as(units: UnitOfWorkFactory, clock: SettableClock, principal: Principal, wanted: dict[str, Any]) -> str:
    actor = ActorIn(**wanted["actor"])
    data = ReviewActionIn(**{k: v for k, v in wanted.items() if k != "actor"}, actor=actor)
    async with units() as uow:
        return (await review.act(uow, clock, principal, None, Authority(), data)).history[-1].actor.id


async def test_without_the_admin_scope_everybody_acts_as_themselves(
    admin_client: httpx.AsyncClient, units: UnitOfWorkFactory, clock: SettableClock
) -> None:
    """The body's actor is believed from `verification:admin` only; a role must be held, or the claim be one's own."""
    await walk(admin_client)
    writer = frozenset({"verification:write"})
    sue = Principal(id="sue", kind="user", roles=frozenset({"supervisor"}), scopes=writer)
    assert await act_as(units, clock, sue, ASSIGN | {"actor": {"id": "somebody", "role": "supervisor"}}) == "sue"
    mallory = Principal(id="mallory", kind="user", scopes=writer)
    for wanted in (START, step("withdraw", "submitter", "sam")):
        with pytest.raises(Problem, match="role_not_allowed"):
            await act_as(units, clock, mallory, wanted)
    sam = Principal(id="sam", kind="user", scopes=writer)
    assert await act_as(units, clock, sam, step("withdraw", "submitter", "sam")) == "sam"


async def test_every_action_is_kept_as_a_decision(admin_client: httpx.AsyncClient, units: UnitOfWorkFactory) -> None:
    await walk(admin_client, ASSIGN, START, APPROVE)
    async with units() as uow:
        connection = await uow.connection()
        kept = await connection.fetch(
            "SELECT kind, verdict, subject_key FROM verification.verification_requests ORDER BY verified_at, id"
        )
    assert [tuple(row) for row in kept] == [
        ("insurance.review", verdict, "CLM-1") for verdict in ("assigned", "in_review", "approved")
    ]


async def test_a_review_whose_time_is_up_is_raised_once(
    admin_client: httpx.AsyncClient, units: UnitOfWorkFactory, clock: SettableClock
) -> None:
    await admin_client.post(REGISTER, json=claim(due_at="2026-05-01T12:00:00Z", priority="urgent"))
    await admin_client.post(REGISTER, json=claim(claim_reference="CLM-2", due_at="2026-05-02T12:00:00Z"))
    await admin_client.post(REGISTER, json=claim(claim_reference="CLM-3", due_at="2026-05-01T12:00:00Z"))
    clock.set(datetime(2026, 5, 1, 13, tzinfo=UTC))
    for _ in range(2):
        async with units() as uow:
            await deadlines.raise_overdue(uow, clock)
    body = (await admin_client.post(ACT, json=ASSIGN)).json()
    assert [entry["action"] for entry in body["history"]] == ["submit", "sla_breached", "assign"]
    assert (body["priority"], body["version"]) == ("urgent", 3)
    other = (await admin_client.post(ACT, json=ASSIGN | {"claim_reference": "CLM-2"})).json()
    assert (other["priority"], other["version"]) == ("normal", 2)
    async with units() as uow:
        raised = await (await uow.connection()).fetchrow(
            "SELECT priority, version, workflow_state FROM verification.reviewer_requests"
            " WHERE claim_reference = 'CLM-3'"
        )
    assert tuple(raised or ()) == (PRIORITIES.index("high"), 2, {"state": "submitted", "version": 2})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_other_methods_are_told_which_one_is_allowed(admin_client: httpx.AsyncClient, method: str) -> None:
    answer = await admin_client.request(method, ACT)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]
