"""Deciding about a student: eligibility and merit."""

from datetime import date
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET

from core.auth import Principal
from core.clock import Clock
from core.http.problems import Fault, Problem
from core.unit_of_work import UnitOfWork
from plugins.verification.academic.problems import (
    COMPONENT_MISSING,
    NOT_ELIGIBLE,
    RESULT_AWAITED,
    RULES_NOT_FOUND,
    STUDENT_NOT_FOUND,
)
from plugins.verification.academic.queries import ELIGIBILITY_RULE, MERIT_RULE, RECORDS, STUDENT, StudentRow
from plugins.verification.academic.rules.eligibility import Eligibility, evaluate
from plugins.verification.academic.rules.eligibility_checks import Applicant
from plugins.verification.academic.rules.merit import ComponentMissing, Contender, Merit, calculate
from plugins.verification.academic.rules.merit_rule import MeritRule
from plugins.verification.academic.rules.records import Record, awaited_levels
from plugins.verification.academic.schemas import EligibilityAnswer, MeritAnswer
from plugins.verification.academic.service.refusals import refusal
from plugins.verification.evidence.receipts import Signer, Subject
from plugins.verification.evidence.service import attest, record, resolve_as_of

SOURCE: Final = "admission-office"

AnswerT = TypeVar("AnswerT", EligibilityAnswer, MeritAnswer)


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """Which student, for which program, in which category (the student's own where none is given), on which day."""

    student_id: str
    program: str
    category: str | None = None
    as_of: date | None = None


class _Candidate(msgspec.Struct, frozen=True, kw_only=True):
    student: StudentRow
    records: list[Record]
    category: str
    as_of: date


async def check_eligibility(
    uow: UnitOfWork, clock: Clock, principal: Principal, signer: Signer | None, question: Question
) -> EligibilityAnswer:
    """Judge a student by a program's rule and keep a record of the verdict.

    Raises:
        Problem: `as_of_in_future`; `student_not_found`; `rules_not_found` also for a rule not in force on the day.
    """
    began_at = clock.now()
    candidate = await _candidate(uow, clock, question)
    judged, version = await _judge(uow, candidate, question.program)
    answer = EligibilityAnswer(
        eligible=judged.eligible,
        student_id=question.student_id,
        program=question.program,
        category=judged.category,
        rule_version=version,
        checks=judged.checks,
        failed=judged.failed,
        relaxations_applied=judged.relaxations_applied,
        notes=judged.notes,
        verification=attest(
            clock, began_at, as_of=candidate.as_of, outcome="found", source=SOURCE, source_type="aggregate"
        ),
    )
    verdict = "eligible" if answer.eligible else "not_eligible"
    return await _keep(uow, principal, signer, "academic.eligibility", question, answer, verdict)


async def calculate_merit(
    uow: UnitOfWork,
    clock: Clock,
    principal: Principal,
    signer: Signer | None,
    question: Question,
    *,
    explain: bool,
    require_eligible: bool,
) -> MeritAnswer:
    """Weigh a student's best records by a program's merit rule and keep a record of the result.

    Raises:
        Problem: `student_not_found`; `rules_not_found`; `not_eligible` where eligibility is required;
            `result_awaited` and `component_missing` where the rule tolerates neither.
    """
    began_at = clock.now()
    candidate = await _candidate(uow, clock, question)
    row = await uow.fetch_one(MERIT_RULE, program=question.program)
    if row is None:
        raise refusal(RULES_NOT_FOUND, "?program", "The program has no merit rule.")
    if require_eligible:
        await _demand_eligibility(uow, candidate, question.program)
    merit = _merit(row.rule, candidate)
    answer = MeritAnswer(
        student_id=question.student_id,
        program=question.program,
        category=candidate.category,
        merit=merit.merit,
        rule_version=row.version,
        precision=row.options.precision,
        verification=attest(
            clock, began_at, as_of=candidate.as_of, outcome="found", source=SOURCE, source_type="aggregate"
        ),
        components=merit.components if explain else UNSET,
        bonuses=merit.bonuses if explain else UNSET,
        deductions=merit.deductions if explain else UNSET,
        tie_break_key=merit.tie_break_key if explain else UNSET,
    )
    return await _keep(uow, principal, signer, "academic.merit", question, answer, str(answer.merit))


async def _candidate(uow: UnitOfWork, clock: Clock, question: Question) -> _Candidate:
    as_of = resolve_as_of(clock, question.as_of)
    student = await uow.fetch_one(STUDENT, student_id=question.student_id)
    if student is None:
        raise refusal(STUDENT_NOT_FOUND, "?student_id", "No student has this student_id.")
    records = await uow.fetch_all(RECORDS, student_seed_id=student.id)
    return _Candidate(student=student, records=records, category=question.category or student.category, as_of=as_of)


async def _judge(uow: UnitOfWork, candidate: _Candidate, program: str) -> tuple[Eligibility, int]:
    row = await uow.fetch_one(ELIGIBILITY_RULE, program=program)
    if row is None or not row.rule.applies_on(candidate.as_of):
        raise refusal(RULES_NOT_FOUND, "?program", "The program has no eligibility rule in force on this day.")
    applicant = Applicant(date_of_birth=candidate.student.date_of_birth, records=candidate.records)
    return evaluate(row.rule, applicant, candidate.category, candidate.as_of), row.version


async def _demand_eligibility(uow: UnitOfWork, candidate: _Candidate, program: str) -> None:
    judged, _ = await _judge(uow, candidate, program)
    if not judged.eligible:
        failed = [check for check in judged.checks if not check.passed]
        faults = [Fault("?student_id", check.reason or "", f"{check.path} is not met.") for check in failed]
        raise Problem(NOT_ELIGIBLE, faults=faults)


def _merit(rule: MeritRule, candidate: _Candidate) -> Merit:
    contender = Contender.of(
        candidate.records,
        student_id=candidate.student.student_id,
        date_of_birth=candidate.student.date_of_birth,
        category=candidate.category,
        as_of=candidate.as_of,
    )
    try:
        return calculate(rule, contender)
    except ComponentMissing as missing:
        awaited = awaited_levels(candidate.records).intersection(missing.components)
        kind = RESULT_AWAITED if awaited else COMPONENT_MISSING
        names = [name for name in missing.components if not awaited or name in awaited]
        faults = [Fault("?student_id", kind.code, f"There is no passed record of level {name}.") for name in names]
        raise Problem(kind, faults=faults) from None


async def _keep(
    uow: UnitOfWork,
    principal: Principal,
    signer: Signer | None,
    kind: str,
    question: Question,
    answer: AnswerT,
    verdict: str,
) -> AnswerT:
    return await record(
        uow,
        signer,
        answer,
        kind=kind,
        subject=Subject("student", question.student_id),
        principal=principal,
        parameters={**msgspec.to_builtins(question), "rule_version": answer.rule_version},
        verdict=verdict,
    )
