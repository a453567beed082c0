"""What cannot be true of a student is found, all of it at once."""

from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest

from plugins.verification.academic.rules.intake import faults
from plugins.verification.academic.rules.records import Record, SubjectMarks

TODAY = date(2026, 1, 5)


def record(obtained="900", total="1100", **changes):
    facts = {
        "id": UUID(int=1),
        "level": "matric",
        "board": "BISE Lahore",
        "exam_year": 2026,
        "roll_number": "1",
        "marks_obtained": Decimal(obtained),
        "total_marks": Decimal(total),
        "result": "pass",
    }
    return Record(**{**facts, **changes})


def subjects(**marks):
    return {name: SubjectMarks(Decimal(obtained), Decimal(total)) for name, (obtained, total) in marks.items()}


def found(*records, born=None):
    return [(fault.pointer, fault.code) for fault in faults(born, records, TODAY)]


@pytest.mark.parametrize(
    "good",
    [
        record(),
        record("1100", "1100"),
        record("0", "0.01"),
        record("90", "100", subjects=subjects(Physics=("40", "50"), Art=("50.00", "50"))),
        record(issued_on=TODAY, expires_on=TODAY, revoked_on=TODAY),
        record(expires_on=TODAY, revoked_on=TODAY),
    ],
)
def test_what_can_be_true_is_accepted(good):
    assert found(good, born=TODAY) == []


@pytest.mark.parametrize(
    ("bad", "pointer", "code"),
    [
        (record("1101"), "/records/0/marks_obtained", "marks_exceed_total"),
        (record("0", "0"), "/records/0/total_marks", "invalid_marks"),
        (record("1", "-1"), "/records/0/total_marks", "invalid_marks"),
        (record("-1"), "/records/0/marks_obtained", "invalid_marks"),
        (record("NaN"), "/records/0/marks_obtained", "invalid_marks"),
        (record("1.001"), "/records/0/marks_obtained", "invalid_marks"),
        (record("90", "100", subjects=subjects(Art=("80", "90"))), "/records/0/subjects", "subject_sum_mismatch"),
        (
            record("90", "100", subjects=subjects(**{"a/b": ("90", "80")})),
            "/records/0/subjects/a~1b/obtained",
            "marks_exceed_total",
        ),
        (record("-1", subjects=subjects(Art=("1", "2"))), "/records/0/marks_obtained", "invalid_marks"),
        (record(exam_year=2027), "/records/0/exam_year", "validation_error"),
        (record(issued_on=TODAY, expires_on=date(2026, 1, 4)), "/records/0/expires_on", "date_order"),
        (record(issued_on=TODAY, revoked_on=date(2026, 1, 4)), "/records/0/revoked_on", "date_order"),
    ],
)
def test_each_impossibility_is_found_where_it_stands(bad, pointer, code):
    assert found(bad) == [(pointer, code)]


def test_all_faults_of_all_records_are_reported_together():
    assert found(record("-1", "0"), record("1101"), born=date(2026, 1, 6)) == [
        ("/date_of_birth", "date_order"),
        ("/records/0/marks_obtained", "invalid_marks"),
        ("/records/0/total_marks", "invalid_marks"),
        ("/records/1/marks_obtained", "marks_exceed_total"),
    ]
