"""Demonstration data: students on every branch of eligibility and merit, the same ones each time."""

import random
from datetime import date
from decimal import Decimal
from typing import Final

from core.clock import Clock
from core.unit_of_work import UnitOfWork
from plugins.verification.academic.queries import ELIGIBILITY_RULE, MERIT_RULE, STUDENT
from plugins.verification.academic.rules.eligibility_rule import EligibilityRule, Requirements, SubjectRequirement
from plugins.verification.academic.rules.merit_rule import MeritOptions, MeritRule
from plugins.verification.academic.rules.records import Level, Result, SubjectMarks
from plugins.verification.academic.schemas import RecordIn, StudentIn
from plugins.verification.academic.service.admission_rules import save_eligibility_rule, save_merit_rule
from plugins.verification.academic.service.students import register

STUDENTS: Final = 300
PROGRAM: Final = "BSCS"

_SHARED: Final = 50
_SEED: Final = 20_260_105
_BOARDS: Final = ("BISE Lahore", "BISE Karachi", "FBISE Islamabad", "Cambridge International")
_CATEGORIES: Final = ("GENERAL", "GENERAL", "GENERAL", "SPORTS", "HAFIZ")
_GIVEN: Final = ("Aisha", "Bilal", "Chen", "Dina", "Emeka", "Fatima", "Goran", "Hina", "Iman", "Jonas")
_FAMILY: Final = ("Ahmed", "Bauer", "Costa", "Dogan", "Eriksen", "Farooqi", "Garcia", "Hussain", "Ito", "Khan")
_SUBJECTS: Final = ("Physics", "Chemistry", "Mathematics", "English", "Computer Science")


async def seed(uow: UnitOfWork, clock: Clock) -> str:
    """Register the demonstration's students and rules, leaving alone what is there already."""
    for student in students():
        if await uow.fetch_one(STUDENT, student_id=student.student_id) is None:
            await register(uow, clock, student)
    if await uow.fetch_one(ELIGIBILITY_RULE, program=PROGRAM) is None:
        await save_eligibility_rule(uow, eligibility_rule(), replace=False)
    if await uow.fetch_one(MERIT_RULE, program=PROGRAM) is None:
        await save_merit_rule(uow, merit_rule(), replace=False)
    return f"{STUDENTS} students, S-0001 to S-{STUDENTS:04}, and the rules of {PROGRAM}"


def students() -> list[StudentIn]:
    """Return 300 students. Every tenth awaits a result, every twelfth failed, every fifteenth lost a certificate."""
    dice = random.Random(_SEED)  # noqa: S311 -- the same students each time, no secret
    return [_student(dice, number) for number in range(1, STUDENTS + 1)]


def eligibility_rule() -> EligibilityRule:
    """Return the rule that the demonstration's program admits by."""
    return EligibilityRule(
        PROGRAM,
        Requirements(
            min_percentage={"matric": Decimal(50), "intermediate": Decimal(60)},
            required_levels=["matric", "intermediate"],
            required_subjects=[SubjectRequirement("intermediate", ["Mathematics", "Computer Science"])],
            max_age=24,
        ),
    )


def merit_rule() -> MeritRule:
    """Return the rule that the demonstration's program ranks by."""
    options = MeritOptions(on_missing="zero", tie_break=["intermediate.percentage", "date_of_birth:asc", "student_id"])
    return MeritRule(PROGRAM, {"matric": Decimal(30), "intermediate": Decimal(70)}, options)


def _student(dice: random.Random, number: int) -> StudentIn:
    year = dice.randint(2021, 2024)
    result: Result = "awaited" if number % 10 == 0 else "fail" if number % 12 == 0 else "pass"
    return StudentIn(
        student_id=f"S-{number:04}",
        name=f"{dice.choice(_GIVEN)} {dice.choice(_FAMILY)}",
        date_of_birth=_birthday(dice, year - 18),
        category=dice.choice(_CATEGORIES),
        records=[
            _record(dice, "matric", number, year - 2, "pass"),
            _record(dice, "intermediate", number, year, result),
        ],
    )


def _record(dice: random.Random, level: Level, number: int, year: int, result: Result) -> RecordIn:
    subjects = {name: SubjectMarks(Decimal(dice.randint(70, 198)), Decimal(200)) for name in _SUBJECTS}
    passed = result == "pass"
    revoked = passed and level == "intermediate" and number % 15 == 0
    return RecordIn(
        level=level,
        board=_BOARDS[number // _SHARED % len(_BOARDS)],
        exam_year=year,
        # The last fifty share their numbers with the fifty before, who sat before another board.
        roll_number=f"{level[0].upper()}{number if number <= STUDENTS - _SHARED else number - _SHARED:05}",
        certificate_number=f"{level[0].upper()}-{year}-{number:04}" if passed else None,
        marks_obtained=sum((marks.obtained for marks in subjects.values()), Decimal(0)),
        total_marks=Decimal(1000),
        result=result,
        subjects=subjects,
        issued_on=date(year, 9, 1) if passed else None,
        revoked_on=date(year + 1, 3, 1) if revoked else None,
        revoked_reason="Marks were altered after publication." if revoked else None,
    )


def _birthday(dice: random.Random, year: int) -> date:
    return date(year, dice.randint(1, 12), dice.randint(1, 28))
