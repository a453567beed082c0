"""What is known of a doctor: the facts that the rules judge, and the vocabulary that they are told in."""

from datetime import date
from decimal import Decimal
from typing import Literal
from uuid import UUID

import msgspec

LicenseStatus = Literal[
    "active",
    "inactive",
    "expired",
    "probation",
    "restricted",
    "suspended",
    "revoked",
    "surrendered",
    "denied",
    "pending_renewal",
]
NpiStatus = Literal["A", "D"]
"""As NPPES writes it: active, deactivated."""
CertificationStatus = Literal["active", "expired", "revoked", "lifetime"]
TrainingKind = Literal["internship", "residency", "fellowship", "other"]
TrainingStatus = Literal["completed", "in_progress", "withdrawn", "dismissed"]
Severity = Literal["advisory", "reprimand", "fine", "probation", "restriction", "suspension", "revocation"]
"""From the mildest to the gravest; the order is part of the meaning."""
CaseStatus = Literal["pending", "dismissed", "settled", "judgment_plaintiff", "judgment_defendant"]


class Degree(msgspec.Struct, frozen=True, kw_only=True):
    """An academic degree. `verified` says that the institution has confirmed it."""

    id: UUID
    degree_type: str
    institution: str
    field: str | None = None
    country: str | None = None
    started_on: date | None = None
    graduated_on: date | None = None
    honors: str | None = None
    accreditation: str | None = None
    verified: bool = False
    revoked_on: date | None = None


class BoardCertification(msgspec.Struct, frozen=True, kw_only=True):
    """A specialty board's certificate, with the status that the board last stated."""

    id: UUID
    board: str
    specialty: str
    status: CertificationStatus
    certificate_number: str | None = None
    initial_on: date | None = None
    expires_on: date | None = None
    moc_participating: bool | None = None


class Training(msgspec.Struct, frozen=True, kw_only=True):
    """A period of postgraduate training. `completed_on` is its last day, however it ended."""

    id: UUID
    kind: TrainingKind
    institution: str
    status: TrainingStatus
    program: str | None = None
    specialty: str | None = None
    acgme_id: str | None = None
    started_on: date | None = None
    completed_on: date | None = None


class Employment(msgspec.Struct, frozen=True, kw_only=True):
    """A post that the doctor held, first and last day included; no last day while it is held."""

    id: UUID
    employer: str
    started_on: date
    position: str | None = None
    facility_type: str | None = None
    ended_on: date | None = None
    reason_for_leaving: str | None = None


class DisciplinaryAction(msgspec.Struct, frozen=True, kw_only=True):
    """An authority's action against the doctor. It is open until the day `ended_on`."""

    id: UUID
    action_type: str
    severity: Severity
    authority: str
    effective_on: date
    case_number: str | None = None
    reason: str | None = None
    ended_on: date | None = None
    document_url: str | None = None


class MalpracticeCase(msgspec.Struct, frozen=True, kw_only=True):
    """A malpractice claim. `amount_paid` is in `currency`; a doctor's cases all share one."""

    id: UUID
    case_number: str
    status: CaseStatus
    filed_on: date
    court: str | None = None
    closed_on: date | None = None
    amount_paid: Decimal = Decimal("0.00")
    currency: str = "USD"
    allegation: str | None = None
    npdb_reported: bool = False


class Dossier(msgspec.Struct, frozen=True, kw_only=True):
    """Everything known of one doctor. The order within the tuples carries no meaning."""

    id: UUID
    doctor_id: str
    full_name: str
    license_number: str
    license_status: LicenseStatus
    license_state: str | None = None
    license_type: str | None = None
    license_issued_on: date | None = None
    license_expires_on: date | None = None
    license_restrictions: tuple[str, ...] = ()
    issuing_board: str | None = None
    specialization: str | None = None
    npi: str | None = None
    npi_status: NpiStatus | None = None
    degrees: tuple[Degree, ...] = ()
    board_certifications: tuple[BoardCertification, ...] = ()
    trainings: tuple[Training, ...] = ()
    employments: tuple[Employment, ...] = ()
    disciplinary_actions: tuple[DisciplinaryAction, ...] = ()
    malpractice_cases: tuple[MalpracticeCase, ...] = ()
