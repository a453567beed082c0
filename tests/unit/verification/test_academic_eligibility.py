"""Eligibility: every check passes and fails for its own reason, in a fixed order; contradictory rules are found."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.academic.rules.eligibility import evaluate
from plugins.verification.academic.rules.eligibility_checks import Applicant, age_on
from plugins.verification.academic.rules.eligibility_rule import EligibilityRule, contradictions
from plugins.verification.academic.rules.records import Record, SubjectMarks

TODAY = date(2026, 1, 5)
BORN = date(2005, 6, 15)


def record(level="intermediate", obtained=600, total=1000, number=1, **changes):
    facts = {
        "id": UUID(int=number),
        "level": level,
        "board": "BISE Lahore",
        "exam_year": 2024,
        "roll_number": "1",
        "marks_obtained": Decimal(obtained),
        "total_marks": Decimal(total),
        "result": "pass",
    }
    return Record(**{**facts, **changes})


def rule(categories=None, /, **requirements):
    document = {"program": "BSCS", "requirements": requirements, "category_specific": categories or {}}
    return msgspec.convert(document, EligibilityRule)


def judge(asked, *records, born=BORN, category="GENERAL", as_of=TODAY):
    return evaluate(asked, Applicant(date_of_birth=born, records=list(records)), category, as_of)


SUBJECTS = {"Physics": SubjectMarks(Decimal(60), Decimal(100)), "Mathematics": SubjectMarks(Decimal(80), Decimal(100))}

CASES = [
    ({"required_levels": ["intermediate"]}, [record()], None),
    ({"required_levels": ["intermediate"]}, [], "missing_record"),
    ({"required_levels": ["intermediate"]}, [record(result="awaited")], "result_awaited"),
    ({"min_percentage": {"intermediate": 60}}, [record()], None),
    ({"min_percentage": {"intermediate": "60.0001"}}, [record()], "below_minimum"),
    ({"min_percentage": {"intermediate": 60}}, [], "missing_record"),
    ({"min_percentage": {"intermediate": 60}}, [record(result="awaited")], "result_awaited"),
    ({"required_subjects": [{"level": "intermediate", "any_of": ["mathematics"]}]}, [record(subjects=SUBJECTS)], None),
    (
        {"required_subjects": [{"level": "intermediate", "any_of": ["Biology"]}]},
        [record(subjects=SUBJECTS)],
        "subject_missing",
    ),
    ({"required_subjects": [{"level": "intermediate", "any_of": ["Biology"]}]}, [], "missing_record"),
    (
        {"required_subjects": [{"level": "intermediate", "any_of": ["Physics", "Mathematics"], "min_percentage": 80}]},
        [record(subjects=SUBJECTS)],
        None,
    ),
    (
        {"required_subjects": [{"level": "intermediate", "any_of": ["Physics"], "min_percentage": 61}]},
        [record(subjects=SUBJECTS)],
        "below_minimum",
    ),
    (
        {"subject_aggregate": {"level": "intermediate", "subjects": ["Physics", "Mathematics"], "min_percentage": 70}},
        [record(subjects=SUBJECTS)],
        None,
    ),
    (
        {"subject_aggregate": {"level": "intermediate", "subjects": ["Physics", "Mathematics"], "min_percentage": 71}},
        [record(subjects=SUBJECTS)],
        "below_minimum",
    ),
    (
        {"subject_aggregate": {"level": "intermediate", "subjects": ["Physics", "Biology"], "min_percentage": 10}},
        [record(subjects=SUBJECTS)],
        "subject_missing",
    ),
    ({"subject_aggregate": {"level": "matric", "subjects": ["Physics"], "min_percentage": 10}}, [], "missing_record"),
    ({"min_age": 20}, [], None),
    ({"min_age": 21}, [], "too_young"),
    ({"max_age": 20}, [], None),
    ({"max_age": 19}, [], "too_old"),
    ({"max_age": 19, "age_on": "2025-06-14"}, [], None),
    ({"max_gap_years": 2}, [record()], None),
    ({"max_gap_years": 1}, [record()], "gap_too_long"),
    ({"max_gap_years": 1}, [], "missing_record"),
    ({"passing_years": {"min": 2024, "max": 2024}}, [record()], None),
    ({"passing_years": {"min": 2025}}, [record()], "year_out_of_range"),
    ({"passing_years": {"max": 2023}}, [record()], "year_out_of_range"),
    ({"passing_years": {"max": 2023}}, [], "missing_record"),
    ({"accepted_boards": ["bise lahore"]}, [record()], None),
    ({"accepted_boards": ["FBISE"]}, [record()], "board_not_accepted"),
]


@pytest.mark.parametrize(("requirements", "records", "reason"), CASES)
def test_each_check_passes_or_fails_for_its_own_reason(requirements, records, reason):
    verdict = judge(rule(**requirements), *records)
    name = next(iter(requirements))
    assert {check.rule for check in verdict.checks} == {name}
    assert verdict.eligible is (reason is None)
    assert verdict.failed == ([] if reason is None else [name])
    assert {check.reason for check in verdict.checks if not check.passed} == ({reason} if reason else set())
    assert all(check.path.startswith(f"/requirements/{name}") for check in verdict.checks)


@pytest.mark.parametrize("bound", ["min_age", "max_age"])
def test_an_unknown_date_of_birth_fails_the_check_of_an_age(bound):
    (check,) = judge(rule(**{bound: 18}), born=None).checks
    assert (check.passed, check.actual, check.reason) == (False, None, "date_of_birth_missing")


def test_checks_come_in_a_fixed_order_and_each_failed_rule_is_named_once():
    asked = rule(
        accepted_boards=["FBISE"],
        passing_years={"min": 2025, "max": 2020},
        max_gap_years=1,
        max_age=1,
        min_age=99,
        subject_aggregate={"level": "matric", "subjects": ["X"], "min_percentage": 1},
        required_subjects=[{"level": "matric", "any_of": ["X"]}],
        min_percentage={"intermediate": 99, "matric": 99},
        required_levels=["bachelor"],
    )
    assert judge(asked, record()).failed == [
        "required_levels",
        "min_percentage",
        "required_subjects",
        "subject_aggregate",
        "min_age",
        "max_age",
        "max_gap_years",
        "passing_years",
        "accepted_boards",
    ]


def test_only_boards_of_the_levels_that_the_rule_names_are_looked_at():
    elsewhere = record("matric", board="Cambridge", number=2)
    asked = rule(min_percentage={"intermediate": 50}, accepted_boards=["BISE Lahore"])
    assert judge(asked, record(), elsewhere).eligible
    subject = {"level": "matric", "subjects": ["X"], "min_percentage": 0}
    with_matric = rule(subject_aggregate=subject, accepted_boards=["BISE Lahore"])
    assert "accepted_boards" in judge(with_matric, record(), elsewhere).failed


def test_the_best_record_of_a_level_decides():
    asked = rule(min_percentage={"intermediate": 70})
    assert judge(asked, record(), record(obtained=700, number=2)).eligible


def test_relaxation_is_in_percentage_points_and_reported():
    asked = rule({"SPORTS": {"relaxation_percentage_points": 5}}, min_percentage={"intermediate": 65})
    assert not judge(asked, record()).eligible
    verdict = judge(asked, record(), category="SPORTS")
    assert verdict.eligible
    assert [(change.path, change.grant, change.before, change.after) for change in verdict.relaxations_applied] == [
        ("/requirements/min_percentage/intermediate", "relaxation_percentage_points", "65", "60")
    ]


def test_relaxation_never_asks_for_less_than_nothing():
    asked = rule({"SPORTS": {"relaxation_percentage_points": 50}}, min_percentage={"intermediate": 30})
    assert judge(asked, record(obtained=0), category="SPORTS").checks[0].required == "0"


def test_relaxation_reaches_subjects_and_aggregates():
    asked = rule(
        {"SPORTS": {"relaxation_percentage_points": 5}},
        required_subjects=[{"level": "intermediate", "any_of": ["Physics"], "min_percentage": 65}],
        subject_aggregate={"level": "intermediate", "subjects": ["Physics"], "min_percentage": 65},
    )
    assert judge(asked, record(subjects=SUBJECTS), category="SPORTS").eligible
    assert not judge(asked, record(subjects=SUBJECTS)).eligible


def test_an_override_beats_the_relaxation():
    grants = {"SPORTS": {"relaxation_percentage_points": 50, "override_min_percentage": {"intermediate": 61}}}
    verdict = judge(rule(grants, min_percentage={"intermediate": 65}), record(), category="SPORTS")
    assert (verdict.eligible, verdict.checks[0].required) == (False, "61")
    assert verdict.relaxations_applied[0].grant == "override_min_percentage"


def test_an_override_may_ask_for_a_level_that_the_rule_does_not():
    grants = {"SPORTS": {"override_min_percentage": {"matric": 50}}}
    verdict = judge(rule(grants, min_age=1), record(), category="SPORTS")
    assert verdict.failed == ["min_percentage"]
    assert verdict.relaxations_applied[0].before is None


def test_age_relaxation_raises_the_greatest_age():
    asked = rule({"SPORTS": {"age_relaxation_years": 1}}, max_age=19)
    assert judge(asked, category="SPORTS").eligible
    assert not judge(asked).eligible


def test_an_unknown_category_is_treated_as_general_with_a_note():
    asked = rule({"SPORTS": {"relaxation_percentage_points": 50}}, min_percentage={"intermediate": 65})
    verdict = judge(asked, record(), category="MARTIAN")
    assert (verdict.eligible, verdict.category, verdict.notes) == (False, "GENERAL", ["category_unknown"])
    assert judge(asked, record()).notes == []


@pytest.mark.parametrize(
    ("changes", "passed"),
    [
        ({}, True),
        ({"board": "Someone else"}, False),
        ({"certificate_number": None}, False),
        ({"level": "matric"}, False),
        ({"revoked_on": date(2025, 1, 1)}, False),
    ],
)
def test_a_category_may_demand_a_certificate_of_an_issuer(changes, passed):
    asked = rule({"SPORTS": {"requires_certificate": "Sports Board"}}, min_age=1)
    certificate = {"level": "other", "board": "sports board", "certificate_number": "SB-1", **changes}
    verdict = judge(asked, record(**certificate), category="SPORTS")
    assert verdict.eligible is passed
    assert verdict.checks[-1].path == "/category_specific/SPORTS/requires_certificate"
    assert verdict.failed == ([] if passed else ["requires_certificate"])


@pytest.mark.parametrize(
    ("born", "day", "years"),
    [
        (date(2004, 2, 29), date(2025, 2, 28), 20),
        (date(2004, 2, 29), date(2025, 3, 1), 21),
        (date(2004, 6, 15), date(2024, 6, 14), 19),
        (date(2004, 6, 15), date(2024, 6, 15), 20),
    ],
)
def test_age_is_counted_by_calendar(born, day, years):
    assert age_on(born, day) == years


@given(st.integers(0, 1000), st.integers(0, 100), st.integers(0, 50))
def test_relaxation_never_makes_an_eligible_applicant_ineligible(obtained, minimum, points):
    asked = rule({"SPORTS": {"relaxation_percentage_points": points}}, min_percentage={"intermediate": minimum})
    held = record(obtained=obtained)
    assert judge(asked, held, category="SPORTS").eligible or not judge(asked, held).eligible


@given(st.integers(0, 1000), st.integers(0, 1000), st.integers(0, 100))
def test_a_further_record_never_lowers_a_minimum_reached(first, second, minimum):
    asked = rule(min_percentage={"intermediate": minimum})
    alone = judge(asked, record(obtained=first)).eligible
    assert judge(asked, record(obtained=first), record(obtained=second, number=2)).eligible or not alone


@pytest.mark.parametrize(
    ("document", "pointers"),
    [
        ({"requirements": {}}, ["/requirements"]),
        ({"requirements": {"min_age": 30, "max_age": 18}}, ["/requirements/min_age"]),
        ({"requirements": {"min_age": 18, "max_age": 18}}, []),
        ({"requirements": {"passing_years": {"min": 2025, "max": 2020}}}, ["/requirements/passing_years/min"]),
        ({"requirements": {"passing_years": {"min": 2020}}}, []),
        ({"requirements": {"required_subjects": [{"level": "matric", "any_of": ["X"]}]}}, []),
        (
            {"requirements": {"min_age": 1}, "effective_from": "2026-01-02", "effective_to": "2026-01-01"},
            ["/effective_from"],
        ),
        ({"requirements": {"required_levels": ["matric", "other", "matric"]}}, ["/requirements/required_levels/2"]),
        ({"requirements": {"min_percentage": {"matric": 101}}}, ["/requirements/min_percentage/matric"]),
        ({"requirements": {"min_percentage": {"matric": -1}}}, ["/requirements/min_percentage/matric"]),
        ({"requirements": {"min_percentage": {"matric": "NaN"}}}, ["/requirements/min_percentage/matric"]),
        ({"requirements": {"min_percentage": {"matric": "50.00001"}}}, ["/requirements/min_percentage/matric"]),
        (
            {"requirements": {"required_subjects": [{"level": "matric", "any_of": ["X"], "min_percentage": 200}]}},
            ["/requirements/required_subjects/0/min_percentage"],
        ),
        (
            {"requirements": {"subject_aggregate": {"level": "matric", "subjects": ["X"], "min_percentage": 200}}},
            ["/requirements/subject_aggregate/min_percentage"],
        ),
        (
            {
                "requirements": {"min_age": 1},
                "category_specific": {
                    "SPORTS": {"relaxation_percentage_points": 51, "override_min_percentage": {"matric": 101}}
                },
            },
            [
                "/category_specific/SPORTS/override_min_percentage/matric",
                "/category_specific/SPORTS/relaxation_percentage_points",
            ],
        ),
    ],
)
def test_contradictory_rules_are_found_with_a_pointer_to_each_fault(document, pointers):
    found = contradictions(msgspec.convert({"program": "BSCS", **document}, EligibilityRule))
    assert [fault.pointer for fault in found] == pointers
    assert {fault.code for fault in found} <= {"invalid_rule"}


def test_a_rule_applies_from_its_first_to_its_last_day():
    bounded = EligibilityRule(
        "BSCS", rule(min_age=1).requirements, effective_from=date(2026, 1, 1), effective_to=date(2026, 1, 31)
    )
    days = [date(2025, 12, 31), date(2026, 1, 1), date(2026, 1, 31), date(2026, 2, 1)]
    assert [bounded.applies_on(day) for day in days] == [False, True, True, False]
    assert rule(min_age=1).applies_on(TODAY)


@pytest.mark.parametrize("program", ["B", "bscs", "BSCS\n", "_BS", "B" * 65, ""])
def test_a_program_has_the_form_of_a_code(program):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"program": program, "requirements": {"min_age": 1}}, EligibilityRule)
