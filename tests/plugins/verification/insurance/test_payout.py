"""Payouts through HTTP: the figures, one processing only, and policies that are never overspent."""

import asyncio
from decimal import Decimal
from typing import Any

import httpx
import pytest

from core.auth import ADMIN
from core.clock import SystemClock
from core.unit_of_work import UnitOfWorkFactory
from plugins.verification.insurance.schemas.payout import PayoutIn
from plugins.verification.insurance.service import payout

REGISTER = "/api/v1/insurance/admin/payout-request"
PROCESS = "/api/v1/insurance/payout/process"


def figures(approved: str = "1000", deductible: str = "200", limit: str = "500", **more: object) -> dict[str, object]:
    return {"approved_amount": approved, "deductible": deductible, "policy_limit": limit} | more


async def paid(client: httpx.AsyncClient, **request: object) -> dict[str, Any]:
    answer = await client.post(PROCESS, json=request)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_a_payout_is_registered(admin_client: httpx.AsyncClient) -> None:
    answer = await admin_client.post(REGISTER, json=figures(claim_reference="CLM-1", payee="Ana"))
    assert answer.status_code == 201
    body = answer.json()
    assert (body["status"], body["approved_amount"], body["coinsurance_rate"]) == ("pending", "1000.00", "1")
    again = await admin_client.post(REGISTER, json=figures(claim_reference="CLM-1"))
    assert (again.status_code, again.json()["code"]) == (409, "duplicate_claim_reference")


@pytest.mark.parametrize(
    ("approved", "deductible", "limit", "amount", "status"),
    [("1000", "200", "500", "500.00", "paid"), ("1000", "200", "2000", "800.00", "paid"),
     ("100", "200", "500", "0.00", "zero_paid"), ("500", "0", "500", "500.00", "paid")],
)  # fmt: skip
async def test_the_golden_figures(
    admin_client: httpx.AsyncClient, approved: str, deductible: str, limit: str, amount: str, status: str
) -> None:
    await admin_client.post(REGISTER, json=figures(approved, deductible, limit, claim_reference="CLM-1"))
    body = await paid(admin_client, claim_reference="CLM-1")
    assert (body["payout_amount"], body["status"], body["checks"]) == (amount, status, {"balances": True})
    adjusted = sum(Decimal(each["amount"]) for each in body["adjustments"])
    assert Decimal(body["approved_amount"]) == Decimal(body["payout_amount"]) + adjusted


async def test_a_dry_run_shows_every_step_and_keeps_nothing(admin_client: httpx.AsyncClient) -> None:
    body = await paid(admin_client, **figures(coinsurance_rate=0.8), dry_run=True)
    assert (body["status"], body["payout_amount"], body["payout_id"]) == ("dry_run", "500.00", None)
    assert body["steps"][1] == {
        "name": "coinsurance", "before": "800.00", "delta": "-160.00", "after": "640.00", "rule": "PR-2"
    }  # fmt: skip
    assert [(a["group"], a["code"], a["amount"]) for a in body["adjustments"]] == [
        ("PR", "1", "200.00"), ("PR", "2", "160.00"), ("CO", "119", "140.00"),
    ]  # fmt: skip
    assert (body["member_responsibility"], body["limit_remaining"]) == ("360.00", "0.00")
    await admin_client.post(REGISTER, json=figures(claim_reference="CLM-1"))
    assert (await paid(admin_client, claim_reference="CLM-1", dry_run=True))["status"] == "dry_run"
    assert (await paid(admin_client, claim_reference="CLM-1"))["status"] == "paid"


async def test_amounts_are_shown_with_the_decimals_of_their_currency(admin_client: httpx.AsyncClient) -> None:
    body = await paid(admin_client, **figures("5", "0", "9", currency="JPY", coinsurance_rate="0.5"), dry_run=True)
    assert (body["payout_amount"], body["member_responsibility"]) == ("3", "2")


async def test_a_processed_payout_answers_the_same_again(admin_client: httpx.AsyncClient) -> None:
    registered = (await admin_client.post(REGISTER, json=figures(claim_reference="CLM-1"))).json()
    first = await admin_client.post(PROCESS, json={"claim_reference": "CLM-1"})
    for same in ({"payout_request_id": registered["id"]}, {"claim_reference": "CLM-1"} | figures("1000.00")):
        assert (await admin_client.post(PROCESS, json=same)).content == first.content
    other = await admin_client.post(PROCESS, json={"claim_reference": "CLM-1"} | figures("999"))
    assert (other.status_code, other.json()["code"]) == (409, "already_processed")
    assert [fault["pointer"] for fault in other.json()["errors"]] == ["/approved_amount"]


async def test_figures_beside_a_reference_are_never_stored(admin_client: httpx.AsyncClient) -> None:
    await admin_client.post(REGISTER, json=figures(claim_reference="CLM-1"))
    answer = await admin_client.post(PROCESS, json={"claim_reference": "CLM-1"} | figures("900"))
    assert (answer.status_code, answer.json()["code"]) == (409, "inputs_differ")


@pytest.mark.parametrize("way", ["claim_reference", "payout_request_id"])
async def test_one_payout_processed_at_once_by_many_is_paid_once(admin_client: httpx.AsyncClient, way: str) -> None:
    registered = (await admin_client.post(REGISTER, json=figures(claim_reference="CLM-1"))).json()
    named = {"claim_reference": "CLM-1", "payout_request_id": registered["id"]}
    answers = await asyncio.gather(*(admin_client.post(PROCESS, json={way: named[way]}) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1


async def test_parallel_claims_of_one_policy_never_exceed_its_limit_or_deductible(
    admin_client: httpx.AsyncClient,
) -> None:
    """Fifty claims at once: the payouts come to the limit exactly, the deductibles to the deductible."""
    policy = {"policy_number": "P-1", "period_start": "2026-01-01"}
    for number in range(50):
        claim = figures("100", "350", "2000", claim_reference=f"CLM-{number}", **policy)
        assert (await admin_client.post(REGISTER, json=claim)).status_code == 201
    bodies = await asyncio.gather(*(paid(admin_client, claim_reference=f"CLM-{number}") for number in range(50)))
    assert sum(Decimal(body["payout_amount"]) for body in bodies) == 2000
    deductibles = [Decimal(a["amount"]) for body in bodies for a in body["adjustments"] if a["code"] == "1"]
    assert sum(deductibles) == 350
    assert all(body["checks"]["balances"] for body in bodies)


async def test_another_period_of_the_policy_has_a_limit_of_its_own(admin_client: httpx.AsyncClient) -> None:
    for reference, period in (("A", "2026-01-01"), ("B", "2027-01-01"), ("C", "2026-01-01")):
        claim = figures("500", "0", "500", claim_reference=reference, policy_number="P-1", period_start=period)
        await admin_client.post(REGISTER, json=claim)
    amounts = [(await paid(admin_client, claim_reference=each))["payout_amount"] for each in "ABC"]
    assert amounts == ["500.00", "500.00", "0.00"]


@pytest.mark.parametrize("decision", [None, "approve", "approve_partial", "reject"])
async def test_a_claim_under_review_is_paid_what_was_approved_and_no_more(
    admin_client: httpx.AsyncClient, decision: str | None
) -> None:
    actor = {"id": "rita", "role": "reviewer"}
    review = {"claim_reference": "CLM-1", "claim_amount": "1000", "submitted_by": "sam", "assigned_to": "rita"}
    begun = review | {"workflow_state": {"state": "assigned"}}
    await admin_client.post("/api/v1/insurance/admin/reviewer-request", json=begun)
    await admin_client.post(REGISTER, json=figures(claim_reference="CLM-1"))
    if decision:
        why = {"comment": "c", "reason_code": "no_coverage"}
        amount = {"approved_amount": "999"} if decision == "approve_partial" else {}
        for action in ("start", decision):
            step = {"claim_reference": "CLM-1", "action": action, "actor": actor} | (
                amount if action == decision else {}
            )
            answer = await admin_client.post("/api/v1/insurance/claims/review", json=step | why)
            assert answer.status_code == 200, answer.text
    answer = await admin_client.post(PROCESS, json={"claim_reference": "CLM-1"})
    if decision == "approve":
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()["code"]) == (409, "review_not_approved")


async def test_a_review_stands_still_while_its_claim_is_paid(
    admin_client: httpx.AsyncClient, units: UnitOfWorkFactory
) -> None:
    review = {"claim_reference": "CLM-1", "claim_amount": "1000", "submitted_by": "sam", "assigned_to": "rita"}
    begun = review | {"workflow_state": {"state": "assigned"}}
    await admin_client.post("/api/v1/insurance/admin/reviewer-request", json=begun)
    await admin_client.post(REGISTER, json=figures(claim_reference="CLM-1"))
    for action in ("start", "approve"):
        step = {"claim_reference": "CLM-1", "action": action, "actor": {"id": "rita", "role": "reviewer"}}
        assert (await admin_client.post("/api/v1/insurance/claims/review", json=step)).status_code == 200
    async with units() as paying:
        await payout.process(paying, SystemClock(), ADMIN, None, PayoutIn(claim_reference="CLM-1"))
        async with units() as changing:
            connection = await changing.connection()
            held = await connection.fetch("SELECT FROM verification.reviewer_requests FOR UPDATE SKIP LOCKED")
    assert held == []


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"approved_amount": "-1"}, 422, "negative_amount"),
        ({"approved_amount": "1e400"}, 400, None),
        ({"approved_amount": "1,234.56"}, 400, None),
        ({"approved_amount": 0.1 + 0.2}, 400, "float_money"),
        ({"approved_amount": "1.005"}, 422, "currency_exponent"),
        ({"deductible": "1.5", "currency": "JPY"}, 422, "currency_exponent"),
        ({"policy_limit": "99999999999999"}, 400, None),
        ({"approved_amount": True}, 400, None),
        ({"approved_amount": ""}, 400, None),
        ({"approved_amount": "\u0661"}, 400, None),
        ({"coinsurance_rate": "1.1"}, 400, None),
        ({"coinsurance_rate": "0.12345"}, 400, None),
        ({"period_start": "2026-02-30"}, 400, "invalid_date"),
        ({"period_start": "2026-1-5"}, 400, "invalid_date"),
    ],
)
async def test_impossible_figures_are_refused_in_both_routes(
    admin_client: httpx.AsyncClient, changes: dict[str, object], status: int, code: str | None
) -> None:
    registered = await admin_client.post(REGISTER, json=figures(claim_reference="CLM-1") | changes)
    computed = await admin_client.post(PROCESS, json=figures(dry_run=True) | changes)
    for answer in (registered, computed):
        assert answer.status_code == status, answer.text
        assert code is None or answer.json()["code"] == code


@pytest.mark.parametrize("number", ["1e400", "NaN", "Infinity"])
async def test_numbers_that_are_none_are_refused(admin_client: httpx.AsyncClient, number: str) -> None:
    body = f'{{"approved_amount": {number}, "deductible": "0", "policy_limit": "1", "dry_run": true}}'
    answer = await admin_client.post(PROCESS, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        ({}, 400, "ambiguous_reference"),
        ({"dry_run": True}, 400, "ambiguous_reference"),
        (figures(), 400, "dry_run_required"),
        ({"approved_amount": "1", "dry_run": True}, 400, "missing_field"),
        ({"claim_reference": "NOPE"}, 404, "insurance_request_not_found"),
        ({"payout_request_id": "018f6f5e-0000-7000-8000-000000000000"}, 404, "insurance_request_not_found"),
        (
            {"payout_request_id": "018f6f5e-0000-7000-8000-000000000000", "claim_reference": "A"},
            400,
            "ambiguous_reference",
        ),
    ],
)
async def test_a_payout_is_named_in_one_way(
    admin_client: httpx.AsyncClient, request_: dict[str, object], status: int, code: str
) -> None:
    answer = await admin_client.post(PROCESS, json=request_)
    assert answer.status_code == status, answer.text
    assert code in {answer.json()["code"], *(fault["code"] for fault in answer.json()["errors"])}


async def test_a_payout_is_kept_as_a_decision(admin_client: httpx.AsyncClient, units: Any) -> None:
    await admin_client.post(REGISTER, json=figures(claim_reference="CLM-1"))
    await paid(admin_client, claim_reference="CLM-1")
    async with units() as uow:
        connection = await uow.connection()
        kept = await connection.fetch("SELECT kind, verdict FROM verification.verification_requests")
    assert [tuple(row) for row in kept] == [("insurance.payout", "paid")]


async def test_nobody_pays_without_a_credential(client: httpx.AsyncClient) -> None:
    assert (await client.post(PROCESS, json={"claim_reference": "CLM-1"})).status_code == 401
    assert (await client.post(REGISTER, json=figures(claim_reference="CLM-1"))).status_code == 401
