"""What the questions about a doctor are answered with."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from msgspec import Meta, Struct

from plugins.verification.doctors.rules.dossier import (
    BoardCertification,
    Degree,
    DisciplinaryAction,
    Dossier,
    Employment,
    LicenseStatus,
    MalpracticeCase,
    Severity,
    Training,
)
from plugins.verification.doctors.rules.finding import Result
from plugins.verification.doctors.rules.history import Gap
from plugins.verification.doctors.rules.periods import Window
from plugins.verification.doctors.rules.policy import Component
from plugins.verification.doctors.rules.verdict import Verdict
from plugins.verification.evidence.schemas import Verification


class DoctorOut(Dossier, frozen=True, kw_only=True):
    """A registered doctor with the ids of every row."""

    date_of_birth: date | None = None
    created_at: datetime
    updated_at: datetime


class LicenseOut(Struct, frozen=True, kw_only=True):
    """A licence to practise as it stood on the day `verification.as_of`."""

    doctor_id: str
    full_name: str
    license_number: str
    license_state: str | None
    license_type: str | None
    status: Annotated[LicenseStatus, Meta(description="On the day asked about: a lapsed licence is `expired`.")]
    raw_status: Annotated[LicenseStatus, Meta(description="As the board last stated it.")]
    issued_on: date | None
    expires_on: date | None
    days_to_expiry: Annotated[int | None, Meta(description="Negative once it has expired.")]
    is_active: bool
    restrictions: tuple[str, ...]
    issuing_board: str | None
    has_board_action: Annotated[bool, Meta(description="Whether any disciplinary action had taken effect.")]
    verification: Verification


class DegreesOut(Struct, frozen=True, kw_only=True):
    """A doctor's degrees, earliest first."""

    doctor_id: str
    count: int
    degrees: tuple[Degree, ...]
    verification: Verification


class CertificationOut(BoardCertification, frozen=True, kw_only=True):
    """A board certificate, with its status on the day asked about."""

    is_current: bool


class CertificationsOut(Struct, frozen=True, kw_only=True):
    """A doctor's board certificates, earliest first."""

    doctor_id: str
    count: int
    certifications: tuple[CertificationOut, ...]
    verification: Verification


class TrainingOut(Training, frozen=True, kw_only=True):
    """A training, with its status on the day asked about."""

    months: Annotated[int, Meta(description="Whole months up to the day asked about.")]


class TrainingsOut(Struct, frozen=True, kw_only=True):
    """A doctor's postgraduate training, earliest first."""

    doctor_id: str
    count: int
    trainings: tuple[TrainingOut, ...]
    total_completed_months: int
    verification: Verification


class EmploymentOut(Employment, frozen=True, kw_only=True):
    """A post, and whether it was held on the day asked about."""

    is_current: bool


class EmploymentsOut(Struct, frozen=True, kw_only=True):
    """A doctor's posts within a window of years, earliest first, and the gaps between them."""

    doctor_id: str
    count: int
    employments: tuple[EmploymentOut, ...]
    window: Window
    gaps: tuple[Gap, ...]
    covered_days: int
    coverage_ratio: Annotated[float, Meta(description="Covered share of the window, 0 to 1, four decimals.")]
    verification: Verification


class DisciplinaryActionOut(DisciplinaryAction, frozen=True, kw_only=True):
    """A disciplinary action, and whether it was in force on the day asked about."""

    is_open: bool


class DisciplinesOut(Struct, frozen=True, kw_only=True):
    """The disciplinary actions asked for, earliest first. None is a positive answer."""

    doctor_id: str
    has_actions: bool
    has_open_actions: bool
    highest_severity: Severity | None
    actions: tuple[DisciplinaryActionOut, ...]
    verification: Verification


class MalpracticeOut(Struct, frozen=True, kw_only=True):
    """The malpractice cases pending on the day asked about or closed within the window. None is a positive answer."""

    doctor_id: str
    total_cases: int
    pending_cases: int
    paid_cases: int
    total_paid: Decimal
    currency: str
    window: Window
    cases: tuple[MalpracticeCase, ...]
    verification: Verification


class ComponentOut(Struct, frozen=True, kw_only=True):
    """What one component of a doctor's credentials amounts to, and why."""

    result: Result
    reasons: Annotated[tuple[str, ...], Meta(description="Stable words that say why it is no pass.")]
    evidence: Annotated[tuple[UUID, ...], Meta(description="The rows that it rests on.")]
    checked_at: datetime


class VerifyOut(Struct, frozen=True, kw_only=True):
    """The verdict about a doctor, explained component by component."""

    doctor_id: str
    full_name: str
    verdict: Verdict
    verified: bool
    score: Annotated[int, Meta(description="Share of the applicable weight that passed, 0 to 100; informational.")]
    components: dict[Component, ComponentOut]
    blocking: Annotated[tuple[Component, ...], Meta(description="What stands between the doctor and `VERIFIED`.")]
    as_of: date
    next_review_due: Annotated[date, Meta(description="When the verification or the licence runs out.")]
    rule_set_version: str
    verification: Verification
