"""What academic admission takes and answers."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Final, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from plugins.verification.academic.rules.claims import CertificateOutcome, FieldResults, RollNumberOutcome
from plugins.verification.academic.rules.eligibility_checks import Check, Relaxation
from plugins.verification.academic.rules.eligibility_rule import (
    END,
    GENERAL,
    Category,
    CategoryRule,
    EligibilityRule,
    Requirements,
)
from plugins.verification.academic.rules.merit import Component, MeritAdjustment
from plugins.verification.academic.rules.merit_rule import MeritOptions, MeritRule
from plugins.verification.academic.rules.records import MARKS_DECIMALS, Level, Record, Result, SubjectMarks, truncate
from plugins.verification.evidence.schemas import Verification

STUDENT_ID: Final = rf"^[A-Za-z0-9][A-Za-z0-9._/-]{{0,63}}{END}"
LINE: Final = rf"^[^\x00-\x20\x7f][^\x00-\x1f\x7f]*{END}"
"""One line of text that does not begin with a blank."""

FIRST_EXAM_YEAR: Final = 1950

StudentId = Annotated[str, Meta(pattern=STUDENT_ID, examples=["S-2024-001"])]
Name = Annotated[str, Meta(pattern=LINE, max_length=200)]
Number = Annotated[str, Meta(pattern=LINE, max_length=64)]
Reason = Annotated[str, Meta(pattern=LINE, max_length=500)]
Marks = Annotated[Decimal, Meta(description="At most two decimals; a JSON number or a string.", examples=["540.50"])]

EligibilityRuleIn = EligibilityRule
MeritRuleIn = MeritRule


class RecordIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One examination of a student. Where subjects are given, they sum to the marks obtained."""

    level: Level
    board: Name
    exam_year: Annotated[int, Meta(ge=FIRST_EXAM_YEAR, description="Not later than this year.")]
    roll_number: Number
    marks_obtained: Marks
    total_marks: Marks
    result: Result
    certificate_number: Number | None = None
    subjects: Annotated[dict[Name, SubjectMarks], Meta(max_length=60)] = {}
    issued_on: date | None = None
    expires_on: date | None = None
    revoked_on: date | None = None
    revoked_reason: Reason | None = None


class StudentIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A student with everything that boards say about them."""

    student_id: StudentId
    name: Name
    records: Annotated[list[RecordIn], Meta(min_length=1, max_length=20)]
    date_of_birth: date | None = None
    category: Category = GENERAL


class RecordOut(msgspec.Struct, frozen=True, kw_only=True):
    """One examination as recorded; `percentage` is truncated to four decimals."""

    id: UUID
    level: Level
    board: str
    exam_year: int
    roll_number: str
    certificate_number: str | None
    marks_obtained: Decimal
    total_marks: Decimal
    percentage: Decimal
    result: Result
    subjects: dict[str, SubjectMarks]
    issued_on: date | None
    expires_on: date | None
    revoked_on: date | None
    revoked_reason: str | None

    @classmethod
    def of(cls, record: Record) -> "RecordOut":
        """Return `record` as it is shown, with marks of two decimals as they are stored."""
        shown = {name: getattr(record, name) for name in cls.__struct_fields__}
        for name in ("marks_obtained", "total_marks"):
            shown[name] = truncate(shown[name], MARKS_DECIMALS)
        return cls(**shown)


class StudentOut(msgspec.Struct, frozen=True, kw_only=True):
    """A student as recorded."""

    id: UUID
    student_id: str
    name: str
    date_of_birth: date | None
    category: str
    records: list[RecordOut]


class EligibilityRuleOut(msgspec.Struct, frozen=True, kw_only=True):
    """A program's eligibility rule; `version` grows by one each time it is replaced."""

    id: UUID
    program: str
    version: int
    active: bool
    requirements: Requirements
    category_specific: dict[str, CategoryRule]
    effective_from: date | None
    effective_to: date | None
    created_at: datetime
    updated_at: datetime


class MeritRuleOut(msgspec.Struct, frozen=True, kw_only=True):
    """A program's merit rule; `version` grows by one each time it is replaced."""

    id: UUID
    program: str
    version: int
    active: bool
    weightage: dict[str, Decimal]
    options: MeritOptions
    created_at: datetime
    updated_at: datetime


class MaskedStudent(msgspec.Struct, frozen=True, kw_only=True):
    """Whose record it is: the name in full only for a caller who already knows it."""

    name: str | UnsetType = UNSET
    name_masked: str | UnsetType = UNSET


class Sitting(msgspec.Struct, frozen=True, kw_only=True):
    """Where and when a roll number was given out; says nothing about the student."""

    board: str
    exam_year: int
    level: Level


class RollNumberAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a roll number stands for a record; an ambiguous one discloses sittings and no marks."""

    verified: bool
    outcome: RollNumberOutcome
    match_count: int
    field_results: FieldResults
    verification: Verification
    student: MaskedStudent | UnsetType = UNSET
    record: RecordOut | UnsetType = UNSET
    matches: list[Sitting] | UnsetType = UNSET


class CertificateAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a certificate is valid; a revoked one is an answer with its reason, not an error."""

    verified: bool
    outcome: CertificateOutcome
    student: MaskedStudent
    record: RecordOut
    field_results: FieldResults
    verification: Verification
    revoked_on: date | None = None
    revoked_reason: str | None = None


class EligibilityAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a student may apply, with each check and what the category changed."""

    eligible: bool
    student_id: str
    program: str
    category: str
    rule_version: int
    checks: list[Check]
    failed: list[str]
    relaxations_applied: list[Relaxation]
    notes: list[str]
    verification: Verification


class MeritAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A student's merit on a scale of 100. Without `explain`, the parts are left out."""

    student_id: str
    program: str
    category: str
    merit: Decimal
    rule_version: int
    precision: int
    verification: Verification
    scale: Literal[100] = 100
    rounding: Literal["truncate"] = "truncate"
    components: list[Component] | UnsetType = UNSET
    bonuses: list[MeritAdjustment] | UnsetType = UNSET
    deductions: list[MeritAdjustment] | UnsetType = UNSET
    tie_break_key: list[str | None] | UnsetType = UNSET


class StandingOut(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a merit list. The rank is dense; whoever is equal in the whole tie-break chain shares it."""

    rank: int
    student_id: str
    merit: Decimal
    tie_break_key: list[str | None]
