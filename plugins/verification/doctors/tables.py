"""The tables of doctors: one row a doctor, and six tables of what primary sources say about them."""

from datetime import date
from decimal import Decimal
from typing import Final, get_args
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.tables import CreatedAt, Identified, Timestamped
from plugins.verification.doctors.rules.dossier import (
    CaseStatus,
    CertificationStatus,
    LicenseStatus,
    NpiStatus,
    Severity,
    TrainingKind,
    TrainingStatus,
)
from plugins.verification.tables import Base


def _one_of(column: str, vocabulary: object) -> CheckConstraint:
    words = ", ".join(f"'{word}'" for word in get_args(vocabulary))
    return CheckConstraint(f"{column} IN ({words})", name=column)


def _doctor() -> Mapped[UUID]:
    return mapped_column(ForeignKey("verification.doctors.id", ondelete="CASCADE"))


class Doctor(Base, Identified, Timestamped):
    """A doctor, with the licence to practise."""

    __tablename__ = "doctors"
    __table_args__ = (
        UniqueConstraint("doctor_id", name="uq_doctors_doctor_id"),
        # A number without a state is one of a kind, too: two absent states count as the same.
        Index(
            "uq_doctors_license_number_license_state",
            "license_number",
            "license_state",
            unique=True,
            postgresql_nulls_not_distinct=True,
        ),
        Index("uq_doctors_npi", "npi", unique=True, postgresql_where=text("npi IS NOT NULL")),
        Index("ix_doctors_full_name", func.lower(text("full_name"))),
        Index("ix_doctors_license_expires_on", "license_expires_on"),
        CheckConstraint("npi ~ '^[12][0-9]{9}$'", name="npi"),
        _one_of("npi_status", NpiStatus),
        _one_of("license_status", LicenseStatus),
        CheckConstraint("license_expires_on >= license_issued_on", name="license_dates"),
    )

    doctor_id: Mapped[str]
    full_name: Mapped[str]
    npi: Mapped[str | None]
    npi_status: Mapped[str | None]
    date_of_birth: Mapped[date | None]
    specialization: Mapped[str | None]
    license_number: Mapped[str]
    license_state: Mapped[str | None]
    license_type: Mapped[str | None]
    license_status: Mapped[str]
    license_issued_on: Mapped[date | None]
    license_expires_on: Mapped[date | None]
    license_restrictions: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'"))
    issuing_board: Mapped[str | None]


class Degree(Base, Identified, CreatedAt):
    """An academic degree."""

    __tablename__ = "degrees"
    __table_args__ = (
        UniqueConstraint(
            "doctor_id",
            "degree_type",
            "institution",
            "graduated_on",
            name="uq_degrees_doctor_id_degree_type_institution_graduated_on",
        ),
        CheckConstraint("started_on <= graduated_on", name="dates"),
    )

    doctor_id: Mapped[UUID] = _doctor()
    degree_type: Mapped[str]
    field: Mapped[str | None]
    institution: Mapped[str]
    country: Mapped[str | None]
    started_on: Mapped[date | None]
    graduated_on: Mapped[date | None]
    honors: Mapped[str | None]
    accreditation: Mapped[str | None]
    verified: Mapped[bool] = mapped_column(server_default=text("false"))
    revoked_on: Mapped[date | None]


class BoardCertification(Base, Identified, CreatedAt):
    """A specialty board's certificate."""

    __tablename__ = "board_certifications"
    __table_args__ = (
        UniqueConstraint("board", "certificate_number", name="uq_board_certifications_board_certificate_number"),
        Index("ix_board_certifications_doctor_id", "doctor_id"),
        Index("ix_board_certifications_expires_on", "expires_on"),
        _one_of("status", CertificationStatus),
        CheckConstraint("initial_on <= expires_on", name="dates"),
    )

    doctor_id: Mapped[UUID] = _doctor()
    board: Mapped[str]
    specialty: Mapped[str]
    certificate_number: Mapped[str | None]
    status: Mapped[str]
    initial_on: Mapped[date | None]
    expires_on: Mapped[date | None]
    moc_participating: Mapped[bool | None]


class Training(Base, Identified, CreatedAt):
    """A period of postgraduate training."""

    __tablename__ = "trainings"
    __table_args__ = (
        Index("ix_trainings_doctor_id", "doctor_id"),
        _one_of("kind", TrainingKind),
        _one_of("status", TrainingStatus),
        CheckConstraint("started_on <= completed_on", name="dates"),
        CheckConstraint("status <> 'completed' OR completed_on IS NOT NULL", name="completed_on"),
    )

    doctor_id: Mapped[UUID] = _doctor()
    kind: Mapped[str]
    program: Mapped[str | None]
    specialty: Mapped[str | None]
    institution: Mapped[str]
    acgme_id: Mapped[str | None]
    started_on: Mapped[date | None]
    completed_on: Mapped[date | None]
    status: Mapped[str]


class Employment(Base, Identified, CreatedAt):
    """A post."""

    __tablename__ = "employments"
    __table_args__ = (
        Index("ix_employments_doctor_id_started_on", "doctor_id", "started_on"),
        CheckConstraint("started_on <= ended_on", name="dates"),
    )

    doctor_id: Mapped[UUID] = _doctor()
    employer: Mapped[str]
    position: Mapped[str | None]
    facility_type: Mapped[str | None]
    started_on: Mapped[date]
    ended_on: Mapped[date | None]
    reason_for_leaving: Mapped[str | None]


class DisciplinaryAction(Base, Identified, CreatedAt):
    """An authority's action against a doctor."""

    __tablename__ = "disciplinary_actions"
    __table_args__ = (
        UniqueConstraint("authority", "case_number", name="uq_disciplinary_actions_authority_case_number"),
        Index("ix_disciplinary_actions_doctor_id_ended_on", "doctor_id", "ended_on"),
        _one_of("severity", Severity),
        CheckConstraint("effective_on <= ended_on", name="dates"),
    )

    doctor_id: Mapped[UUID] = _doctor()
    action_type: Mapped[str]
    severity: Mapped[str]
    authority: Mapped[str]
    case_number: Mapped[str | None]
    reason: Mapped[str | None]
    effective_on: Mapped[date]
    ended_on: Mapped[date | None]
    document_url: Mapped[str | None]


class MalpracticeCase(Base, Identified, CreatedAt):
    """A malpractice claim."""

    __tablename__ = "malpractice_cases"
    __table_args__ = (
        UniqueConstraint("court", "case_number", name="uq_malpractice_cases_court_case_number"),
        Index("ix_malpractice_cases_doctor_id_filed_on", "doctor_id", "filed_on"),
        _one_of("status", CaseStatus),
        CheckConstraint("filed_on <= closed_on", name="dates"),
        CheckConstraint("amount_paid >= 0", name="amount_paid"),
        CheckConstraint("currency ~ '^[A-Z]{3}$'", name="currency"),
        CheckConstraint("status <> 'pending' OR (closed_on IS NULL AND amount_paid = 0)", name="pending"),
    )

    doctor_id: Mapped[UUID] = _doctor()
    case_number: Mapped[str]
    court: Mapped[str | None]
    filed_on: Mapped[date]
    closed_on: Mapped[date | None]
    status: Mapped[str]
    amount_paid: Mapped[Decimal] = mapped_column(server_default=text("0"))
    currency: Mapped[str] = mapped_column(server_default=text("'USD'"))
    allegation: Mapped[str | None]
    npdb_reported: Mapped[bool] = mapped_column(server_default=text("false"))


SECTIONS: Final[dict[str, type[Base]]] = {
    "degrees": Degree,
    "board_certifications": BoardCertification,
    "trainings": Training,
    "employments": Employment,
    "disciplinary_actions": DisciplinaryAction,
    "malpractice_cases": MalpracticeCase,
}
"""The tables of a doctor's dossier by the name of their section in it."""
