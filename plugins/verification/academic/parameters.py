"""The query parameters of the questions about a student."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final

from litestar.params import QueryParameter

from core.http.values import InvalidValue, Refinement
from plugins.verification.academic.rules.eligibility_rule import CATEGORY_PATTERN, PROGRAM_PATTERN
from plugins.verification.academic.rules.records import Level
from plugins.verification.academic.schemas import FIRST_EXAM_YEAR, LINE, STUDENT_ID

_MARKS: Final = r"^[0-9]{1,6}(\.[0-9]{1,2})?$"


class Marks(Decimal, metaclass=Refinement):
    """Marks in a query: plain digits, below a million, with at most two decimals."""

    @classmethod
    def parse(cls, value: object) -> Decimal:
        """Return the marks, or raise InvalidValue `invalid_marks`."""
        if re.fullmatch(_MARKS, text := str(value)) is None or not text.isascii():
            raise InvalidValue("invalid_marks", "Marks are written like 540.50: below a million, at most two decimals.")
        return Decimal(text)

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """Return the schema: a decimal string."""
        return {"type": "string", "pattern": _MARKS, "examples": ["540.50"]}


StudentId = Annotated[str, QueryParameter(pattern=STUDENT_ID, description="The identifier of the student.")]
Program = Annotated[str, QueryParameter(pattern=PROGRAM_PATTERN, description="The program applied for.")]
Category = Annotated[
    str | None, QueryParameter(pattern=CATEGORY_PATTERN, description="The category; the student's own where absent.")
]
OnlyCategory = Annotated[str | None, QueryParameter(pattern=CATEGORY_PATTERN, description="Only this category.")]

RollNumber = Annotated[str, QueryParameter(pattern=LINE, max_length=64, description="The roll number.")]
CertificateNumber = Annotated[str, QueryParameter(pattern=LINE, max_length=64, description="The certificate.")]
Board = Annotated[str | None, QueryParameter(pattern=LINE, max_length=200, description="Only this board.")]
ExamYear = Annotated[int | None, QueryParameter(ge=FIRST_EXAM_YEAR, le=9999, description="Only this year.")]
AtLevel = Annotated[Level | None, QueryParameter(description="Only this level.")]

ClaimedName = Annotated[
    str | None, QueryParameter(pattern=LINE, max_length=200, description="The name claimed; compared, never searched.")
]
ClaimedDateOfBirth = Annotated[date | None, QueryParameter(description="The date of birth claimed.")]
ClaimedMarks = Annotated[Marks | None, QueryParameter(description="The marks claimed.")]

Explain = Annotated[bool, QueryParameter(description="Whether the parts of the merit are told.")]
RequireEligible = Annotated[bool, QueryParameter(description="Refuse a student who is not eligible.")]
Upsert = Annotated[bool, QueryParameter(description="Replace the program's rule where there is one.")]
