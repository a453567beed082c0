"""The demonstration's data is the same each time, breaks no rule, and has something to show on every branch."""

from collections import Counter
from datetime import date
from uuid import UUID

import msgspec

from plugins.verification.academic import demo
from plugins.verification.academic.rules.eligibility_rule import contradictions
from plugins.verification.academic.rules.intake import faults as intake_faults
from plugins.verification.academic.rules.merit_rule import faults as merit_faults
from plugins.verification.academic.rules.records import Record

TODAY = date(2026, 1, 5)
STUDENTS = demo.students()
RECORDS = [record for student in STUDENTS for record in student.records]


def test_it_is_the_same_each_time():
    assert demo.students() == STUDENTS


def test_it_breaks_no_rule():
    for student in STUDENTS:
        records = [Record(id=UUID(int=0), **msgspec.structs.asdict(record)) for record in student.records]
        assert intake_faults(student.date_of_birth, records, TODAY) == []
    assert contradictions(demo.eligibility_rule()) == []
    assert merit_faults(demo.merit_rule()) == []


def test_nothing_that_is_unique_occurs_twice():
    assert len({student.student_id for student in STUDENTS}) == demo.STUDENTS == 300
    certificates = [record.certificate_number for record in RECORDS if record.certificate_number]
    assert len(set(certificates)) == len(certificates)
    entries = [(record.board, record.exam_year, record.level, record.roll_number) for record in RECORDS]
    assert len(set(entries)) == len(entries)


def test_every_branch_has_somebody_on_it():
    assert {record.result for record in RECORDS} == {"pass", "fail", "awaited"}
    assert any(record.revoked_on for record in RECORDS)
    assert {student.category for student in STUDENTS} == {"GENERAL", "SPORTS", "HAFIZ"}
    assert max(Counter(record.roll_number for record in RECORDS).values()) > 1
