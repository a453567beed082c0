"""Percentages, and which records count."""

from datetime import date
from decimal import Decimal
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.academic.rules.records import (
    Record,
    SubjectMarks,
    awaited_levels,
    best_records,
    find_subject,
    gap_years,
    has_decimals_within,
    is_marks,
    last_passed_year,
    percentage,
)

TODAY = date(2026, 1, 5)
marks = st.decimals(min_value="0.01", max_value="9999.99", places=2)


def record(number=1, **changes):
    facts = {
        "id": UUID(int=number),
        "level": "matric",
        "board": "BISE Lahore",
        "exam_year": 2024,
        "roll_number": "1",
        "marks_obtained": Decimal(900),
        "total_marks": Decimal(1100),
        "result": "pass",
    }
    return Record(**{**facts, **changes})


@pytest.mark.parametrize(
    ("obtained", "total", "expected"),
    [
        ("900", "1100", "81.8181"),
        ("540", "555", "97.2972"),
        ("2", "3", "66.6666"),
        ("0", "7", "0.0000"),
        ("5", "5", "100.0000"),
    ],
)
def test_a_percentage_is_cut_after_four_decimals(obtained, total, expected):
    assert str(percentage(Decimal(obtained), Decimal(total))) == expected


@given(marks, marks)
def test_a_percentage_is_never_above_the_exact_quotient_and_less_than_one_step_below(obtained, total):
    exact = Fraction(obtained) * 100 / Fraction(total)
    assert 0 <= exact - Fraction(percentage(obtained, total)) < Fraction(1, 10_000)


@given(marks, marks, st.integers(0, 1_000_000))
def test_a_threshold_of_four_decimals_separates_as_the_exact_quotient_does(obtained, total, step):
    threshold = Decimal(step).scaleb(-4)
    assert (percentage(obtained, total) >= threshold) == (Fraction(obtained) * 100 / Fraction(total) >= threshold)


@pytest.mark.parametrize("value", ["0", "0.01", "999999.99", "12"])
def test_marks_are_plain_figures(value):
    assert is_marks(Decimal(value))


@pytest.mark.parametrize(
    "value", ["-1", "-0.01", "1.001", "NaN", "sNaN", "Infinity", "-Infinity", "1e400", "1000000", "0E+999999"]
)
def test_nothing_else_is_marks(value):
    assert not is_marks(Decimal(value))


def test_a_long_tail_of_digits_is_not_mistaken_for_a_short_figure():
    assert not has_decimals_within(Decimal("70." + "0" * 80 + "1"), 6)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"result": "fail"}, False),
        ({"result": "awaited"}, False),
        ({"result": "compartment"}, False),
        ({"exam_year": 2027}, False),
        ({"revoked_on": date(2026, 1, 5)}, False),
        ({"revoked_on": date(2026, 1, 6)}, True),
        ({"expires_on": date(2026, 1, 4)}, False),
        ({"expires_on": date(2026, 1, 5)}, True),
    ],
)
def test_a_record_counts_when_passed_in_time_and_neither_revoked_nor_expired(changes, expected):
    assert record(**changes).counts(TODAY) is expected


def test_the_best_record_of_a_level_has_the_highest_percentage_among_those_that_count():
    low = record(1)
    high = record(2, marks_obtained=Decimal(1000))
    failed = record(3, marks_obtained=Decimal(1100), result="fail")
    assert best_records([high, failed, low], TODAY) == {"matric": high}


@given(st.permutations([record(1), record(2), record(3, exam_year=2023)]))
def test_the_choice_between_equal_records_does_not_depend_on_their_order(records):
    assert best_records(records, TODAY)["matric"].id == UUID(int=2)


def test_gap_years_count_from_the_last_schooling_and_ignore_tests_and_interviews():
    best = best_records([record(1), record(2, level="entry_test", exam_year=2025)], TODAY)
    assert (last_passed_year(best), gap_years(best, TODAY)) == (2024, 2)
    only_test = best_records([record(2, level="entry_test", exam_year=2025)], TODAY)
    assert (last_passed_year(only_test), gap_years(only_test, TODAY)) == (None, None)


def test_awaited_levels_are_those_with_an_awaited_result():
    assert awaited_levels([record(1), record(2, level="intermediate", result="awaited")]) == {"intermediate"}


def test_subjects_are_found_whatever_their_case_and_spacing():
    mathematics = SubjectMarks(Decimal(90), Decimal(100))
    held = record(subjects={"Further  Mathematics": mathematics})
    assert find_subject(held, " further mathematics ") == mathematics
    assert find_subject(held, "mathematics") is None
