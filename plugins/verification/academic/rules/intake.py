"""Whether what is said about a student can be true."""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal

from plugins.verification.academic.rules.faults import RuleFault, escape
from plugins.verification.academic.rules.records import Record, is_marks


def faults(date_of_birth: date | None, records: Sequence[Record], today: date) -> list[RuleFault]:
    """Return everything that cannot be true of a student with these records; an empty list where all can."""
    found: list[RuleFault] = []
    if date_of_birth is not None and date_of_birth > today:
        found.append(RuleFault("/date_of_birth", "date_order", "Nobody is born in the future."))
    for index, record in enumerate(records):
        for below, code, message in (*_dates(record, today), *_marks(record), *_subjects(record)):
            found.append(RuleFault(f"/records/{index}{below}", code, message))
    return found


def _dates(record: Record, today: date) -> Iterator[tuple[str, str, str]]:
    if record.exam_year > today.year:
        yield "/exam_year", "validation_error", f"An examination was sat in {today.year} or before."
    if record.issued_on and record.expires_on and record.expires_on < record.issued_on:
        yield "/expires_on", "date_order", "A certificate does not expire before it is issued."
    if record.issued_on and record.revoked_on and record.revoked_on < record.issued_on:
        yield "/revoked_on", "date_order", "A certificate is not revoked before it is issued."


def _marks(record: Record) -> Iterator[tuple[str, str, str]]:
    yield from _pair(record.marks_obtained, record.total_marks, "/marks_obtained", "/total_marks")


def _subjects(record: Record) -> Iterator[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = []
    for name, marks in record.subjects.items():
        at = f"/subjects/{escape(name)}"
        found += _pair(marks.obtained, marks.total, f"{at}/obtained", f"{at}/total")
    yield from found
    if record.subjects and not found and is_marks(record.marks_obtained):
        total = sum((marks.obtained for marks in record.subjects.values()), Decimal(0))
        if total != record.marks_obtained:
            message = f"The subjects sum to {total}, the record says {record.marks_obtained}."
            yield "/subjects", "subject_sum_mismatch", message


def _pair(obtained: Decimal, total: Decimal, at_obtained: str, at_total: str) -> Iterator[tuple[str, str, str]]:
    plain = is_marks(obtained)
    if not plain:
        yield at_obtained, "invalid_marks", "Marks are from 0, below a million, with at most two decimals."
    if not is_marks(total) or total == 0:
        yield at_total, "invalid_marks", "A total is above 0, below a million, with at most two decimals."
    elif plain and obtained > total:
        yield at_obtained, "marks_exceed_total", f"{obtained} is more than the total of {total}."
