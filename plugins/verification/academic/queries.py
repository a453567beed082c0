"""The compiled queries and commands of academic admission."""

from datetime import date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import Select, Text, and_, bindparam, func, insert, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import Integer

from plugins.verification.academic.rules import eligibility_rule, merit_rule
from plugins.verification.academic.rules.eligibility_rule import CategoryRule, Requirements
from plugins.verification.academic.rules.merit_rule import MeritOptions
from plugins.verification.academic.rules.records import LEVELS, Record
from plugins.verification.academic.schemas import EligibilityRuleOut, MeritRuleOut
from plugins.verification.academic.tables import AcademicRecord, EligibilityRule, MeritRule, StudentSeed
from ports.storage import Command, Query

MOST_MATCHES: Final = 100
"""How many records of one roll number an answer lists."""


class StudentRow(msgspec.Struct, frozen=True, kw_only=True):
    """A student without the records."""

    id: UUID
    student_id: str
    name: str
    date_of_birth: date | None
    category: str


class FoundRecord(Record, frozen=True, kw_only=True):
    """A record together with the student whom it belongs to."""

    student_id: str
    name: str
    date_of_birth: date | None


class ApplicantRecord(Record, frozen=True, kw_only=True):
    """A record together with what ranks the student whom it belongs to."""

    student_id: str
    date_of_birth: date | None
    category: str


class EligibilityRuleRow(msgspec.Struct, frozen=True, kw_only=True):
    """An eligibility rule as decisions need it."""

    program: str
    requirements: Requirements
    category_specific: dict[str, CategoryRule]
    version: int
    effective_from: date | None
    effective_to: date | None

    @property
    def rule(self) -> eligibility_rule.EligibilityRule:
        """The rule's document."""
        return eligibility_rule.EligibilityRule(
            self.program, self.requirements, self.category_specific, self.effective_from, self.effective_to
        )


class MeritRuleRow(msgspec.Struct, frozen=True, kw_only=True):
    """A merit rule as decisions need it."""

    program: str
    weightage: dict[str, Decimal]
    options: MeritOptions
    version: int

    @property
    def rule(self) -> merit_rule.MeritRule:
        """The rule's document. JSONB keeps no order of keys, so the components stand in that of an education."""
        ordered: dict[str, Decimal] = {level: self.weightage[level] for level in LEVELS if level in self.weightage}
        return merit_rule.MeritRule(self.program, ordered, self.options)


RECORD_COLUMNS: Final = tuple(getattr(AcademicRecord, name) for name in Record.__struct_fields__)
STUDENT_COLUMNS: Final = tuple(getattr(StudentSeed, name) for name in StudentRow.__struct_fields__)

ADD_STUDENT: Final = Command(
    insert(StudentSeed).values({name: bindparam(name) for name in StudentRow.__struct_fields__})
)
ADD_RECORD: Final = Command(
    insert(AcademicRecord).values(
        {name: bindparam(name) for name in ("student_seed_id", *Record.__struct_fields__)},
    )
)
STUDENT: Final = Query(
    select(*STUDENT_COLUMNS).where(StudentSeed.student_id == bindparam("student_id")), into=StudentRow
)
RECORDS: Final = Query(
    select(*RECORD_COLUMNS)
    .where(AcademicRecord.student_seed_id == bindparam("student_seed_id"))
    .order_by(AcademicRecord.id),
    into=Record,
)


def _found() -> Select[Any]:
    owner = (StudentSeed.student_id, StudentSeed.name, StudentSeed.date_of_birth)
    return select(*RECORD_COLUMNS, *owner).join(StudentSeed, StudentSeed.id == AcademicRecord.student_seed_id)


_BOARD: Final = bindparam("board", type_=Text)
_YEAR: Final = bindparam("exam_year", type_=Integer)
_LEVEL: Final = bindparam("level", type_=Text)

BY_ROLL_NUMBER: Final = Query(
    _found()
    .where(
        and_(
            AcademicRecord.roll_number == bindparam("roll_number"),
            or_(_BOARD.is_(None), func.lower(AcademicRecord.board) == func.lower(_BOARD)),
            or_(_YEAR.is_(None), AcademicRecord.exam_year == _YEAR),
            or_(_LEVEL.is_(None), AcademicRecord.level == _LEVEL),
        )
    )
    .order_by(AcademicRecord.board, AcademicRecord.exam_year, AcademicRecord.level)
    .limit(MOST_MATCHES),
    into=FoundRecord,
)
BY_CERTIFICATE: Final = Query(
    _found().where(AcademicRecord.certificate_number == bindparam("certificate_number")), into=FoundRecord
)

_CATEGORY: Final = bindparam("category", type_=Text)

APPLICANTS: Final = Query(
    select(*RECORD_COLUMNS, StudentSeed.student_id, StudentSeed.date_of_birth, StudentSeed.category)
    .join(StudentSeed, StudentSeed.id == AcademicRecord.student_seed_id)
    .where(or_(_CATEGORY.is_(None), StudentSeed.category == _CATEGORY))
    .order_by(StudentSeed.student_id),
    into=ApplicantRecord,
)

ELIGIBILITY_RULE: Final = Query(
    select(
        EligibilityRule.program,
        EligibilityRule.rule.label("requirements"),
        EligibilityRule.category_specific,
        EligibilityRule.version,
        EligibilityRule.effective_from,
        EligibilityRule.effective_to,
    ).where(EligibilityRule.program == bindparam("program"), EligibilityRule.active),
    into=EligibilityRuleRow,
)
MERIT_RULE: Final = Query(
    select(MeritRule.program, MeritRule.weightage, MeritRule.options, MeritRule.version).where(
        MeritRule.program == bindparam("program"), MeritRule.active
    ),
    into=MeritRuleRow,
)

_ELIGIBILITY_DOCUMENT: Final = ("rule", "category_specific", "effective_from", "effective_to")
_ELIGIBILITY_ANSWER: Final = tuple(
    EligibilityRule.rule.label("requirements") if name == "requirements" else getattr(EligibilityRule, name)
    for name in EligibilityRuleOut.__struct_fields__
)
_INSERT_ELIGIBILITY: Final = upsert(EligibilityRule).values(
    {name: bindparam(name) for name in ("id", "program", *_ELIGIBILITY_DOCUMENT)}
)
ADD_ELIGIBILITY_RULE: Final = Command(_INSERT_ELIGIBILITY.returning(*_ELIGIBILITY_ANSWER), into=EligibilityRuleOut)
REPLACE_ELIGIBILITY_RULE: Final = Command(
    _INSERT_ELIGIBILITY.on_conflict_do_update(
        constraint="uq_eligibility_rules_program",
        set_={
            **{name: _INSERT_ELIGIBILITY.excluded[name] for name in _ELIGIBILITY_DOCUMENT},
            "version": EligibilityRule.version + 1,
            "superseded": EligibilityRule.superseded.op("||", return_type=JSONB)(
                func.jsonb_build_array(
                    func.jsonb_build_object(
                        "version", EligibilityRule.version, "rule", EligibilityRule.rule,
                        "category_specific", EligibilityRule.category_specific,
                        "effective_from", EligibilityRule.effective_from,
                        "effective_to", EligibilityRule.effective_to, "superseded_at", func.now(),
                    )
                )
            ),
            "active": True,
        },
    ).returning(*_ELIGIBILITY_ANSWER),
    into=EligibilityRuleOut,
)  # fmt: skip

_MERIT_ANSWER: Final = tuple(getattr(MeritRule, name) for name in MeritRuleOut.__struct_fields__)
_INSERT_MERIT: Final = upsert(MeritRule).values(
    {name: bindparam(name) for name in ("id", "program", "weightage", "options")}
)
ADD_MERIT_RULE: Final = Command(_INSERT_MERIT.returning(*_MERIT_ANSWER), into=MeritRuleOut)
REPLACE_MERIT_RULE: Final = Command(
    _INSERT_MERIT.on_conflict_do_update(
        constraint="uq_merit_rules_program",
        set_={
            "weightage": _INSERT_MERIT.excluded.weightage,
            "options": _INSERT_MERIT.excluded.options,
            "version": MeritRule.version + 1,
            "superseded": MeritRule.superseded.op("||", return_type=JSONB)(
                func.jsonb_build_array(
                    func.jsonb_build_object(
                        "version", MeritRule.version, "weightage", MeritRule.weightage,
                        "options", MeritRule.options, "superseded_at", func.now(),
                    )
                )
            ),
            "active": True,
        },
    ).returning(*_MERIT_ANSWER),
    into=MeritRuleOut,
)  # fmt: skip
