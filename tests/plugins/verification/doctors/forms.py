"""What tests of doctors send and ask, and what a refusal looks like."""

from datetime import date
from typing import Any

import httpx

BASE = "/api/v1/doctors"
ADD = f"{BASE}/admin/add"
READS = (
    "psv/license/status",
    "psv/degree/info",
    "psv/board-cert/info",
    "psv/training/info",
    "psv/employment/info",
    "psv/disciplines/check",
    "psv/malpractice/history",
    "psv/verify",
)
TODAY = date(2026, 1, 5)


def a_doctor(**changes: Any) -> dict[str, Any]:
    """A doctor who passes everything on that day, but for the `changes`; a change to None leaves the field out."""
    body = {
        "doctor_id": "DOC-1",
        "full_name": "Amina Khan",
        "date_of_birth": "1980-02-29",
        "specialization": "Cardiology",
        "npi": "1234567893",
        "npi_status": "A",
        "license_number": "A-100",
        "license_state": "CA",
        "license_status": "active",
        "license_issued_on": "2008-09-01",
        "license_expires_on": "2027-01-01",
        "issuing_board": "Medical Board of California",
        "degrees": [
            {
                "degree_type": "M.B.B.S.",
                "institution": "Aga Khan University",
                "country": "PK",
                "graduated_on": "2008-06-30",
                "verified": True,
            }
        ],
        "board_certifications": [
            {
                "board": "ABIM",
                "specialty": "Cardiology",
                "status": "active",
                "certificate_number": "BC-1",
                "expires_on": "2028-12-31",
            }
        ],
        "trainings": [
            {
                "kind": "residency",
                "institution": "Mayo Clinic",
                "status": "completed",
                "started_on": "2008-07-01",
                "completed_on": "2011-06-30",
            }
        ],
        "employments": [{"employer": "General Hospital", "started_on": "2011-07-01"}],
        **changes,
    }
    return {name: value for name, value in body.items() if value is not None}


def another_doctor(**changes: Any) -> dict[str, Any]:
    """A doctor who shares no identifier with the first."""
    others: dict[str, Any] = {
        "doctor_id": "DOC-2",
        "npi": "1710983663",
        "license_number": "B-200",
        "board_certifications": [],
    }
    return a_doctor(**(others | changes))


ACTION = {
    "action_type": "consent order",
    "severity": "reprimand",
    "authority": "Medical Board of California",
    "case_number": "MB-1",
    "effective_on": "2020-01-01",
    "ended_on": "2021-01-01",
}
CASE = {
    "case_number": "C-1",
    "court": "Superior Court",
    "status": "settled",
    "filed_on": "2021-03-01",
    "closed_on": "2023-03-01",
    "amount_paid": "100000.5",
}


async def register(admin_client: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await admin_client.post(ADD, json=a_doctor(**changes))
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def ask(client: httpx.AsyncClient, path: str, **query: Any) -> dict[str, Any]:
    answer = await client.get(f"{BASE}/psv/{path}", params={"doctor_id": "DOC-1", **query})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def refused(answer: httpx.Response, status: int, code: str) -> list[tuple[str, str]]:
    """Check the problem document and return pointer and code of each fault."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["status"], problem["code"], problem["type"]) == (status, code, f"/problems/{code}")
    return [(fault["pointer"], fault["code"]) for fault in problem.get("errors", [])]
