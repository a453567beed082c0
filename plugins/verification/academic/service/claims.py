"""Verifying a roll number or a certificate against what the caller claims."""

from typing import Final

import msgspec
from msgspec import UNSET

from core.auth import Principal
from core.clock import Clock
from core.unit_of_work import UnitOfWork
from plugins.verification.academic.problems import CERTIFICATE_NOT_FOUND, ROLL_NUMBER_NOT_FOUND
from plugins.verification.academic.queries import BY_CERTIFICATE, BY_ROLL_NUMBER, FoundRecord
from plugins.verification.academic.rules.claims import (
    Claims,
    FieldResults,
    certificate_outcome,
    compare,
    mask_name,
    not_compared,
    roll_number_outcome,
)
from plugins.verification.academic.rules.records import Level
from plugins.verification.academic.schemas import (
    CertificateAnswer,
    MaskedStudent,
    RecordOut,
    RollNumberAnswer,
    Sitting,
)
from plugins.verification.academic.service.refusals import refusal
from plugins.verification.evidence.receipts import Signer, Subject
from plugins.verification.evidence.schemas import Outcome
from plugins.verification.evidence.service import attest, record

SOURCE: Final = "examination-board"

_OUTCOMES: Final[dict[str, Outcome]] = {
    "ambiguous": "needs_review",
    "mismatch": "needs_review",
    "awaited": "needs_review",
}
"""What a person has to look at; in every other case the board has spoken."""


class RollNumber(msgspec.Struct, frozen=True, kw_only=True):
    """A roll number, and what narrows it down to one board, year and level."""

    roll_number: str
    board: str | None = None
    exam_year: int | None = None
    level: Level | None = None


async def verify_roll_number(
    uow: UnitOfWork, clock: Clock, principal: Principal, signer: Signer | None, asked: RollNumber, claims: Claims
) -> RollNumberAnswer:
    """Say whether `asked` stands for one record that agrees with `claims`.

    Raises:
        Problem: `roll_number_not_found`.
    """
    began_at, today = clock.now(), clock.today()
    found = await uow.fetch_all(BY_ROLL_NUMBER, **msgspec.structs.asdict(asked))
    if not found:
        raise refusal(ROLL_NUMBER_NOT_FOUND, "?roll_number", "No record has this roll number.")
    alone = found[0] if len(found) == 1 else None
    results = _compared(claims, alone) if alone else not_compared(claims)
    outcome = roll_number_outcome(found, results, today)
    answer = RollNumberAnswer(
        verified=outcome == "match",
        outcome=outcome,
        match_count=len(found),
        field_results=results,
        verification=attest(clock, began_at, as_of=today, outcome=_OUTCOMES.get(outcome, "found"), source=SOURCE),
        student=_student(alone, results) if alone else UNSET,
        record=RecordOut.of(alone) if alone else UNSET,
        matches=UNSET if alone else [Sitting(board=r.board, exam_year=r.exam_year, level=r.level) for r in found],
    )
    return await record(
        uow,
        signer,
        answer,
        kind="academic.roll_number",
        subject=Subject("academic_record", asked.roll_number),
        principal=principal,
        parameters={**msgspec.to_builtins(asked), "claims": _claimed(claims)},
        verdict=outcome,
    )


async def verify_certificate(
    uow: UnitOfWork, clock: Clock, principal: Principal, signer: Signer | None, certificate_number: str, claims: Claims
) -> CertificateAnswer:
    """Say whether a certificate is valid today and agrees with `claims`.

    Raises:
        Problem: `certificate_not_found`.
    """
    began_at, today = clock.now(), clock.today()
    found = await uow.fetch_one(BY_CERTIFICATE, certificate_number=certificate_number)
    if found is None:
        raise refusal(CERTIFICATE_NOT_FOUND, "?certificate_number", "No record carries this certificate number.")
    results = _compared(claims, found)
    outcome = certificate_outcome(found, results, today)
    answer = CertificateAnswer(
        verified=outcome == "valid",
        outcome=outcome,
        student=_student(found, results),
        record=RecordOut.of(found),
        field_results=results,
        verification=attest(clock, began_at, as_of=today, outcome=_OUTCOMES.get(outcome, "found"), source=SOURCE),
        revoked_on=found.revoked_on,
        revoked_reason=found.revoked_reason,
    )
    return await record(
        uow,
        signer,
        answer,
        kind="academic.certificate",
        subject=Subject("academic_record", certificate_number),
        principal=principal,
        parameters={"certificate_number": certificate_number, "claims": _claimed(claims)},
        verdict=outcome,
    )


def _compared(claims: Claims, found: FoundRecord) -> FieldResults:
    return compare(claims, name=found.name, date_of_birth=found.date_of_birth, marks_obtained=found.marks_obtained)


def _student(found: FoundRecord, results: FieldResults) -> MaskedStudent:
    if results.name == "match":
        return MaskedStudent(name=found.name)
    return MaskedStudent(name_masked=mask_name(found.name))


def _claimed(claims: Claims) -> list[str]:
    """Return which claims were made. Their values are personal data and prove nothing that the hash does not."""
    return [name for name, value in msgspec.structs.asdict(claims).items() if value is not None]
