"""The seven routes of academic admission."""

from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Final

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery, JSONBody, QueryParameter

from core.auth import Principal, scope
from core.clock import Clock
from core.unit_of_work import UnitOfWork
from plugins.verification.academic.rules.claims import Claims
from plugins.verification.academic.rules.eligibility_rule import CATEGORY_PATTERN, PROGRAM_PATTERN
from plugins.verification.academic.rules.records import Level
from plugins.verification.academic.schemas import (
    FIRST_EXAM_YEAR,
    LINE,
    STUDENT_ID,
    CertificateAnswer,
    EligibilityAnswer,
    EligibilityRuleIn,
    EligibilityRuleOut,
    MeritAnswer,
    MeritRuleIn,
    MeritRuleOut,
    RollNumberAnswer,
    StudentIn,
    StudentOut,
)
from plugins.verification.academic.service.admission_rules import save_eligibility_rule, save_merit_rule
from plugins.verification.academic.service.claims import RollNumber, verify_certificate, verify_roll_number
from plugins.verification.academic.service.decisions import Question, calculate_merit, check_eligibility
from plugins.verification.academic.service.students import add_student

TAGS: Final = ["Academic admission"]

StudentId = Annotated[str, QueryParameter(pattern=STUDENT_ID)]
Program = Annotated[str, QueryParameter(pattern=PROGRAM_PATTERN)]
Category = Annotated[str | None, QueryParameter(pattern=CATEGORY_PATTERN, description="The student's own by default.")]
Number = Annotated[str, QueryParameter(pattern=LINE, max_length=64)]
Board = Annotated[str | None, QueryParameter(pattern=LINE, max_length=200)]
ExamYear = Annotated[int | None, QueryParameter(ge=FIRST_EXAM_YEAR, le=9999)]
ClaimedName = Annotated[str | None, QueryParameter(pattern=LINE, max_length=200, description="A claim to compare.")]
ClaimedBirth = Annotated[date | None, QueryParameter(description="A claim to compare.")]
ClaimedMarks = Annotated[Decimal | None, QueryParameter(description="A claim to compare.")]
AsOf = Annotated[date | None, QueryParameter(description="The day to decide for, today (UTC) by default.")]
Upsert = Annotated[bool, QueryParameter(description="Replace what is stored instead of refusing.")]


class AcademicAdminController(Controller):
    """Loads students and the rules of programs."""

    path = "/api/v1/academic/admin"
    tags = TAGS
    opt = {"access": scope("verification:admin")}  # noqa: RUF012 -- read by Litestar, never changed

    @post("/students", summary="Register a student with academic records")
    async def add_student(
        self, data: JSONBody[StudentIn], uow: NamedDependency[UnitOfWork], clock: NamedDependency[Clock]
    ) -> StudentOut:
        """Register a student and every record at once, or nothing."""
        return await add_student(uow, clock, data)

    @post("/eligibility-rules", summary="Store a program's eligibility rule")
    async def save_eligibility_rule(
        self, *, data: JSONBody[EligibilityRuleIn], uow: NamedDependency[UnitOfWork], upsert: Upsert = False
    ) -> Response[EligibilityRuleOut]:
        """Store what a program asks for. `?upsert=true` replaces a stored rule and keeps it in the history."""
        saved = await save_eligibility_rule(uow, data, replace=upsert)
        return Response(saved, status_code=_created(saved.version))

    @post("/merit-rules", summary="Store a program's merit rule")
    async def save_merit_rule(
        self, *, data: JSONBody[MeritRuleIn], uow: NamedDependency[UnitOfWork], upsert: Upsert = False
    ) -> Response[MeritRuleOut]:
        """Store how a program weighs applicants. `?upsert=true` replaces a stored rule and keeps it in the history."""
        saved = await save_merit_rule(uow, data, replace=upsert)
        return Response(saved, status_code=_created(saved.version))


class AcademicController(Controller):
    """Answers about students; whoever mounts it states who may read."""

    path = "/api/v1/academic"
    tags = TAGS

    @get("/verify/roll-number", summary="Verify a roll number")
    async def verify_roll_number(
        self,
        uow: NamedDependency[UnitOfWork],
        clock: NamedDependency[Clock],
        principal: NamedDependency[Principal],
        roll_number: Number,
        board: Board = None,
        exam_year: ExamYear = None,
        level: FromQuery[Level | None] = None,
        name: ClaimedName = None,
        date_of_birth: ClaimedBirth = None,
        marks_obtained: ClaimedMarks = None,
    ) -> RollNumberAnswer:
        """Say whether a roll number stands for one record, and how each claim compares with it."""
        asked = RollNumber(roll_number=roll_number, board=board, exam_year=exam_year, level=level)
        claims = Claims(name=name, date_of_birth=date_of_birth, marks_obtained=marks_obtained)
        return await verify_roll_number(uow, clock, principal, asked, claims)

    @get("/verify/certificate", summary="Verify a certificate")
    async def verify_certificate(
        self,
        uow: NamedDependency[UnitOfWork],
        clock: NamedDependency[Clock],
        principal: NamedDependency[Principal],
        certificate_number: Number,
        name: ClaimedName = None,
        date_of_birth: ClaimedBirth = None,
        marks_obtained: ClaimedMarks = None,
    ) -> CertificateAnswer:
        """Say whether a certificate is valid, and how each claim compares with it."""
        claims = Claims(name=name, date_of_birth=date_of_birth, marks_obtained=marks_obtained)
        return await verify_certificate(uow, clock, principal, certificate_number, claims)

    @get("/check-eligibility", summary="Check whether a student may apply for a program")
    async def check_eligibility(
        self,
        uow: NamedDependency[UnitOfWork],
        clock: NamedDependency[Clock],
        principal: NamedDependency[Principal],
        student_id: StudentId,
        program: Program,
        category: Category = None,
        as_of: AsOf = None,
    ) -> EligibilityAnswer:
        """Judge a student by a program's rule. What is missing is a failed check, not an error."""
        question = Question(student_id=student_id, program=program, category=category, as_of=as_of)
        return await check_eligibility(uow, clock, principal, question)

    @get("/calculate-merit", summary="Calculate a student's merit for a program")
    async def calculate_merit(
        self,
        *,
        uow: NamedDependency[UnitOfWork],
        clock: NamedDependency[Clock],
        principal: NamedDependency[Principal],
        student_id: StudentId,
        program: Program,
        category: Category = None,
        as_of: AsOf = None,
        explain: FromQuery[bool] = True,
        require_eligible: FromQuery[bool] = False,
    ) -> MeritAnswer:
        """Weigh a student's best records; every score is truncated, never rounded."""
        question = Question(student_id=student_id, program=program, category=category, as_of=as_of)
        return await calculate_merit(
            uow, clock, principal, question, explain=explain, require_eligible=require_eligible
        )


def _created(version: int) -> int:
    """Return the status of a saved rule: the first version is created, a later one replaces."""
    return HTTPStatus.CREATED if version == 1 else HTTPStatus.OK
