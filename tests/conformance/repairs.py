"""What makes a request valid and cannot be said in JSON Schema; Schemathesis calls it before each request.

Only requests that are meant to be accepted are touched: the wrong ones stay as wrong as they were made.
"""

import os
import re
import uuid
import zlib
from collections.abc import Callable
from datetime import date
from http import HTTPStatus
from typing import Any

import requests
import schemathesis

TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
DRAWN = 1000
"""How long a text may be to be drawn by a pattern."""

EXACT = 2**53
"""Up to where a float is one integer and no other."""

RULE = {"name": "late", "match": {"path": "/api/v1/elsewhere"}, "response": {"status": 200, "text": "late"}}
FRESH = ("/api/v1/_stub/rules/{rule_id}", "/api/v1/_stub/requests/{entry_id}")

STATEFUL = "stateful"
"""The phase in which links say what there is."""

undrawn: set[str] = set()
"""The fields whose texts are drawn without their pattern."""

registered: set[str] = set()
"""The ids of everything that has been registered."""

LARGEST = 2**63
"""Integers have 64 bits."""

REVIEW = "/api/v1/insurance/claims/review"
IDENTIFIERS = ("doctor_id", "license_number", "npi")
REFERENCES = {
    "/api/v1/insurance/medical/enrich": (
        ("enrichment_request_id",),
        ("claim_reference",),
        ("diagnosis", "hospital_name"),
    ),
    REVIEW: (("review_id",), ("claim_reference",)),
    "/api/v1/insurance/payout/process": (("payout_request_id",), ("claim_reference",)),
    "/api/v1/insurance/notification/send": (("notification_id",), ("recipient_email", "subject", "message")),
}
"""Exactly one of these groups of fields names what a request is about."""

EXAMPLES = {
    "diagnosis": "Cholera",
    "hospital_name": "St. Mary's",
    "recipient_email": "claims@example.org",
    "subject": "Your claim",
    "message": "It was received.",
}


ACCEPTED: dict[str, Callable[[str], dict[str, Any]]] = {
    "/api/v1/doctors/admin/add": lambda name: {
        "doctor_id": name,
        "full_name": "Amara Okafor",
        "license_number": name,
        "license_status": "active",
    },
    "/api/v1/academic/admin/students": lambda name: {
        "student_id": name,
        "name": "Bilal Ahmed",
        "records": [
            {
                "level": "matric",
                "board": "FBISE",
                "exam_year": 2020,
                "roll_number": name,
                "marks_obtained": "900",
                "total_marks": "1100",
                "result": "pass",
            }
        ],
    },
    "/api/v1/academic/admin/eligibility-rules": lambda name: {
        "program": name,
        "requirements": {"min_percentage": {"matric": "50"}},
    },
    "/api/v1/academic/admin/merit-rules": lambda name: {
        "program": name,
        "weightage": {"matric": "30", "intermediate": "70"},
    },
    REVIEW: lambda name: {
        "claim_reference": name,
        "action": "withdraw",
        "actor": {"id": "demo-hospital", "role": "submitter"},
        "comment": name,
    },
    "/api/v1/insurance/admin/payout-request": lambda name: {
        "claim_reference": name,
        "approved_amount": "1000.00",
        "deductible": "200.00",
        "policy_limit": "5000.00",
    },
    "/api/v1/insurance/payout/process": lambda name: {
        "approved_amount": "1000.00",
        "deductible": "200.00",
        "policy_limit": "5000.00",
        "dry_run": True,
    },
}
"""Where rules of the domain refuse nearly everything that is made up: what they accept, each time under a new name."""


@schemathesis.hook
def before_load_schema(_context: Any, document: dict[str, Any]) -> None:
    """Leave out the patterns of long texts: nobody can draw thousands of characters by a pattern in a minute."""
    pending: list[tuple[str, Any]] = [("", document)]
    while pending:
        field, part = pending.pop()
        if isinstance(part, dict):
            if "pattern" in part and part.get("maxLength", 0) > DRAWN:
                del part["pattern"]
                undrawn.add(field)
            for key, member in part.items():
                pending += member.items() if key == "properties" and isinstance(member, dict) else [(field, member)]
        elif isinstance(part, list):
            pending += [(field, member) for member in part]


@schemathesis.hook
def before_call(_context: Any, case: Any, _arguments: Any) -> None:
    """Repair the request."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.headers and "Idempotency-Key" in case.headers:
        case.headers["Idempotency-Key"] = str(uuid.uuid4())
    if case.operation.path in FRESH and case.meta.phase.name != STATEFUL:
        case.path_parameters = fresh(case.operation.base_url.rstrip("/"), case.operation.path)
    if isinstance(case.query, dict):
        repair_query(case.operation.path, case.query)
    if isinstance(case.body, dict) and case.operation.path in ACCEPTED and is_chosen(case):
        accepted = ACCEPTED[case.operation.path](name(case))
        if reference := linked(case):
            name_one(REFERENCES[case.operation.path], accepted := accepted | reference)
        elif case.operation.path == REVIEW:
            submit(case.operation.base_url.rstrip("/"), accepted["claim_reference"])
        case.body = accepted
    elif isinstance(case.body, dict):
        case.body = repair_values(with_whole_numbers(case.body))
        for record in case.body.get("records") or ():
            repair_record(record)
        name_one(REFERENCES.get(case.operation.path, ()), case.body)


@schemathesis.hook
def after_call(_context: Any, case: Any, response: Any) -> None:
    """Remember what has been registered, since links lead on with it."""
    if "/admin/" in case.operation.path and response.status_code == HTTPStatus.CREATED:
        registered.add(response.json()["id"])


def linked(case: Any) -> dict[str, Any]:
    """Return the field of a body that names what has been registered: a link put it there."""
    [names, *_] = REFERENCES.get(case.operation.path, ((),))
    return {name: case.body[name] for name in names if str(case.body.get(name)) in registered}


def name(case: Any) -> str:
    """Return a name that nothing has yet; one of a few where what has it already is to be replaced."""
    if isinstance(case.query, dict) and case.query.get("upsert") in (True, "true"):
        return f"X{draw(case) % 4}"
    return f"X{uuid.uuid4().hex[:12].upper()}"


def draw(case: Any) -> int:
    """Return a number that is the same for the same body."""
    return zlib.crc32(repr(case.body).encode("utf-8", "replace"))


def fresh(base: str, path: str) -> dict[str, str]:
    """Return path parameters that name something there is, since others clear the stub in the meantime."""
    session = administrator()
    if path.endswith("{rule_id}"):
        return {"rule_id": session.post(f"{base}/api/v1/_stub/rules", json=RULE, timeout=10).json()["id"]}
    session.get(f"{base}/api/v1/doctors/psv/license/status?doctor_id=DOC-0001", timeout=10)
    return {"entry_id": session.get(f"{base}/api/v1/_stub/requests", timeout=10).json()["data"][0]["id"]}


def submit(base: str, claim: str) -> None:
    """Register a claim that its submitter can withdraw; each can be withdrawn once."""
    body = {"claim_reference": claim, "claim_amount": "1000.00", "submitted_by": "demo-hospital"}
    administrator().post(f"{base}/api/v1/insurance/admin/reviewer-request", json=body, timeout=10).raise_for_status()


def administrator() -> requests.Session:
    """Return a client that may do everything."""
    session = requests.Session()
    session.headers["X-API-Key"] = os.environ["CONFORMANCE_ADMIN_KEY"]
    return session


def is_chosen(case: Any) -> bool:
    """Choose the only body that the examples have, and of others two in three, the same ones each time."""
    return case.meta.phase.name == "examples" or draw(case) % 3 != 0


def repair_query(path: str, query: dict[str, Any]) -> None:
    """Ask about a day that has come, name the doctor, and begin lists at their beginning: cursors are authenticated."""
    query.pop("cursor", None)
    query |= repair_values(dict(query))
    if str(query.get("as_of", "")) > date.today().isoformat():  # noqa: DTZ011 - the server has the same clock
        query["as_of"] = "2026-01-05"
    if not query.get("license_number"):
        query.pop("license_state", None)
    if path.startswith("/api/v1/doctors/psv/") and not any(query.get(name) for name in IDENTIFIERS):
        query["doctor_id"] = "DOC-0001"


def repair_record(record: Any) -> None:
    """Have an examination taken place."""
    if isinstance(record, dict) and isinstance(record.get("exam_year"), int):
        record["exam_year"] = min(record["exam_year"], 2026)


def repair_values(value: Any) -> Any:
    """Stay within the calendar, have ranges go upwards, and delays be of one kind."""
    if isinstance(value, dict):
        if isinstance(value.get("lower"), int | float) and isinstance(value.get("upper"), int | float):
            value |= {"lower": min(value["lower"], value["upper"]), "upper": max(value["lower"], value["upper"])}
        if isinstance(delay := value.get("delay"), dict):
            value["delay"] = dict([item for item in delay.items() if item[1] is not None][:1]) or {"fixed": 5}
        if isinstance(value.get("document_url"), str):
            value["document_url"] = "https://example.org/case"
        value |= {name: CONTROL.sub("x", value[name]) for name in undrawn & set(value) if isinstance(value[name], str)}
        return {name: repair_values(member) for name, member in value.items()}
    if isinstance(value, list):
        return [repair_values(member) for member in value]
    if isinstance(value, str) and TIME.match(value) and not "1901" <= value < "9998":
        return "2026-01-05T12:00:00Z"
    return value


def name_one(groups: tuple[tuple[str, ...], ...], body: dict[str, Any]) -> None:
    """Keep the first group of fields that the body names, or the last one; drop the others."""
    if groups:
        kept = next((group for group in groups if body.get(group[0]) is not None), groups[-1])
        for group in groups:
            for field in group:
                if group is not kept:
                    body.pop(field, None)
                elif body.get(field) is None:
                    body[field] = EXAMPLES.get(field, "DEMO-CLAIM-001")


def with_whole_numbers(value: Any) -> Any:
    """Write integers as integers: `3.0` is one in JSON Schema, and not in a request here."""
    if isinstance(value, dict):
        return {name: with_whole_numbers(member) for name, member in value.items()}
    if isinstance(value, list):
        return [with_whole_numbers(member) for member in value]
    if isinstance(value, int) and abs(value) >= LARGEST:
        return 0
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < EXACT
    return int(value) if is_whole else value
