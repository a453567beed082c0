"""A doctor as an administrator registers one."""

from datetime import date
from decimal import Decimal
from typing import Annotated

from msgspec import Meta, Struct

from core.http.values import InvalidValue, Money
from plugins.verification.doctors.rules.dossier import (
    CaseStatus,
    CertificationStatus,
    LicenseStatus,
    NpiStatus,
    Severity,
    TrainingKind,
    TrainingStatus,
)
from plugins.verification.doctors.schemas.texts import (
    Country,
    Currency,
    DoctorId,
    LicenseNumber,
    Line,
    Npi,
    Paragraphs,
    State,
    WebAddress,
    Word,
)


class DegreeIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An academic degree."""

    degree_type: Annotated[Word, Meta(description="`MD`, `M.B.B.S.`, `BSc`, …")]
    institution: Line
    field: Line | None = None
    country: Country | None = None
    started_on: date | None = None
    graduated_on: date | None = None
    honors: Line | None = None
    accreditation: Line | None = None
    verified: Annotated[bool, Meta(description="Whether the institution has confirmed it.")] = False
    revoked_on: date | None = None


class BoardCertificationIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A specialty board's certificate."""

    board: Line
    specialty: Line
    status: CertificationStatus
    certificate_number: Word | None = None
    initial_on: date | None = None
    expires_on: date | None = None
    moc_participating: Annotated[bool | None, Meta(description="Takes part in maintenance of certification.")] = None


class TrainingIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A period of postgraduate training."""

    kind: TrainingKind
    institution: Line
    status: TrainingStatus
    program: Line | None = None
    specialty: Line | None = None
    acgme_id: Word | None = None
    started_on: date | None = None
    completed_on: Annotated[date | None, Meta(description="The last day; required once it is completed.")] = None


class EmploymentIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A post; without `ended_on` it is still held."""

    employer: Line
    started_on: date
    position: Line | None = None
    facility_type: Line | None = None
    ended_on: date | None = None
    reason_for_leaving: Paragraphs | None = None


class DisciplinaryActionIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An authority's action against the doctor; without `ended_on` it is open."""

    action_type: Line
    severity: Severity
    authority: Line
    effective_on: date
    case_number: Word | None = None
    reason: Paragraphs | None = None
    ended_on: date | None = None
    document_url: WebAddress | None = None


MAX_AMOUNT = Decimal(10) ** 12
PAID = {"minimum": 0, "maximum": int(MAX_AMOUNT) - 1, "pattern": r"^0{0,3}[0-9]{1,12}(\.[0-9]{1,2})?$"}
"""What JSON Schema can say of an amount that was paid."""


class MalpracticeCaseIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A malpractice claim. All of a doctor's are in one currency."""

    case_number: Word
    status: CaseStatus
    filed_on: date
    court: Line | None = None
    closed_on: date | None = None
    amount_paid: Annotated[Money, Meta(extra_json_schema=PAID)] = Decimal("0.00")  # type: ignore[assignment] # every decimal is a Money
    currency: Currency = "USD"
    allegation: Paragraphs | None = None
    npdb_reported: Annotated[bool, Meta(description="Reported to the National Practitioner Data Bank.")] = False

    def __post_init__(self) -> None:
        """Refuse negative amounts and those that no column holds."""
        if not 0 <= self.amount_paid < MAX_AMOUNT:
            raise InvalidValue("money", "An amount is between 0.00 and 999999999999.99.", pointer="/amount_paid")


UP_TO_A_HUNDRED = Meta(max_length=100)


class DoctorIn(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A doctor with everything that primary sources say about them."""

    doctor_id: DoctorId
    full_name: Line
    license_number: LicenseNumber
    license_status: LicenseStatus
    license_state: State | None = None
    license_type: Line | None = None
    license_issued_on: date | None = None
    license_expires_on: date | None = None
    license_restrictions: Annotated[tuple[Line, ...], UP_TO_A_HUNDRED] = ()
    issuing_board: Line | None = None
    specialization: Line | None = None
    date_of_birth: date | None = None
    npi: Npi | None = None
    npi_status: Annotated[NpiStatus | None, Meta(description="As NPPES states it: `A` active, `D` deactivated.")] = None
    degrees: Annotated[tuple[DegreeIn, ...], UP_TO_A_HUNDRED] = ()
    board_certifications: Annotated[tuple[BoardCertificationIn, ...], UP_TO_A_HUNDRED] = ()
    trainings: Annotated[tuple[TrainingIn, ...], UP_TO_A_HUNDRED] = ()
    employments: Annotated[tuple[EmploymentIn, ...], UP_TO_A_HUNDRED] = ()
    disciplinary_actions: Annotated[tuple[DisciplinaryActionIn, ...], UP_TO_A_HUNDRED] = ()
    malpractice_cases: Annotated[tuple[MalpracticeCaseIn, ...], UP_TO_A_HUNDRED] = ()
