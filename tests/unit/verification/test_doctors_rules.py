"""Every cell of the table of components and results, and what the verdict makes of them."""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, get_args
from uuid import UUID

import msgspec
import pytest

from plugins.verification.doctors.rules.dossier import (
    BoardCertification,
    Degree,
    DisciplinaryAction,
    Dossier,
    Employment,
    MalpracticeCase,
    Training,
)
from plugins.verification.doctors.rules.finding import Result
from plugins.verification.doctors.rules.policy import Component, Policy
from plugins.verification.doctors.rules.verdict import JUDGES, assess

TODAY = date(2026, 1, 5)
POLICY = Policy()


def row_id(number: int) -> UUID:
    return UUID(int=number)


DOCTOR = row_id(1)
DEGREE = Degree(
    id=row_id(2), degree_type="M.D.", institution="Aga Khan University", graduated_on=date(2008, 6, 30), verified=True
)
CERTIFICATION = BoardCertification(
    id=row_id(3), board="ABIM", specialty="Cardiology", status="active", expires_on=date(2028, 12, 31)
)
RESIDENCY = Training(
    id=row_id(4),
    kind="residency",
    institution="Mayo Clinic",
    status="completed",
    started_on=date(2008, 7, 1),
    completed_on=date(2011, 6, 30),
)
POST = Employment(id=row_id(5), employer="General Hospital", started_on=date(2011, 7, 1))
ACTION = DisciplinaryAction(
    id=row_id(6),
    action_type="consent order",
    severity="reprimand",
    authority="Medical Board",
    effective_on=date(2020, 1, 1),
    ended_on=date(2021, 1, 1),
)
CASE = MalpracticeCase(
    id=row_id(7),
    case_number="C-1",
    status="settled",
    filed_on=date(2021, 3, 1),
    closed_on=date(2023, 3, 1),
    amount_paid=Decimal("100000.00"),
)
GOOD = Dossier(
    id=DOCTOR,
    doctor_id="DOC-1",
    full_name="Amina Khan",
    license_number="A-100",
    license_status="active",
    license_expires_on=date(2027, 1, 1),
    specialization="cardiology",
    npi="1234567893",
    npi_status="A",
    degrees=(DEGREE,),
    board_certifications=(CERTIFICATION,),
    trainings=(RESIDENCY,),
    employments=(POST,),
)


def but(struct: Any, **changes: Any) -> Any:
    return msgspec.structs.replace(struct, **changes)


def one(field: str, row: Any, **changes: Any) -> dict[str, Any]:
    return {field: (but(row, **changes),)}


CELLS: Mapping[tuple[Component, Result], list[tuple[dict[str, Any], tuple[str, ...]]]] = {
    ("license", "pass"): [
        ({}, ()),
        ({"license_expires_on": None}, ()),
        ({"license_expires_on": TODAY + timedelta(days=31)}, ()),
        ({"license_issued_on": TODAY}, ()),
    ],
    ("license", "review"): [
        ({"license_status": "probation"}, ("license_probation",)),
        ({"license_status": "restricted"}, ("license_restricted",)),
        ({"license_status": "pending_renewal"}, ("license_pending_renewal",)),
        (
            {"license_status": "pending_renewal", "license_expires_on": TODAY - timedelta(days=1)},
            ("license_expiring", "license_pending_renewal"),
        ),
        ({"license_restrictions": ("no surgery",)}, ("license_has_restrictions",)),
        ({"license_expires_on": TODAY + timedelta(days=30)}, ("license_expiring",)),
        ({"license_expires_on": TODAY}, ("license_expiring",)),
        ({"license_issued_on": TODAY + timedelta(days=1)}, ("license_not_yet_issued",)),
    ],
    ("license", "fail"): [
        *(
            ({"license_status": status}, (f"license_{status}",))
            for status in ("expired", "inactive", "suspended", "revoked", "surrendered", "denied")
        ),
        ({"license_expires_on": TODAY - timedelta(days=1)}, ("license_expired",)),
        ({"license_status": "probation", "license_expires_on": TODAY - timedelta(days=1)}, ("license_expired",)),
    ],
    ("degree", "pass"): [
        ({}, ()),
        (one("degrees", DEGREE, revoked_on=TODAY + timedelta(days=1)), ()),
        ({"degrees": (DEGREE, but(DEGREE, id=row_id(20), revoked_on=TODAY))}, ()),
    ],
    ("degree", "review"): [
        (one("degrees", DEGREE, verified=False), ("degree_unverified",)),
        (one("degrees", DEGREE, graduated_on=TODAY + timedelta(days=1)), ("degree_not_yet_awarded",)),
        (one("degrees", DEGREE, graduated_on=None), ("degree_not_yet_awarded",)),
    ],
    ("degree", "fail"): [
        (one("degrees", DEGREE, revoked_on=TODAY), ("degree_revoked",)),
        (
            {"degrees": (but(DEGREE, verified=False), but(DEGREE, id=row_id(20), revoked_on=TODAY))},
            ("degree_revoked",),
        ),
    ],
    ("degree", "not_found"): [
        ({"degrees": ()}, ("degree_not_found",)),
        (one("degrees", DEGREE, degree_type="BSc"), ("degree_not_found",)),
    ],
    ("board_cert", "pass"): [
        ({}, ()),
        (one("board_certifications", CERTIFICATION, status="lifetime", expires_on=None), ()),
        (one("board_certifications", CERTIFICATION, expires_on=TODAY), ()),
        (
            {
                "board_certifications": (
                    CERTIFICATION,
                    but(CERTIFICATION, id=row_id(30), status="revoked", specialty="Dermatology"),
                )
            },
            (),
        ),
    ],
    ("board_cert", "review"): [
        (one("board_certifications", CERTIFICATION, status="expired"), ("board_cert_expired",)),
        (one("board_certifications", CERTIFICATION, expires_on=date(2026, 1, 4)), ("board_cert_expired",)),
        (one("board_certifications", CERTIFICATION, initial_on=date(2026, 1, 6)), ("board_cert_not_yet_issued",)),
        (
            one("board_certifications", CERTIFICATION, status="revoked", specialty="Dermatology"),
            ("board_cert_revoked",),
        ),
    ],
    ("board_cert", "fail"): [
        (one("board_certifications", CERTIFICATION, status="revoked"), ("board_cert_revoked",)),
        (
            one("board_certifications", CERTIFICATION, status="revoked") | {"specialization": None},
            ("board_cert_revoked",),
        ),
        (
            {"board_certifications": (CERTIFICATION, but(CERTIFICATION, id=row_id(30), status="revoked"))},
            ("board_cert_revoked",),
        ),
    ],
    ("board_cert", "not_found"): [({"board_certifications": ()}, ("board_cert_not_found",))],
    ("training", "pass"): [
        ({}, ()),
        (one("trainings", RESIDENCY, kind="internship", completed_on=date(2009, 6, 30)), ()),
        ({"trainings": (RESIDENCY, but(RESIDENCY, id=row_id(40), status="dismissed"))}, ()),
    ],
    ("training", "review"): [
        (
            one("trainings", RESIDENCY, status="in_progress", completed_on=None),
            ("training_in_progress",),
        ),
        (one("trainings", RESIDENCY, completed_on=TODAY + timedelta(days=1)), ("training_in_progress",)),
        (one("trainings", RESIDENCY, status="withdrawn"), ("training_withdrawn",)),
        (one("trainings", RESIDENCY, completed_on=date(2009, 6, 29)), ("training_too_short",)),
        (one("trainings", RESIDENCY, started_on=None), ("training_too_short",)),
        (one("trainings", RESIDENCY, kind="fellowship"), ("training_without_residency",)),
    ],
    ("training", "fail"): [
        (one("trainings", RESIDENCY, status="dismissed"), ("training_dismissed",)),
    ],
    ("training", "not_found"): [
        ({"trainings": ()}, ("training_not_found",)),
        (
            one("trainings", RESIDENCY, started_on=date(2026, 7, 1), completed_on=None, status="in_progress"),
            ("training_not_found",),
        ),
    ],
    ("employment", "pass"): [
        ({}, ()),
        (one("employments", POST, started_on=date(2021, 7, 4)), ()),  # 180 days after the window begins
    ],
    ("employment", "review"): [
        (one("employments", POST, started_on=date(2021, 7, 5)), ("employment_gap_clarify",)),
        (one("employments", POST, started_on=date(2022, 1, 5)), ("employment_gap_clarify",)),
        (one("employments", POST, started_on=date(2022, 1, 6)), ("employment_gap_written_explanation",)),
        (one("employments", POST, ended_on=date(2020, 1, 1)), ("employment_gap_written_explanation",)),
    ],
    ("employment", "not_found"): [
        ({"employments": ()}, ("employment_not_found",)),
        (one("employments", POST, started_on=TODAY + timedelta(days=1)), ("employment_not_found",)),
    ],
    ("disciplines", "pass"): [
        ({}, ()),
        (one("disciplinary_actions", ACTION, effective_on=date(2010, 1, 1), ended_on=date(2016, 1, 4)), ()),
        (one("disciplinary_actions", ACTION, effective_on=date(2026, 1, 6), ended_on=None), ()),
    ],
    ("disciplines", "review"): [
        ({"disciplinary_actions": (ACTION,)}, ("closed_action",)),
        (one("disciplinary_actions", ACTION, severity="revocation"), ("closed_action",)),
        (
            one("disciplinary_actions", ACTION, effective_on=date(2010, 1, 1), ended_on=date(2016, 1, 5)),
            ("closed_action",),
        ),
        (one("disciplinary_actions", ACTION, ended_on=TODAY), ("closed_action",)),
        (one("disciplinary_actions", ACTION, severity="restriction", ended_on=None), ("open_action",)),
        (
            {"disciplinary_actions": (ACTION, but(ACTION, id=row_id(60), ended_on=TODAY + timedelta(days=1)))},
            ("closed_action", "open_action"),
        ),
    ],
    ("disciplines", "fail"): [
        (one("disciplinary_actions", ACTION, severity="suspension", ended_on=None), ("open_suspension",)),
        (one("disciplinary_actions", ACTION, severity="revocation", ended_on=None), ("open_revocation",)),
        (
            one("disciplinary_actions", ACTION, severity="suspension", ended_on=TODAY + timedelta(days=1)),
            ("open_suspension",),
        ),
        (
            one("disciplinary_actions", ACTION, severity="revocation", effective_on=date(1999, 1, 1), ended_on=None),
            ("open_revocation",),
        ),
    ],
    ("malpractice", "pass"): [
        ({}, ()),
        ({"malpractice_cases": (CASE, but(CASE, id=row_id(70), amount_paid=Decimal(150_000)))}, ()),
        (
            one(
                "malpractice_cases",
                CASE,
                amount_paid=Decimal(900_000),
                filed_on=date(2010, 1, 1),
                closed_on=date(2021, 1, 4),
            ),
            (),
        ),
        (one("malpractice_cases", CASE, filed_on=TODAY + timedelta(days=1), closed_on=None), ()),
        (one("malpractice_cases", CASE, status="dismissed", amount_paid=Decimal(0)), ()),
    ],
    ("malpractice", "review"): [
        (
            one("malpractice_cases", CASE, status="pending", closed_on=None, amount_paid=Decimal(0)),
            ("malpractice_pending",),
        ),
        (one("malpractice_cases", CASE, closed_on=TODAY + timedelta(days=1)), ("malpractice_pending",)),
        (one("malpractice_cases", CASE, amount_paid=Decimal("250000.01")), ("malpractice_large_payments",)),
        (
            {"malpractice_cases": tuple(but(CASE, id=row_id(70 + n), amount_paid=Decimal(1)) for n in range(3))},
            ("malpractice_many_paid_cases",),
        ),
        (
            one("malpractice_cases", CASE, closed_on=None, filed_on=date(2021, 1, 5), amount_paid=Decimal(300_000)),
            ("malpractice_large_payments",),
        ),
    ],
    ("npi", "pass"): [({}, ())],
    ("npi", "review"): [({"npi_status": None}, ("npi_status_unknown",))],
    ("npi", "fail"): [
        ({"npi": "1234567890"}, ("npi_check_digit",)),
        ({"npi": "1710983663", "npi_status": "D"}, ("npi_deactivated",)),  # passes Luhn, yet deactivated
    ],
    ("npi", "not_applicable"): [({"npi": None, "npi_status": None}, ())],
}

UNREACHABLE: set[tuple[Component, Result]] = {
    *((component, "not_applicable") for component in get_args(Component) if component not in {"board_cert", "npi"}),
    *((component, "not_found") for component in ("license", "disciplines", "malpractice", "npi")),
    ("employment", "fail"),
    ("malpractice", "fail"),
}
"""Cells that the table rules out; the properties assert that no doctor ever gets there."""


def test_every_cell_of_the_table_has_a_fixture_or_is_ruled_out() -> None:
    cells = {(component, result) for component in get_args(Component) for result in get_args(Result)}

    assert {*CELLS, ("board_cert", "not_applicable")} | UNREACHABLE == cells
    assert not CELLS.keys() & UNREACHABLE


@pytest.mark.parametrize(
    ("component", "result", "changes", "reasons"),
    [
        pytest.param(component, result, changes, reasons, id=f"{component}-{result}-{number}")
        for (component, result), cases in CELLS.items()
        for number, (changes, reasons) in enumerate(cases)
    ],
)
def test_a_component_is_judged_by_the_table(
    component: Component, result: Result, changes: dict[str, Any], reasons: tuple[str, ...]
) -> None:
    finding = JUDGES[component](but(GOOD, **changes), TODAY, POLICY)

    assert (finding.result, finding.reasons) == (result, reasons)


def test_without_certificates_the_component_does_not_apply_where_none_is_required() -> None:
    finding = JUDGES["board_cert"](but(GOOD, board_certifications=()), TODAY, Policy(require_board_cert=False))

    assert finding.result == "not_applicable"


def test_the_evidence_names_the_rows_that_the_finding_rests_on() -> None:
    findings = assess(GOOD, TODAY, POLICY, get_args(Component)).findings

    assert {name: finding.evidence for name, finding in findings.items()} == {
        "license": (DOCTOR,),
        "degree": (DEGREE.id,),
        "board_cert": (CERTIFICATION.id,),
        "training": (RESIDENCY.id,),
        "employment": (POST.id,),
        "disciplines": (),
        "malpractice": (),
        "npi": (DOCTOR,),
    }


def test_a_doctor_who_passes_everything_is_verified_with_the_full_score() -> None:
    assessment = assess(GOOD, TODAY, POLICY, get_args(Component))

    assert (assessment.verdict, assessment.score, assessment.blocking) == ("VERIFIED", 100, ())


def test_components_that_do_not_apply_neither_block_nor_count() -> None:
    assessment = assess(but(GOOD, npi=None, npi_status=None), TODAY, POLICY, get_args(Component))

    assert (assessment.verdict, assessment.score, assessment.blocking) == ("VERIFIED", 100, ())


@pytest.mark.parametrize(
    ("changes", "verdict", "score", "blocking"),
    [
        ({"license_status": "probation"}, "NEEDS_REVIEW", 70, ("license",)),
        ({"degrees": ()}, "NEEDS_REVIEW", 80, ("degree",)),
        ({"degrees": (), "license_status": "revoked"}, "NOT_VERIFIED", 50, ("license", "degree")),
        ({"npi": None, "degrees": ()}, "NEEDS_REVIEW", 78, ("degree",)),  # 75 of 95, truncated
    ],
)
def test_the_worst_finding_decides_and_everything_but_a_pass_blocks(
    changes: dict[str, Any], verdict: str, score: int, blocking: tuple[str, ...]
) -> None:
    assessment = assess(but(GOOD, **changes), TODAY, POLICY, get_args(Component))

    assert (assessment.verdict, assessment.score, assessment.blocking) == (verdict, score, blocking)


def test_where_no_component_applies_nothing_has_been_verified() -> None:
    assessment = assess(but(GOOD, npi=None), TODAY, POLICY, ["npi"])

    assert (assessment.verdict, assessment.score) == ("NEEDS_REVIEW", 0)


def test_figures_of_ones_own_show_in_the_version_of_the_rules() -> None:
    own = Policy(training_months=24)

    assert POLICY.rule_set_version == "psv-1"
    assert own.rule_set_version.startswith("psv-1+")
    assert own.rule_set_version != Policy(training_months=36).rule_set_version
