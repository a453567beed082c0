"""The routes of academic admission: three to register, two that verify claims, three that judge students."""

import asyncio
from typing import Any, Final

from litestar import Request, Response, Router, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED

from core.auth import PUBLIC, Principal, scope
from core.clock import Clock
from core.http.injected import Injected
from core.http.openapi_links import leads
from core.http.pagination import DEFAULT_LIMIT, Cursor, Cursors, Limit, Page, with_links
from core.injection import Services
from core.keys import key_ring
from core.unit_of_work import UnitOfWork
from plugins.verification.academic import parameters as query
from plugins.verification.academic import problems, schemas
from plugins.verification.academic.rules.claims import Claims
from plugins.verification.academic.service import admission_rules, claims, decisions, standings, students
from plugins.verification.evidence.parameters import AsOf
from plugins.verification.evidence.receipts import Signer
from plugins.verification.problems import AS_OF_IN_FUTURE
from plugins.verification.settings import Settings
from ports.storage import Storage

STUDENT_AND_PROGRAM: Final = {"student_id": "$response.body#/student_id", "program": "$response.body#/program"}


@post(
    "/admin/students",
    access=scope("verification:admin"),
    summary="Register a student",
    problems=problems.STUDENT_PROBLEMS,
    leads_to=(
        *leads("academic_calculate_merit", "academic_check_eligibility", student_id="$response.body#/student_id"),
        *leads("academic_verify_roll_number", roll_number="$request.body#/records/0/roll_number"),
    ),
    description="Registers a student with every academic record in one transaction.",
)
async def add_student(
    data: JSONBody[schemas.StudentIn], uow: Injected[UnitOfWork], clock: Injected[Clock]
) -> schemas.StudentOut:
    """Register a student."""
    return await students.register(uow, clock, data)


@post(
    "/admin/eligibility-rules",
    access=scope("verification:admin"),
    summary="State what a program asks of its applicants",
    problems=(problems.INVALID_RULE, problems.RULE_EXISTS),
    leads_to=leads("academic_check_eligibility", program="$response.body#/program"),
    description="`?upsert=true` replaces the program's rule with its next version and answers 200.",
    responses={HTTP_200_OK: ResponseSpec(schemas.EligibilityRuleOut, description="The rule was replaced.")},
)
async def add_eligibility_rule(
    *,
    data: JSONBody[schemas.EligibilityRuleIn],
    uow: Injected[UnitOfWork],
    upsert: query.Upsert = False,
) -> Response[schemas.EligibilityRuleOut]:
    """Store an eligibility rule."""
    rule = await admission_rules.save_eligibility_rule(uow, data, replace=upsert)
    return Response(rule, status_code=_status(rule.version))


@post(
    "/admin/merit-rules",
    access=scope("verification:admin"),
    summary="State how a program weighs its applicants",
    problems=problems.MERIT_RULE_PROBLEMS,
    leads_to=leads("academic_calculate_merit", "academic_merit_list", program="$response.body#/program"),
    description="`?upsert=true` replaces the program's rule with its next version and answers 200.",
    responses={HTTP_200_OK: ResponseSpec(schemas.MeritRuleOut, description="The rule was replaced.")},
)
async def add_merit_rule(
    *,
    data: JSONBody[schemas.MeritRuleIn],
    uow: Injected[UnitOfWork],
    upsert: query.Upsert = False,
) -> Response[schemas.MeritRuleOut]:
    """Store a merit rule."""
    rule = await admission_rules.save_merit_rule(uow, data, replace=upsert)
    return Response(rule, status_code=_status(rule.version))


@get("/verify/roll-number", summary="Verify a roll number", problems=(problems.ROLL_NUMBER_NOT_FOUND,))
async def verify_roll_number(
    uow: Injected[UnitOfWork],
    clock: Injected[Clock],
    principal: Injected[Principal],
    signer: Injected[Signer | None],
    roll_number: query.RollNumber,
    board: query.Board = None,
    exam_year: query.ExamYear = None,
    level: query.AtLevel = None,
    name: query.ClaimedName = None,
    date_of_birth: query.ClaimedDateOfBirth = None,
    marks_obtained: query.ClaimedMarks = None,
) -> schemas.RollNumberAnswer:
    """Say whether a roll number stands for one record, and how each claim compares with it; it is recorded."""
    asked = claims.RollNumber(roll_number=roll_number, board=board, exam_year=exam_year, level=level)
    claimed = Claims(name=name, date_of_birth=date_of_birth, marks_obtained=marks_obtained)
    return await claims.verify_roll_number(uow, clock, principal, signer, asked, claimed)


@get("/verify/certificate", summary="Verify a certificate", problems=(problems.CERTIFICATE_NOT_FOUND,))
async def verify_certificate(
    uow: Injected[UnitOfWork],
    clock: Injected[Clock],
    principal: Injected[Principal],
    signer: Injected[Signer | None],
    certificate_number: query.CertificateNumber,
    name: query.ClaimedName = None,
    date_of_birth: query.ClaimedDateOfBirth = None,
    marks_obtained: query.ClaimedMarks = None,
) -> schemas.CertificateAnswer:
    """Say whether a certificate is valid, and how each claim compares with it; it is recorded."""
    claimed = Claims(name=name, date_of_birth=date_of_birth, marks_obtained=marks_obtained)
    return await claims.verify_certificate(uow, clock, principal, signer, certificate_number, claimed)


@get(
    "/check-eligibility",
    summary="Check whether a student may apply for a program",
    problems=problems.ELIGIBILITY_PROBLEMS,
    leads_to=leads("academic_calculate_merit", **STUDENT_AND_PROGRAM),
)
async def check_eligibility(
    uow: Injected[UnitOfWork],
    clock: Injected[Clock],
    principal: Injected[Principal],
    signer: Injected[Signer | None],
    student_id: query.StudentId,
    program: query.Program,
    category: query.Category = None,
    as_of: AsOf = None,
) -> schemas.EligibilityAnswer:
    """Judge a student by a program's rule; what is missing is a failed check. It is recorded."""
    question = decisions.Question(student_id=student_id, program=program, category=category, as_of=as_of)
    return await decisions.check_eligibility(uow, clock, principal, signer, question)


@get(
    "/calculate-merit",
    summary="Calculate a student's merit for a program",
    problems=problems.MERIT_PROBLEMS,
    leads_to=(
        *leads("academic_check_eligibility", **STUDENT_AND_PROGRAM),
        *leads("academic_merit_list", program="$response.body#/program", category="$response.body#/category"),
    ),
)
async def calculate_merit(
    *,
    uow: Injected[UnitOfWork],
    clock: Injected[Clock],
    principal: Injected[Principal],
    signer: Injected[Signer | None],
    student_id: query.StudentId,
    program: query.Program,
    category: query.Category = None,
    as_of: AsOf = None,
    explain: query.Explain = True,
    require_eligible: query.RequireEligible = False,
) -> schemas.MeritAnswer:
    """Weigh a student's best records; every score is truncated, never rounded. It is recorded."""
    question = decisions.Question(student_id=student_id, program=program, category=category, as_of=as_of)
    return await decisions.calculate_merit(
        uow, clock, principal, signer, question, explain=explain, require_eligible=require_eligible
    )


@get(
    "/merit-list",
    summary="List a program's applicants by merit",
    problems=(AS_OF_IN_FUTURE, problems.RULES_NOT_FOUND),
    leads_to=leads(
        "academic_calculate_merit",
        "academic_check_eligibility",
        student_id="$response.body#/data/0/student_id",
        program="$request.query.program",
    ),
    response_headers=[ResponseHeader("Link", documentation_only=True, description="RFC 8288: first and next page.")],
)
async def merit_list(
    request: Request[Any, Any, Any],
    storage: Injected[Storage],
    clock: Injected[Clock],
    cursors: Injected[Cursors],
    program: query.Program,
    category: query.OnlyCategory = None,
    as_of: AsOf = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Response[Page[schemas.StandingOut]]:
    """Rank everybody who has what the program's merit rule demands, best first."""
    question = standings.Question(program=program, category=category, as_of=as_of)
    return with_links(request, await standings.merit_list(storage, clock, cursors, question, cursor, limit))


async def provide_cursors(services: Injected[Services]) -> Cursors:
    """Return what signs and reads the cursors of the list."""
    return Cursors(await asyncio.to_thread(lambda: key_ring(services.config).keys("academic cursors")))


def academic_routes(settings: Settings) -> Router:
    """Return the routes of academic admission; reads are open where the settings say so."""
    handlers: list[Any] = [
        add_student,
        add_eligibility_rule,
        add_merit_rule,
        verify_roll_number,
        verify_certificate,
        check_eligibility,
        calculate_merit,
        merit_list,
    ]
    return Router(
        path="/api/v1/academic",
        route_handlers=handlers,
        dependencies={"cursors": Provide(provide_cursors, use_cache=True)},
        opt={"access": PUBLIC if settings.open_reads else scope("verification:read")},
        tags=["academic"],
    )


def _status(version: int) -> int:
    """Return the status of a saved rule: its first version is created, a later one replaces."""
    return HTTP_201_CREATED if version == 1 else HTTP_200_OK
