"""Academic records: which of them count on a date, and what they are worth.

Every figure is a `Decimal` and every quotient is truncated, never rounded: that is how boards and universities publish
percentages and merit lists (UVAS: "four decimals, no rounding").
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import ROUND_DOWN, Context, Decimal
from typing import Final, Literal, get_args
from uuid import UUID

import msgspec

Level = Literal["matric", "intermediate", "bachelor", "entry_test", "interview", "other"]
Result = Literal["pass", "fail", "awaited", "compartment"]

LEVELS: Final[tuple[Level, ...]] = get_args(Level)
RESULTS: Final[tuple[Result, ...]] = get_args(Result)
SCHOOLING: Final[tuple[Level, ...]] = ("matric", "intermediate", "bachelor")
"""The levels of an education in their order; the others are sat beside it and open no gap in it."""

PERCENTAGE_DECIMALS: Final = 4
MARKS_LIMIT: Final = Decimal(10**6)
MARKS_DECIMALS: Final = 2

WIDE: Final = Context(prec=60, rounding=ROUND_DOWN)
"""Wide enough that a product of marks and weights is exact and a quotient's error stays far below any kept digit."""


class SubjectMarks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The marks of one subject of a record."""

    obtained: Decimal
    total: Decimal


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One examination that a student sat."""

    id: UUID
    level: Level
    board: str
    exam_year: int
    roll_number: str
    marks_obtained: Decimal
    total_marks: Decimal
    result: Result
    certificate_number: str | None = None
    subjects: Mapping[str, SubjectMarks] = {}
    issued_on: date | None = None
    expires_on: date | None = None
    revoked_on: date | None = None
    revoked_reason: str | None = None

    @property
    def percentage(self) -> Decimal:
        """The share of the total that was obtained, truncated to four decimals."""
        return percentage(self.marks_obtained, self.total_marks)

    def is_revoked(self, as_of: date) -> bool:
        """Tell whether the issuer had taken the record back by the end of `as_of`."""
        return self.revoked_on is not None and self.revoked_on <= as_of

    def is_expired(self, as_of: date) -> bool:
        """Tell whether the record had ceased to be valid before `as_of`; its last day still counts."""
        return self.expires_on is not None and self.expires_on < as_of

    def counts(self, as_of: date) -> bool:
        """Tell whether a decision on `as_of` may rest on this record."""
        return (
            self.result == "pass"
            and self.exam_year <= as_of.year
            and not self.is_revoked(as_of)
            and not self.is_expired(as_of)
        )


def truncate(value: Decimal, decimals: int) -> Decimal:
    """Return `value` cut after `decimals` digits, towards zero."""
    return value.quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN, WIDE)


def percentage(obtained: Decimal, total: Decimal) -> Decimal:
    """Return `obtained / total` in per cent, truncated to four decimals; `total` is above zero."""
    return truncate(WIDE.divide(WIDE.multiply(obtained, Decimal(100)), total), PERCENTAGE_DECIMALS)


def has_decimals_within(value: Decimal, decimals: int) -> bool:
    """Tell whether `value` is a finite number of ordinary size, written with at most `decimals` decimals."""
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -decimals and value.adjusted() < WIDE.prec // 2


def is_marks(value: Decimal) -> bool:
    """Tell whether `value` can be marks: from 0, below a million, with at most two decimals."""
    return has_decimals_within(value, MARKS_DECIMALS) and 0 <= value < MARKS_LIMIT


def best_records(records: Iterable[Record], as_of: date) -> dict[Level, Record]:
    """Return the record that counts with the highest percentage for each level.

    Of equal percentages the later examination wins, then the greater id, so that the choice never depends on the
    order of the rows.
    """
    best: dict[Level, Record] = {}
    for record in sorted(records, key=lambda item: (item.percentage, item.exam_year, item.id)):
        if record.counts(as_of):
            best[record.level] = record
    return best


def awaited_levels(records: Iterable[Record]) -> frozenset[Level]:
    """Return the levels whose result some board still owes the student."""
    return frozenset(record.level for record in records if record.result == "awaited")


def last_passed_year(best: Mapping[Level, Record]) -> int | None:
    """Return the year of the latest examination passed at school or university, or None where there is none."""
    return max((best[level].exam_year for level in SCHOOLING if level in best), default=None)


def gap_years(best: Mapping[Level, Record], as_of: date) -> int | None:
    """Return the calendar years between the last examination passed and `as_of`, or None where none was passed."""
    last = last_passed_year(best)
    return None if last is None else as_of.year - last


def find_subject(record: Record, name: str) -> SubjectMarks | None:
    """Return the marks of the subject called `name`, whatever the case and spacing of either."""
    wanted = _subject_key(name)
    return next((marks for subject, marks in record.subjects.items() if _subject_key(subject) == wanted), None)


def _subject_key(name: str) -> str:
    return " ".join(name.split()).casefold()
