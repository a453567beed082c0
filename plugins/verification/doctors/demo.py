"""Demonstration data: 200 doctors on every branch of the verdict, the same ones on the same day."""

import random
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from msgspec.structs import replace
from stdnum import luhn

from core.clock import Clock
from core.unit_of_work import UnitOfWork
from plugins.verification.doctors.rules.npi import ISSUER_PREFIX
from plugins.verification.doctors.schemas.requests import (
    BoardCertificationIn,
    DegreeIn,
    DisciplinaryActionIn,
    DoctorIn,
    EmploymentIn,
    MalpracticeCaseIn,
    TrainingIn,
)
from plugins.verification.doctors.service.registration import register

DOCTORS: Final = 200

_SEED: Final = 20_260_105
_YEAR: Final = timedelta(days=365)
_GIVEN: Final = ("Aisha", "Bilal", "Chen", "Dina", "Emeka", "Fatima", "Goran", "Hina", "Iman", "Jonas")
_FAMILY: Final = ("Ahmed", "Bauer", "Costa", "Dogan", "Eriksen", "Farooqi", "Garcia", "Hussain", "Ito", "Khan")
_SPECIALTIES: Final = ("Cardiology", "Dermatology", "Family Medicine", "Neurology", "Pediatrics")
_STATES: Final = ("CA", "IL", "MA", "NY", "TX")


async def seed(uow: UnitOfWork, clock: Clock) -> str:
    """Register the demonstration doctors, replacing those that are there already."""
    for doctor in doctors(clock.today()):
        await register(uow, clock, doctor, upsert=True)
    return f"{DOCTORS} doctors, DOC-0001 to DOC-{DOCTORS:04}"


def doctors(today: date) -> list[DoctorIn]:
    """Return 200 doctors. Half of them pass everything; the others walk through the branches of the rules in turn."""
    dice = random.Random(_SEED)  # noqa: S311 - the same doctors each time, no secret
    people = [_flawless(dice, number, today) for number in range(1, DOCTORS + 1)]
    flaws = _flaws(today)
    return [
        replace(person, **flaws[number // 2 % len(flaws)](person)) if number % 2 else person
        for number, person in enumerate(people)
    ]


def _flawless(dice: random.Random, number: int, today: date) -> DoctorIn:
    specialty, state = dice.choice(_SPECIALTIES), dice.choice(_STATES)
    graduated = today - dice.randint(9, 30) * _YEAR
    return DoctorIn(
        doctor_id=f"DOC-{number:04}",
        full_name=f"{dice.choice(_GIVEN)} {dice.choice(_FAMILY)}",
        date_of_birth=graduated - 25 * _YEAR,
        specialization=specialty,
        npi=_npi(number),
        npi_status="A",
        license_number=f"{state}-{10_000 + number}",
        license_state=state,
        license_type="Physician and Surgeon",
        license_status="active",
        license_issued_on=graduated + _YEAR,
        license_expires_on=today + timedelta(days=dice.randint(60, 700)),
        issuing_board=f"Medical Board of {state}",
        degrees=(
            DegreeIn(degree_type="MD", institution="Riverside University", graduated_on=graduated, verified=True),
        ),
        board_certifications=(
            BoardCertificationIn(
                board="American Board of Medical Specialties",
                specialty=specialty,
                status="active",
                certificate_number=f"BC-{number:04}",
                initial_on=graduated + 4 * _YEAR,
                expires_on=today + 2 * _YEAR,
                moc_participating=True,
            ),
        ),
        trainings=(
            TrainingIn(
                kind="residency",
                institution="Lakeside Hospital",
                specialty=specialty,
                status="completed",
                started_on=graduated + timedelta(days=30),
                completed_on=graduated + 3 * _YEAR,
            ),
        ),
        employments=(EmploymentIn(employer="Hillside Clinic", started_on=graduated + 3 * _YEAR, position="Physician"),),
    )


def _npi(number: int) -> str:
    body = f"1{number:08}"
    return body + str(luhn.calc_check_digit(ISSUER_PREFIX + body))


def _flaws(today: date) -> list[Any]:
    """Return, for each branch of the rules, what makes a flawless doctor take it."""
    past, recently = today - _YEAR, today - timedelta(days=10)
    return [
        lambda _: {"license_expires_on": recently},
        lambda _: {"license_expires_on": today + timedelta(days=20)},
        lambda _: {"license_status": "suspended"},
        lambda _: {"license_status": "probation", "license_restrictions": ("Supervised practice only",)},
        lambda _: {"degrees": ()},
        lambda one: {"degrees": tuple(replace(row, verified=False) for row in one.degrees)},
        lambda one: {"degrees": tuple(replace(row, revoked_on=past) for row in one.degrees)},
        lambda _: {"board_certifications": ()},
        lambda one: {"board_certifications": tuple(replace(row, status="revoked") for row in one.board_certifications)},
        lambda one: {"board_certifications": tuple(replace(row, expires_on=past) for row in one.board_certifications)},
        lambda _: {"trainings": ()},
        lambda one: {"trainings": tuple(replace(row, status="dismissed") for row in one.trainings)},
        lambda one: {"trainings": tuple(replace(row, kind="fellowship") for row in one.trainings)},
        lambda _: {"employments": ()},
        lambda one: {"employments": tuple(replace(row, started_on=past) for row in one.employments)},
        lambda one: {"disciplinary_actions": (_action(one, past, "suspension", None),)},
        lambda one: {"disciplinary_actions": (_action(one, past, "reprimand", recently),)},
        lambda one: {"malpractice_cases": (_case(one, past, "pending", None, Decimal(0)),)},
        lambda one: {"malpractice_cases": (_case(one, past, "settled", recently, Decimal(400_000)),)},
        lambda one: {"malpractice_cases": (_case(one, past, "dismissed", recently, Decimal(0)),)},
        lambda _: {"npi": None, "npi_status": None},
        lambda _: {"npi_status": "D"},
        lambda _: {"npi_status": None},
    ]


def _action(doctor: DoctorIn, effective_on: date, severity: Any, ended_on: date | None) -> DisciplinaryActionIn:
    return DisciplinaryActionIn(
        action_type="board order",
        severity=severity,
        authority=doctor.issuing_board or "Medical Board",
        effective_on=effective_on,
        case_number=f"A-{doctor.doctor_id}",
        ended_on=ended_on,
    )


def _case(doctor: DoctorIn, filed_on: date, status: Any, closed_on: date | None, amount: Any) -> MalpracticeCaseIn:
    return MalpracticeCaseIn(
        case_number=f"M-{doctor.doctor_id}",
        court="Superior Court",
        status=status,
        filed_on=filed_on,
        closed_on=closed_on,
        amount_paid=amount,
    )
