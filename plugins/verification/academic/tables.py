"""Students, their academic records, and the rules of programs."""

from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, UniqueConstraint, text, true
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.tables import CreatedAt, Identified, Timestamped
from plugins.verification.academic.rules.records import LEVELS, RESULTS
from plugins.verification.tables import Base

MARKS: Final = Numeric(8, 2)


class StudentSeed(Base, Identified, CreatedAt):
    """A student, as the sources know one."""

    __tablename__ = "student_seeds"
    __table_args__ = (UniqueConstraint("student_id", name="uq_student_seeds_student_id"),)

    student_id: Mapped[str]
    name: Mapped[str]
    date_of_birth: Mapped[date | None]
    category: Mapped[str] = mapped_column(server_default=text("'GENERAL'"))


class AcademicRecord(Base, Identified, CreatedAt):
    """One examination. Its roll number is unique within board, year and level; its certificate everywhere."""

    __tablename__ = "academic_records"
    __table_args__ = (
        UniqueConstraint("certificate_number", name="uq_academic_records_certificate_number"),
        UniqueConstraint("board", "exam_year", "level", "roll_number", name="uq_academic_records_roll_entry"),
        CheckConstraint(f"level IN {LEVELS}", name="level"),
        CheckConstraint(f"result IN {RESULTS}", name="result"),
        CheckConstraint("marks_obtained BETWEEN 0 AND total_marks AND total_marks > 0", name="marks"),
        CheckConstraint("expires_on >= issued_on", name="validity"),
        Index("ix_academic_records_roll_number", "roll_number"),
        Index("ix_academic_records_student_seed_id", "student_seed_id"),
    )

    student_seed_id: Mapped[UUID] = mapped_column(ForeignKey(StudentSeed.id, ondelete="CASCADE"))
    level: Mapped[str]
    board: Mapped[str]
    exam_year: Mapped[int]
    roll_number: Mapped[str]
    certificate_number: Mapped[str | None]
    marks_obtained: Mapped[Decimal] = mapped_column(MARKS)
    total_marks: Mapped[Decimal] = mapped_column(MARKS)
    result: Mapped[str]
    subjects: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    issued_on: Mapped[date | None]
    expires_on: Mapped[date | None]
    revoked_on: Mapped[date | None]
    revoked_reason: Mapped[str | None]


class EligibilityRule(Base, Identified, Timestamped):
    """A program's eligibility rule as it stands; what it replaced is in `superseded`, oldest first."""

    __tablename__ = "eligibility_rules"
    __table_args__ = (
        UniqueConstraint("program", name="uq_eligibility_rules_program"),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("effective_to >= effective_from", name="effective"),
    )

    program: Mapped[str]
    rule: Mapped[dict[str, Any]]
    category_specific: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    active: Mapped[bool] = mapped_column(server_default=true())
    effective_from: Mapped[date | None]
    effective_to: Mapped[date | None]
    superseded: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))


class MeritRule(Base, Identified, Timestamped):
    """A program's merit rule as it stands; what it replaced is in `superseded`, oldest first."""

    __tablename__ = "merit_rules"
    __table_args__ = (
        UniqueConstraint("program", name="uq_merit_rules_program"),
        CheckConstraint("version >= 1", name="version"),
    )

    program: Mapped[str]
    weightage: Mapped[dict[str, Any]]
    options: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'::jsonb"))
    version: Mapped[int] = mapped_column(server_default=text("1"))
    active: Mapped[bool] = mapped_column(server_default=true())
    superseded: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
