"""What holds for the verdict about any doctor whatever."""

import itertools
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, get_args
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.verification.doctors.rules.dossier import (
    BoardCertification,
    CaseStatus,
    CertificationStatus,
    Degree,
    DisciplinaryAction,
    Dossier,
    Employment,
    LicenseStatus,
    MalpracticeCase,
    NpiStatus,
    Severity,
    Training,
    TrainingKind,
    TrainingStatus,
)
from plugins.verification.doctors.rules.policy import Component, Policy
from plugins.verification.doctors.rules.verdict import assess

COMPONENTS = get_args(Component)
RANK = {"NOT_VERIFIED": 0, "NEEDS_REVIEW": 1, "VERIFIED": 2}
POLICY = Policy()

days = st.dates(date(2000, 1, 1), date(2030, 12, 31))
maybe_days = st.none() | days
ids = st.uuids()
specialties = st.sampled_from(["Cardiology", "cardiology", "Dermatology"])

degrees = st.builds(
    Degree,
    id=ids,
    degree_type=st.sampled_from(["MD", "M.B.B.S.", "BSc"]),
    institution=st.just("University"),
    graduated_on=maybe_days,
    verified=st.booleans(),
    revoked_on=maybe_days,
)
certifications = st.builds(
    BoardCertification,
    id=ids,
    board=st.just("ABIM"),
    specialty=specialties,
    status=st.sampled_from(get_args(CertificationStatus)),
    initial_on=maybe_days,
    expires_on=maybe_days,
)
trainings = st.builds(
    Training,
    id=ids,
    kind=st.sampled_from(get_args(TrainingKind)),
    institution=st.just("Hospital"),
    status=st.sampled_from(get_args(TrainingStatus)),
    started_on=maybe_days,
    completed_on=maybe_days,
)
employments = st.builds(Employment, id=ids, employer=st.just("Clinic"), started_on=days, ended_on=maybe_days)
actions = st.builds(
    DisciplinaryAction,
    id=ids,
    action_type=st.just("order"),
    severity=st.sampled_from(get_args(Severity)),
    authority=st.just("Board"),
    effective_on=days,
    ended_on=maybe_days,
)
cases = st.builds(
    MalpracticeCase,
    id=ids,
    case_number=st.just("1"),
    status=st.sampled_from(get_args(CaseStatus)),
    filed_on=days,
    closed_on=maybe_days,
    amount_paid=st.decimals(0, 400_000, places=2),
)


def some(rows: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(rows, max_size=4).map(tuple)


dossiers = st.builds(
    Dossier,
    id=ids,
    doctor_id=st.just("DOC-1"),
    full_name=st.just("Amina Khan"),
    license_number=st.just("A-1"),
    license_status=st.sampled_from(get_args(LicenseStatus)),
    license_issued_on=maybe_days,
    license_expires_on=maybe_days,
    license_restrictions=st.sampled_from([(), ("no surgery",)]),
    specialization=st.none() | specialties,
    npi=st.sampled_from([None, "1234567893", "1234567890"]),
    npi_status=st.none() | st.sampled_from(get_args(NpiStatus)),
    degrees=some(degrees),
    board_certifications=some(certifications),
    trainings=some(trainings),
    employments=some(employments),
    disciplinary_actions=some(actions),
    malpractice_cases=some(cases),
)
subsets = st.sets(st.sampled_from(COMPONENTS), min_size=1)


def with_row(dossier: Dossier, section: str, row: Any) -> Dossier:
    return msgspec.structs.replace(dossier, **{section: (*getattr(dossier, section), row)})


def adverse_rows(as_of: date, specialty: str, new: UUID) -> list[tuple[str, Any]]:
    """Rows that speak against a doctor as things stand on `as_of`."""
    past = as_of - timedelta(days=1)
    return [
        ("degrees", Degree(id=new, degree_type="MD", institution="Mill", graduated_on=past, revoked_on=past)),
        ("board_certifications", BoardCertification(id=new, board="B", specialty=specialty, status="revoked")),
        ("board_certifications", BoardCertification(id=new, board="B", specialty=specialty, status="expired")),
        ("trainings", Training(id=new, kind="residency", institution="H", status="dismissed", completed_on=past)),
        *(
            (
                "disciplinary_actions",
                DisciplinaryAction(
                    id=new, action_type="order", severity=severity, authority="Board", effective_on=past, ended_on=end
                ),
            )
            for severity, end in itertools.product(get_args(Severity), (None, as_of))
        ),
        ("malpractice_cases", MalpracticeCase(id=new, case_number="9", status="pending", filed_on=past)),
        (
            "malpractice_cases",
            MalpracticeCase(
                id=new, case_number="9", status="settled", filed_on=past, closed_on=as_of, amount_paid=Decimal(5)
            ),
        ),
    ]


def positive_rows(as_of: date, specialty: str, new: UUID) -> list[tuple[str, Any]]:
    """Rows that speak for a doctor as things stand on `as_of`."""
    past = as_of - timedelta(days=800)
    return [
        ("degrees", Degree(id=new, degree_type="MD", institution="U", graduated_on=past, verified=True)),
        ("board_certifications", BoardCertification(id=new, board="B", specialty=specialty, status="lifetime")),
        (
            "trainings",
            Training(
                id=new, kind="residency", institution="H", status="completed", started_on=past, completed_on=as_of
            ),
        ),
        ("employments", Employment(id=new, employer="Clinic", started_on=past)),
    ]


@given(dossiers, days, specialties, subsets, st.data())
def test_an_adverse_row_never_improves_the_verdict(
    dossier: Dossier, as_of: date, specialty: str, components: set[Component], data: st.DataObject
) -> None:
    section, row = data.draw(st.sampled_from(adverse_rows(as_of, specialty, UUID(int=9))))

    before = assess(dossier, as_of, POLICY, components)
    after = assess(with_row(dossier, section, row), as_of, POLICY, components)

    assert RANK[after.verdict] <= RANK[before.verdict]


@given(dossiers, days, specialties, subsets, st.data())
def test_a_positive_row_never_worsens_the_verdict(
    dossier: Dossier, as_of: date, specialty: str, components: set[Component], data: st.DataObject
) -> None:
    section, row = data.draw(st.sampled_from(positive_rows(as_of, specialty, UUID(int=9))))

    before = assess(dossier, as_of, POLICY, components)
    after = assess(with_row(dossier, section, row), as_of, POLICY, components)

    assert RANK[after.verdict] >= RANK[before.verdict]
    assert after.score >= before.score


SECTIONS = [
    field.name
    for field in msgspec.structs.fields(Dossier)
    if field.default == () and field.name != "license_restrictions"
]


@given(dossiers, days, st.randoms(use_true_random=False))
def test_the_verdict_is_a_function_of_the_rows_and_the_day_whatever_the_order_of_the_rows(
    dossier: Dossier, as_of: date, random: Any
) -> None:
    shuffled = {name: tuple(random.sample(rows := getattr(dossier, name), len(rows))) for name in SECTIONS}

    again = assess(msgspec.structs.replace(dossier, **shuffled), as_of, POLICY, COMPONENTS)

    assert again == assess(dossier, as_of, POLICY, COMPONENTS)


@given(dossiers, days, subsets)
def test_the_set_of_components_asked_for_never_changes_a_components_own_result(
    dossier: Dossier, as_of: date, components: set[Component]
) -> None:
    whole = assess(dossier, as_of, POLICY, COMPONENTS).findings
    part = assess(dossier, as_of, POLICY, components).findings

    assert part == {name: whole[name] for name in whole if name in components}


@given(dossiers, days)
def test_the_cells_that_the_table_rules_out_are_never_reached(dossier: Dossier, as_of: date) -> None:
    results = {name: finding.result for name, finding in assess(dossier, as_of, POLICY, COMPONENTS).findings.items()}

    assert results["license"] in {"pass", "review", "fail"}
    assert results["degree"] != "not_applicable"
    assert results["board_cert"] != "not_applicable"
    assert results["training"] != "not_applicable"
    assert results["employment"] in {"pass", "review", "not_found"}
    assert results["disciplines"] in {"pass", "review", "fail"}
    assert results["malpractice"] in {"pass", "review"}
    assert results["npi"] != "not_found"


@given(dossiers, st.dates())
@settings(max_examples=50)
def test_every_day_of_the_calendar_has_a_verdict(dossier: Dossier, as_of: date) -> None:
    assessment = assess(dossier, as_of, POLICY, COMPONENTS)

    assert 0 <= assessment.score <= 100
    assert (assessment.verdict == "VERIFIED") == (not assessment.blocking)
