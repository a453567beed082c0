"""Periods, the NPI, and what may be registered."""

import itertools
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.doctors.rules.dossier import (
    BoardCertification,
    Degree,
    DisciplinaryAction,
    Dossier,
    Employment,
    MalpracticeCase,
    Training,
)
from plugins.verification.doctors.rules.history import highest_severity, is_employed, work_history
from plugins.verification.doctors.rules.intake import breaches
from plugins.verification.doctors.rules.npi import is_valid_npi
from plugins.verification.doctors.rules.periods import Window, look_back, uncovered, whole_months

TODAY = date(2026, 1, 5)
EARLY, LATE = date(2020, 1, 1), date(2021, 1, 1)
ID = UUID(int=1)
DOCTOR = Dossier(id=ID, doctor_id="D", full_name="A B", license_number="L-1", license_status="active")


@pytest.mark.parametrize("npi", ["1234567893", "1710983663", "2000000002"])
def test_a_number_with_its_check_digit_is_an_npi(npi: str) -> None:
    assert is_valid_npi(npi)


@pytest.mark.parametrize(
    "npi",
    ["1234567890", "123456789", "12345678931", "3234567893", "１２３４５６７８９３", "1234567893\n", "", "123456789x"],  # noqa: RUF001
)
def test_a_number_of_another_shape_or_check_digit_is_none(npi: str) -> None:
    assert not is_valid_npi(npi)


@given(st.sampled_from("12"), st.text("0123456789", min_size=8, max_size=8))
def test_of_ten_last_digits_exactly_one_makes_an_npi_and_it_is_luhns_with_24_added(first: str, rest: str) -> None:
    valid = [digit for digit in "0123456789" if is_valid_npi(first + rest + digit)]

    doubled = [int(digit) * 2 for digit in (first + rest)[::2]]
    total = 24 + sum(value // 10 + value % 10 for value in doubled) + sum(map(int, (first + rest)[1::2]))
    assert valid == [str(-total % 10)]


@pytest.mark.parametrize(
    ("first", "last", "months"),
    [
        (date(2015, 7, 1), date(2018, 6, 30), 36),
        (date(2015, 7, 1), date(2018, 6, 29), 35),
        (date(2015, 7, 15), date(2016, 7, 14), 12),
        (date(2015, 7, 15), date(2016, 7, 13), 11),
        (date(2026, 1, 31), date(2026, 2, 28), 1),
        (date(2026, 1, 2), date(2026, 1, 31), 0),
        (date(2026, 1, 1), date(2026, 1, 31), 1),
        (date(2026, 1, 1), date(2025, 1, 31), 0),
        (date(9999, 12, 1), date.max, 1),
    ],
)
def test_months_are_whole_and_count_both_days(first: date, last: date, months: int) -> None:
    assert whole_months(first, last) == months


def test_looking_back_from_a_leap_day_ends_on_the_28th_and_never_before_the_calendar() -> None:
    assert look_back(date(2024, 2, 29), 5).start == date(2019, 2, 28)
    assert look_back(date(2024, 2, 29), 4).start == date(2020, 2, 29)
    assert look_back(date(3, 1, 1), 5).start == date.min


windows = st.tuples(st.dates(), st.dates()).map(lambda pair: Window(min(pair), max(pair)))


@given(windows, st.lists(windows))
def test_a_day_of_the_window_is_in_a_gap_exactly_when_no_period_covers_it(
    window: Window, periods: list[Window]
) -> None:
    gaps = uncovered(window, periods)

    for day in {window.start, window.end, *(d for p in periods for d in (p.start, p.end))}:
        if window.start <= day <= window.end:
            in_gap = any(gap.start <= day <= gap.end for gap in gaps)
            assert in_gap == (not any(p.start <= day <= p.end for p in periods))
    assert all(a.end.toordinal() + 1 < b.start.toordinal() for a, b in itertools.pairwise(gaps))


def test_posts_outside_the_window_do_not_count_and_gaps_name_their_remedy() -> None:
    posts = [
        Employment(id=ID, employer="A", started_on=date(2010, 1, 1), ended_on=date(2021, 1, 4)),
        Employment(id=ID, employer="B", started_on=date(2021, 1, 1), ended_on=date(2022, 12, 31)),
        Employment(id=ID, employer="C", started_on=date(2024, 6, 1), ended_on=date(2025, 6, 1)),
        Employment(id=ID, employer="D", started_on=TODAY + timedelta(days=1)),
    ]

    history = work_history(posts, TODAY, lookback_years=5, gap_days=180, written_gap_days=365)

    assert [post.employer for post in history.employments] == ["B", "C"]
    assert history.window == Window(date(2021, 1, 5), TODAY)
    assert [(gap.start, gap.days, gap.action) for gap in history.gaps] == [
        (date(2023, 1, 1), 517, "written_explanation"),
        (date(2025, 6, 2), 218, "clarify"),
    ]
    assert history.covered_days == history.window.days - 517 - 218
    assert history.coverage_ratio == round(history.covered_days / history.window.days, 4)


def test_a_post_is_held_from_its_first_day_to_its_last() -> None:
    post = Employment(id=ID, employer="A", started_on=EARLY, ended_on=LATE)

    assert [is_employed(post, day) for day in (EARLY - timedelta(days=1), EARLY, LATE, LATE + timedelta(days=1))] == [
        False,
        True,
        True,
        False,
    ]


def test_the_gravest_severity_is_by_gravity_and_not_by_spelling() -> None:
    actions = [
        DisciplinaryAction(id=ID, action_type="x", severity=severity, authority="B", effective_on=EARLY)
        for severity in ("suspension", "advisory", "reprimand")
    ]

    assert highest_severity(actions) == "suspension"
    assert highest_severity([]) is None


BREACHES: list[tuple[dict[str, Any], str, str, str]] = [
    ({"npi": "1234567890"}, "/npi", "npi_check_digit", "npi_check_digit"),
    (
        {"license_issued_on": LATE, "license_expires_on": EARLY},
        "/license_expires_on",
        "date_order",
        "expiry_before_issue",
    ),
    (
        {"degrees": (Degree(id=ID, degree_type="MD", institution="U", started_on=LATE, graduated_on=EARLY),)},
        "/degrees/0/graduated_on",
        "date_order",
        "graduation_before_start",
    ),
    (
        {
            "board_certifications": (
                BoardCertification(id=ID, board="B", specialty="S", status="active", initial_on=LATE, expires_on=EARLY),
            )
        },
        "/board_certifications/0/expires_on",
        "date_order",
        "expiry_before_issue",
    ),
    (
        {
            "trainings": (
                Training(id=ID, kind="other", institution="H", status="completed", started_on=LATE, completed_on=EARLY),
            )
        },
        "/trainings/0/completed_on",
        "date_order",
        "end_before_start",
    ),
    (
        {"trainings": (Training(id=ID, kind="other", institution="H", status="completed"),)},
        "/trainings/0/completed_on",
        "inconsistent_record",
        "completion_date_required",
    ),
    (
        {"employments": (Employment(id=ID, employer="E", started_on=LATE, ended_on=EARLY),)},
        "/employments/0/ended_on",
        "date_order",
        "end_before_start",
    ),
    (
        {
            "disciplinary_actions": (
                DisciplinaryAction(
                    id=ID, action_type="a", severity="fine", authority="B", effective_on=LATE, ended_on=EARLY
                ),
            )
        },
        "/disciplinary_actions/0/ended_on",
        "date_order",
        "end_before_start",
    ),
    (
        {
            "malpractice_cases": (
                MalpracticeCase(id=ID, case_number="1", status="settled", filed_on=LATE, closed_on=EARLY),
            )
        },
        "/malpractice_cases/0/closed_on",
        "date_order",
        "end_before_start",
    ),
    (
        {
            "malpractice_cases": (
                MalpracticeCase(id=ID, case_number="1", status="pending", filed_on=EARLY, amount_paid=Decimal(1)),
            )
        },
        "/malpractice_cases/0/status",
        "inconsistent_record",
        "pending_case_closed",
    ),
    (
        {
            "malpractice_cases": (
                MalpracticeCase(id=ID, case_number="1", status="pending", filed_on=EARLY),
                MalpracticeCase(id=ID, case_number="2", status="pending", filed_on=EARLY, currency="PKR"),
            )
        },
        "/malpractice_cases/1/currency",
        "inconsistent_record",
        "mixed_currencies",
    ),
]


@pytest.mark.parametrize(("changes", "pointer", "kind", "code"), BREACHES)
def test_a_contradiction_is_refused_where_it_stands(
    changes: dict[str, Any], pointer: str, kind: str, code: str
) -> None:
    (breach,) = breaches(msgspec.structs.replace(DOCTOR, **changes), None, TODAY)

    assert (breach.pointer, breach.kind, breach.code) == (pointer, kind, code)


def test_a_birth_that_is_not_in_the_past_is_refused() -> None:
    assert [breach.code for breach in breaches(DOCTOR, TODAY, TODAY)] == ["birth_in_future"]
    assert not breaches(DOCTOR, TODAY - timedelta(days=1), TODAY)


def test_every_breach_is_told_at_once() -> None:
    doctor = msgspec.structs.replace(DOCTOR, npi="1234567890", license_issued_on=LATE, license_expires_on=EARLY)

    assert {breach.kind for breach in breaches(doctor, TODAY, TODAY)} == {"npi_check_digit", "date_order"}
