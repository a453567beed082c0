"""Receipts through HTTP: who gets one, what it proves, and how long."""

import hashlib
from datetime import timedelta

import jwt
import pytest
import rfc8785
from sqlalchemy import select

from core.testing.application import running_application
from core.testing.migrated import environ_for_tests
from plugins.verification.evidence.tables import VerificationRequest
from ports.storage import Query

CHECK = "/api/v1/_stub/receipts/verify"
KEYS = "/api/v1/_stub/receipts/jwks"
KEPT = Query(select(VerificationRequest.receipt).order_by(VerificationRequest.verified_at.desc()), str)

DOCTOR = {
    "doctor_id": "DOC-1",
    "full_name": "Amina Khan",
    "specialization": "Cardiology",
    "license_number": "A-100",
    "license_state": "CA",
    "license_status": "active",
}
STUDENT = {
    "student_id": "S-1",
    "name": "Zoë Khan",
    "records": [
        {
            "level": "matric",
            "board": "BISE Lahore",
            "exam_year": 2023,
            "roll_number": "R-1",
            "certificate_number": "C-1",
            "marks_obtained": 900,
            "total_marks": 1100,
            "result": "pass",
        }
    ],
}


@pytest.fixture
async def registered(admin_client):
    """What the sources hold."""
    for path, body in {
        "doctors/admin/add": DOCTOR,
        "academic/admin/students": STUDENT,
        "academic/admin/eligibility-rules": {
            "program": "BSCS",
            "requirements": {"min_percentage": {"matric": "50"}},
        },
        "academic/admin/merit-rules": {"program": "BSCS", "weightage": {"matric": 100}},
        "insurance/admin/reviewer-request": {"claim_reference": "R-1", "claim_amount": "100", "submitted_by": "u1"},
        "insurance/admin/payout-request": {
            "claim_reference": "P-1", "approved_amount": "1000", "deductible": "200", "policy_limit": "500"
        },
    }.items():  # fmt: skip
        answer = await admin_client.post(f"/api/v1/{path}", json=body)
        assert answer.status_code == 201, answer.text


READS = ("license/status", "degree/info", "board-cert/info", "training/info", "employment/info", "disciplines/check",
         "malpractice/history")  # fmt: skip
DECISIONS = {
    "psv/verify": ("doctor", "GET", "/api/v1/doctors/psv/verify?doctor_id=DOC-1", None),
    "academic.roll_number": ("academic_record", "GET", "/api/v1/academic/verify/roll-number?roll_number=R-1", None),
    "academic.certificate": (
        "academic_record", "GET", "/api/v1/academic/verify/certificate?certificate_number=C-1", None
    ),
    "academic.eligibility": ("student", "GET", "/api/v1/academic/check-eligibility?student_id=S-1&program=BSCS", None),
    "academic.merit": ("student", "GET", "/api/v1/academic/calculate-merit?student_id=S-1&program=BSCS", None),
    "insurance.review": (
        "claim", "POST", "/api/v1/insurance/claims/review",
        {"claim_reference": "R-1", "action": "assign", "actor": {"id": "s1", "role": "supervisor"}, "assignee": "r1"},
    ),
    "insurance.payout": ("claim", "POST", "/api/v1/insurance/payout/process", {"claim_reference": "P-1"}),
}  # fmt: skip


async def checked(client, receipt, **more):
    answer = await client.post(CHECK, json={"jws": receipt} | more)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("kind", DECISIONS)
async def test_every_decision_carries_a_receipt_that_can_be_checked(registered, admin_client, storage, kind):
    subject, method, path, body = DECISIONS[kind]
    answer = await admin_client.request(method, path, json=body)
    assert answer.status_code == 200, answer.text
    block = answer.json()["verification"]
    judged = await checked(admin_client, block["receipt"], answer=answer.json())
    assert (judged["valid"], judged["reason"], judged["recorded"]) == (True, None, True)
    stated = judged["receipt"]
    assert (stated["kind"], stated["subject"]["type"], stated["request_id"]) == (kind, subject, block["request_id"])
    assert {name: stated[name] for name in ("outcome", "as_of", "verified_at", "valid_until")} == {
        name: block[name] for name in ("outcome", "as_of", "verified_at", "valid_until")
    }
    assert stated["verdict"]
    assert await storage.fetch_one(KEPT) == block["receipt"]


@pytest.mark.parametrize("read", READS)
async def test_a_read_carries_a_receipt_where_one_is_asked_for(registered, admin_client, storage, read):
    path = f"/api/v1/doctors/psv/{read}?doctor_id=DOC-1"
    assert (await admin_client.get(path)).json()["verification"]["receipt"] is None
    assert await storage.fetch_all(KEPT) == []
    answer = (await admin_client.get(f"{path}&receipt=true")).json()
    judged = await checked(admin_client, answer["verification"]["receipt"], answer=answer)
    assert (judged["valid"], judged["recorded"], judged["receipt"]["subject"]) == (
        True, True, {"type": "doctor", "key": "DOC-1"}
    )  # fmt: skip


async def test_anybody_can_check_it_offline_with_the_public_keys_alone(registered, admin_client, client):
    answer = (await admin_client.get(DECISIONS["psv/verify"][2])).json()
    keys = (await client.get(KEYS)).json()["keys"]
    receipt = answer["verification"]["receipt"]
    # From here on, libraries and nothing of ours.
    header = jwt.get_unverified_header(receipt)
    [key] = [key for key in keys if key["kid"] == header["kid"]]
    stated = jwt.decode(receipt, jwt.PyJWK.from_dict(key), algorithms=["EdDSA"], issuer="hexastar:verification")
    answer["verification"]["receipt"] = None
    assert hashlib.sha256(rfc8785.dumps(answer)).hexdigest() == stated["response_hash"]
    assert stated["subject"] == {"type": "doctor", "key": "DOC-1"}


async def test_keys_hold_nothing_private(admin_client):
    answer = await admin_client.get(KEYS)
    assert [set(key) for key in answer.json()["keys"]] == [{"kty", "crv", "x", "kid", "alg", "use"}]


async def test_another_answer_does_not_belong_to_a_receipt(registered, admin_client):
    answer = (await admin_client.get(DECISIONS["psv/verify"][2])).json()
    receipt = answer["verification"]["receipt"]
    for altered in (answer | {"verdict": "VERIFIED!"}, answer | {"more": 1}, {}, {"n": 2**60}, {"verification": 1}):
        judged = await checked(admin_client, receipt, answer=altered)
        assert (judged["valid"], judged["reason"]) == (False, "altered")


async def test_a_receipt_is_stale_after_its_time(registered, admin_client, clock):
    answer = (await admin_client.get(DECISIONS["psv/verify"][2])).json()
    receipt = answer["verification"]["receipt"]
    clock.advance(timedelta(days=120, seconds=1))
    judged = await checked(admin_client, receipt, answer=answer)
    assert (judged["valid"], judged["reason"], judged["recorded"]) == (False, "stale", True)
    assert judged["receipt"]["verdict"] == answer["verdict"]


async def test_a_receipt_is_stale_once_the_sources_have_changed(registered, admin_client, clock, run_jobs):
    receipt = (await admin_client.get(DECISIONS["psv/verify"][2])).json()["verification"]["receipt"]
    clock.advance(timedelta(seconds=1))
    again = await admin_client.post(
        "/api/v1/doctors/admin/add?upsert=true", json=DOCTOR | {"license_status": "revoked"}
    )
    assert again.status_code == 200
    await run_jobs()
    assert (await checked(admin_client, receipt))["reason"] == "stale"


async def test_a_receipt_whose_record_is_gone_is_valid_but_not_recorded(registered, admin_client, storage):
    receipt = (await admin_client.get(DECISIONS["psv/verify"][2])).json()["verification"]["receipt"]
    connection = await storage.connect(application_name="test")
    try:
        await connection.execute("SET session_replication_role = replica")
        await connection.execute("DELETE FROM verification.verification_requests")
    finally:
        await connection.close()
    judged = await checked(admin_client, receipt)
    assert (judged["valid"], judged["recorded"]) == (True, False)


async def test_a_payout_that_is_answered_again_carries_the_same_receipt(registered, admin_client):
    path, body = DECISIONS["insurance.payout"][2:]
    first = (await admin_client.post(path, json=body)).json()
    again = (await admin_client.post(path, json=body)).json()
    assert again == first
    assert (await checked(admin_client, again["verification"]["receipt"], answer=again))["valid"]


@pytest.mark.parametrize(
    ("jws", "reason"),
    [("nonsense", "malformed"), ("", "malformed"), ("a.b.c", "malformed"), ("\u0661" * 90, "malformed")],
)
async def test_what_is_no_receipt_is_told_so(admin_client, jws, reason):
    judged = await checked(admin_client, jws)
    assert judged == {"valid": False, "reason": reason, "recorded": False, "receipt": None}


@pytest.mark.parametrize(
    ("body", "code"),
    [({}, "missing_field"), ({"jws": 1}, "validation_error"), ({"jws": "x" * 8_193}, "validation_error"),
     ({"jws": "x", "token": "y"}, "unknown_field"), ({"jws": "x", "answer": []}, "validation_error")],
)  # fmt: skip
async def test_a_question_that_does_not_fit_is_refused(admin_client, body, code):
    answer = await admin_client.post(CHECK, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_without_a_control_plane_there_are_no_receipts(database, hexastar_config, hexastar_environ, tmp_path):
    off = hexastar_environ | {"HEXASTAR__PLUGINS__VERIFICATION__STUB__ENABLED": "false"}
    environ = environ_for_tests(database, off, tmp_path)
    async with running_application(str(hexastar_config), environ) as running, running.admin_client() as client:
        await client.post("/api/v1/doctors/admin/add", json=DOCTOR | {"doctor_id": "DOC-2", "license_number": "A-200"})
        answer = await client.get("/api/v1/doctors/psv/verify?doctor_id=DOC-2")
        assert answer.status_code == 200
        assert answer.json()["verification"]["receipt"] is None
        assert (await client.post(CHECK, json={"jws": "x"})).status_code == 404
        assert (await client.get("/api/v1/_stub/requests")).status_code == 404
        assert "journal" not in (await client.get("/api/v1/health")).json()["checks"]
