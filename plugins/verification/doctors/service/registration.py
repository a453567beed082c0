"""Registering a doctor with everything that primary sources say about them."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, TypeVar

import msgspec

from core.clock import Clock, new_id
from core.constraints import violated_constraint
from core.http.problem_types import UNPROCESSABLE
from core.http.problems import Fault, Problem, ProblemType
from core.unit_of_work import UnitOfWork
from plugins.verification.doctors import problems
from plugins.verification.doctors.queries import (
    DELETE_ROWS,
    INSERT_DOCTOR,
    INSERT_ROWS,
    LOCK_DOCTOR,
    UPSERT_DOCTOR,
    Registered,
)
from plugins.verification.doctors.rules import dossier as facts
from plugins.verification.doctors.rules.intake import Breach, breaches
from plugins.verification.doctors.schemas.answers import DoctorOut
from plugins.verification.doctors.schemas.requests import DoctorIn
from plugins.verification.doctors.tables import SECTIONS
from plugins.verification.evidence.events import DOCTOR_CHANGED, DoctorChanged
from plugins.verification.problems import DATE_ORDER

F = TypeVar("F", bound=msgspec.Struct)

ROWS: Final[dict[str, type[msgspec.Struct]]] = {
    "degrees": facts.Degree,
    "board_certifications": facts.BoardCertification,
    "trainings": facts.Training,
    "employments": facts.Employment,
    "disciplinary_actions": facts.DisciplinaryAction,
    "malpractice_cases": facts.MalpracticeCase,
}
BREACHES: Final = {kind.code: kind for kind in (problems.NPI_CHECK_DIGIT, DATE_ORDER, problems.INCONSISTENT_RECORD)}
DUPLICATES: Final[dict[str, tuple[ProblemType, str]]] = {
    "uq_doctors_doctor_id": (problems.DUPLICATE_DOCTOR_ID, "/doctor_id"),
    "uq_doctors_license_number_license_state": (problems.DUPLICATE_LICENSE_NUMBER, "/license_number"),
    "uq_doctors_npi": (problems.DUPLICATE_NPI, "/npi"),
    "uq_degrees_doctor_id_degree_type_institution_graduated_on": (problems.DUPLICATE_DEGREE, "/degrees"),
    "uq_board_certifications_board_certificate_number": (
        problems.DUPLICATE_BOARD_CERTIFICATE,
        "/board_certifications",
    ),
    "uq_disciplinary_actions_authority_case_number": (problems.DUPLICATE_CASE_NUMBER, "/disciplinary_actions"),
    "uq_malpractice_cases_court_case_number": (problems.DUPLICATE_CASE_NUMBER, "/malpractice_cases"),
}
"""Which refusal a unique constraint stands for: the constraint decides, so that races cannot get past it."""


async def register(uow: UnitOfWork, clock: Clock, doctor: DoctorIn, *, upsert: bool) -> tuple[DoctorOut, bool]:
    """Write a doctor and all rows; return them and whether the doctor is new.

    With `upsert` an existing doctor with the same `doctor_id` keeps its id and creation time, and everything else is
    replaced. The number of statements depends on the number of sections, never on the number of rows.

    Raises:
        Problem: 422 where dates or records contradict one another; 409 where an identifier is taken.
    """
    dossier = _dossier(doctor)
    if broken := breaches(dossier, doctor.date_of_birth, clock.today()):
        raise _refusal(broken)
    try:
        written = await _write(uow, dossier, doctor, upsert=upsert)
        if not written.is_new:
            await uow.publish(DOCTOR_CHANGED, DoctorChanged(dossier.doctor_id, clock.now()))
    except Exception as error:
        taken = DUPLICATES.get(violated_constraint(error) or "")
        if taken is None:
            raise
        kind, pointer = taken
        raise Problem(kind, faults=[Fault(pointer, kind.code, f"{kind.title}.")]) from None
    registered = {
        **msgspec.structs.asdict(dossier),
        "id": written.id,
        "date_of_birth": doctor.date_of_birth,
        "created_at": written.created_at,
        "updated_at": written.updated_at,
    }
    return DoctorOut(**registered), written.is_new


def _dossier(doctor: DoctorIn) -> facts.Dossier:
    rows = {name: _identified(into, getattr(doctor, name)) for name, into in ROWS.items()}
    given = msgspec.structs.asdict(doctor)
    del given["date_of_birth"]
    return facts.Dossier(**{**given, **rows, "id": new_id()})


def _identified(into: type[F], rows: Iterable[msgspec.Struct]) -> tuple[F, ...]:
    return tuple(into(id=new_id(), **_in_cents(msgspec.structs.asdict(row))) for row in rows)


def _in_cents(row: dict[str, Any]) -> dict[str, Any]:
    """Give every amount the two decimals that it is stored with."""
    return {name: value.quantize(CENT) if isinstance(value, Decimal) else value for name, value in row.items()}


CENT: Final = Decimal("0.01")


def _refusal(broken: tuple[Breach, ...]) -> Problem:
    kinds = {breach.kind for breach in broken}
    kind = BREACHES[kinds.pop()] if len(kinds) == 1 else UNPROCESSABLE
    return Problem(kind, faults=[Fault(breach.pointer, breach.code, breach.message) for breach in broken])


async def _write(uow: UnitOfWork, dossier: facts.Dossier, doctor: DoctorIn, *, upsert: bool) -> Registered:
    values = {name: value for name, value in msgspec.structs.asdict(dossier).items() if name not in SECTIONS}
    values["license_restrictions"] = list(dossier.license_restrictions)
    values["date_of_birth"] = doctor.date_of_birth
    await uow.fetch_one(LOCK_DOCTOR, doctor_id=dossier.doctor_id)
    written = await uow.fetch_one(UPSERT_DOCTOR if upsert else INSERT_DOCTOR, **values)
    if written is None:  # pragma: no cover - an INSERT … RETURNING that does not raise returns its row
        raise RuntimeError("the insert returned no row")
    if not written.is_new:
        await uow.execute(DELETE_ROWS, owner=written.id)
    for section, command in INSERT_ROWS.items():
        if rows := getattr(dossier, section):
            await uow.execute(command, owner=written.id, rows=msgspec.to_builtins(rows))
    return written
