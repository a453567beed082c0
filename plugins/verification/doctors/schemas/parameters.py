"""The query parameters of the questions about a doctor."""

from datetime import date
from typing import Annotated

import msgspec
from litestar.params import QueryParameter

from plugins.verification.doctors.rules.dossier import CaseStatus, TrainingKind
from plugins.verification.doctors.rules.verdict import JUDGES
from plugins.verification.doctors.schemas.texts import DOCTOR_ID, LICENSE_NUMBER, LINE, NPI, STATE

ByDoctorId = Annotated[
    str | None,
    QueryParameter(
        min_length=1, max_length=64, pattern=DOCTOR_ID, description="The identifier by which the doctor is known here."
    ),
]
ByLicenseNumber = Annotated[
    str | None,
    QueryParameter(min_length=3, max_length=32, pattern=LICENSE_NUMBER, description="The number on the licence."),
]
ByLicenseState = Annotated[
    str | None,
    QueryParameter(pattern=STATE, description="The state of `license_number`, where it exists in several."),
]
ByNpi = Annotated[
    str | None, QueryParameter(pattern=NPI, description="National Provider Identifier, check digit included.")
]

_LINE = {"min_length": 1, "max_length": 200, "pattern": LINE}

DegreeType = Annotated[str | None, QueryParameter(**_LINE, description="Only degrees of this type.")]
Institution = Annotated[str | None, QueryParameter(**_LINE, description="Only institutions whose name contains this.")]
Board = Annotated[str | None, QueryParameter(**_LINE, description="Only certificates of this board.")]
Specialty = Annotated[str | None, QueryParameter(**_LINE, description="Only certificates in this specialty.")]
CurrentOnly = Annotated[bool, QueryParameter(description="Only certificates that hold on the day asked about.")]
Kind = Annotated[TrainingKind | None, QueryParameter(description="Only trainings of this kind.")]
LookbackYears = Annotated[int, QueryParameter(ge=1, le=50, description="How many years the window reaches back.")]
GapDays = Annotated[int, QueryParameter(ge=1, le=365, description="Longer gaps without employment are listed.")]
IncludeClosed = Annotated[bool, QueryParameter(description="Whether actions that have ended are listed, too.")]
Since = Annotated[date | None, QueryParameter(description="Only actions that took effect on this day or later.")]
Status = Annotated[
    CaseStatus | None, QueryParameter(description="List only cases with this status; the totals are of all cases.")
]
_COMPONENT = "|".join(JUDGES)
Components = Annotated[
    str | None,
    QueryParameter(
        min_length=1,
        max_length=200,
        schema_extra={"pattern": f"^({_COMPONENT})(,({_COMPONENT}))*$"},
        description="Comma-separated: license, degree, board_cert, training, employment, disciplines, "
        "malpractice, npi. All of them where absent.",
    ),
]
RequireBoardCert = Annotated[
    bool | None,
    QueryParameter(description="Whether a doctor without any board certificate needs review (deployment's default)."),
]
Upsert = Annotated[bool, QueryParameter(description="Replace the doctor with this `doctor_id` where there is one.")]


class Identity(msgspec.Struct, frozen=True, omit_defaults=True):
    """The identifiers that name a doctor; those that were not given are None."""

    doctor_id: str | None = None
    license_number: str | None = None
    license_state: str | None = None
    npi: str | None = None
