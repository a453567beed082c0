"""Students, their academic records, and the rules of programs."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    Numeric,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from plugins.verification.academic.rules.records import LEVELS, RESULTS
from plugins.verification.tables import Base

MARKS: Final = Numeric(8, 2)
INSTANT: Final = DateTime(timezone=True)


class StudentSeed(Base):
    """A student, as the sources know one."""

    __tablename__ = "student_seeds"
    __table_args__ = (UniqueConstraint("student_id", name="uq_student_seeds_student_id"),)

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    student_id: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    date_of_birth: Mapped[date | None] = mapped_column(Date)
    category: Mapped[str] = mapped_column(Text, server_default=text("'GENERAL'"))
    created_at: Mapped[datetime] = mapped_column(INSTANT, server_default=func.now())


class AcademicRecord(Base):
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

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    student_seed_id: Mapped[UUID] = mapped_column(ForeignKey(StudentSeed.id, ondelete="CASCADE"))
    level: Mapped[str] = mapped_column(Text)
    board: Mapped[str] = mapped_column(Text)
    exam_year: Mapped[int] = mapped_column(Integer)
    roll_number: Mapped[str] = mapped_column(Text)
    certificate_number: Mapped[str | None] = mapped_column(Text)
    marks_obtained: Mapped[Decimal] = mapped_column(MARKS)
    total_marks: Mapped[Decimal] = mapped_column(MARKS)
    result: Mapped[str] = mapped_column(Text)
    subjects: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    issued_on: Mapped[date | None] = mapped_column(Date)
    expires_on: Mapped[date | None] = mapped_column(Date)
    revoked_on: Mapped[date | None] = mapped_column(Date)
    revoked_reason: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(INSTANT, server_default=func.now())


class EligibilityRule(Base):
    """A program's eligibility rule as it stands; what it replaced is in `superseded`, oldest first."""

    __tablename__ = "eligibility_rules"
    __table_args__ = (
        UniqueConstraint("program", name="uq_eligibility_rules_program"),
        CheckConstraint("version >= 1", name="version"),
        CheckConstraint("effective_to >= effective_from", name="effective"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    program: Mapped[str] = mapped_column(Text)
    rule: Mapped[dict[str, Any]] = mapped_column(JSONB)
    category_specific: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    active: Mapped[bool] = mapped_column(Boolean, server_default=true())
    effective_from: Mapped[date | None] = mapped_column(Date)
    effective_to: Mapped[date | None] = mapped_column(Date)
    superseded: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    created_at: Mapped[datetime] = mapped_column(INSTANT, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(INSTANT, server_default=func.now())


class MeritRule(Base):
    """A program's merit rule as it stands; what it replaced is in `superseded`, oldest first."""

    __tablename__ = "merit_rules"
    __table_args__ = (
        UniqueConstraint("program", name="uq_merit_rules_program"),
        CheckConstraint("version >= 1", name="version"),
    )

    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    program: Mapped[str] = mapped_column(Text)
    weightage: Mapped[dict[str, Any]] = mapped_column(JSONB)
    options: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))
    version: Mapped[int] = mapped_column(Integer, server_default=text("1"))
    active: Mapped[bool] = mapped_column(Boolean, server_default=true())
    superseded: Mapped[list[Any]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    created_at: Mapped[datetime] = mapped_column(INSTANT, server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(INSTANT, server_default=func.now())
