"""Asking about a doctor: who, as of which day, and the one dossier that the identifiers name."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import TypeVar

import msgspec

from core.http.problems import Fault, Problem
from plugins.verification.doctors.problems import (
    DOCTOR_NOT_FOUND,
    IDENTIFIER_CONFLICT,
    MISSING_IDENTIFIER,
    NPI_CHECK_DIGIT,
)
from plugins.verification.doctors.rules.npi import is_valid_npi
from plugins.verification.doctors.schemas.parameters import Identity

R = TypeVar("R")


class Inquiry(msgspec.Struct, frozen=True):
    """A question about one doctor.

    Attributes:
        named: the identifiers that were given, by name.
        as_of: the day asked about.
        began_at: when the question arrived.
    """

    named: Mapping[str, str]
    as_of: date
    began_at: datetime

    @property
    def given(self) -> frozenset[str]:
        """Return the names of the identifiers that were given."""
        return frozenset(self.named)


def named_by(identity: Identity) -> Mapping[str, str]:
    """Return the identifiers that were given.

    Raises:
        Problem: `missing_identifier` where none was, or a state without the licence number that it belongs to;
            `npi_check_digit` where the NPI cannot be one.
    """
    named: dict[str, str] = msgspec.to_builtins(identity)
    if not named:
        raise Problem(MISSING_IDENTIFIER)
    if identity.license_state is not None and identity.license_number is None:
        message = "license_state says whose licence number it is: give license_number, too."
        raise Problem(MISSING_IDENTIFIER, faults=[Fault("?license_number", MISSING_IDENTIFIER.code, message)])
    if identity.npi is not None and not is_valid_npi(identity.npi):
        raise Problem(
            NPI_CHECK_DIGIT, faults=[Fault("?npi", NPI_CHECK_DIGIT.code, "The last digit is not the check digit.")]
        )
    return named


def sole(found: Sequence[R], named: Mapping[str, str]) -> R:
    """Return the only one of the doctors `found`, provided that every identifier is theirs.

    Raises:
        Problem: `doctor_not_found`; `identifier_conflict` where the identifiers name different doctors, one of them
            nobody, or a licence number is held in several states.
    """
    if not found:
        raise Problem(DOCTOR_NOT_FOUND)
    doctor = found[0]
    if len(found) > 1 or any(getattr(doctor, name) != value for name, value in named.items()):
        raise Problem(IDENTIFIER_CONFLICT)
    return doctor
