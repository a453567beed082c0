"""Registering students."""

from collections.abc import Mapping
from typing import Final

import msgspec

from core.clock import Clock, new_id
from core.constraints import violated_constraint
from core.unit_of_work import UnitOfWork
from plugins.verification.academic.problems import (
    DUPLICATE_CERTIFICATE_NUMBER,
    DUPLICATE_ROLL_ENTRY,
    DUPLICATE_STUDENT_ID,
)
from plugins.verification.academic.queries import ADD_RECORD, ADD_STUDENT, StudentRow
from plugins.verification.academic.rules.intake import faults
from plugins.verification.academic.rules.records import Record
from plugins.verification.academic.schemas import RecordOut, StudentIn, StudentOut
from plugins.verification.academic.service.refusals import refusal, refuse_faults
from ports.storage import Command

_DUPLICATES: Final = {
    "uq_student_seeds_student_id": (DUPLICATE_STUDENT_ID, "student_id", "This student is registered already."),
    "uq_academic_records_certificate_number": (
        DUPLICATE_CERTIFICATE_NUMBER,
        "certificate_number",
        "Another record carries this certificate number.",
    ),
    "uq_academic_records_roll_entry": (
        DUPLICATE_ROLL_ENTRY,
        "roll_number",
        "The board gave this roll number to another record of that year and level.",
    ),
}


async def register(uow: UnitOfWork, clock: Clock, data: StudentIn) -> StudentOut:
    """Register a student with all records, or nothing.

    Raises:
        Problem: what the rules of intake find; `duplicate_student_id`, `duplicate_certificate_number` or
            `duplicate_roll_entry`, decided by the database's unique indexes, so that of parallel requests one wins.
    """
    student = StudentRow(
        id=new_id(),
        student_id=data.student_id,
        name=data.name,
        date_of_birth=data.date_of_birth,
        category=data.category,
    )
    records = [Record(id=new_id(), **msgspec.structs.asdict(record)) for record in data.records]
    refuse_faults(faults(data.date_of_birth, records, clock.today()))
    await _insert(uow, ADD_STUDENT, "", msgspec.structs.asdict(student))
    for index, record in sorted(enumerate(records), key=_unique_keys):
        subjects = msgspec.to_builtins(record.subjects)
        row = {**msgspec.structs.asdict(record), "subjects": subjects, "student_seed_id": student.id}
        await _insert(uow, ADD_RECORD, f"/records/{index}", row)
    return StudentOut(
        **msgspec.structs.asdict(student),
        records=[RecordOut.of(record) for record in records],
    )


def _unique_keys(numbered: tuple[int, Record]) -> tuple[str, str, int, str, str]:
    """Return what a record is written by, so that those who contend for the same keys wait in one order."""
    _, record = numbered
    return record.certificate_number or "", record.board, record.exam_year, record.level, record.roll_number


async def _insert(uow: UnitOfWork, command: Command[None], at: str, row: Mapping[str, object]) -> None:
    try:
        await uow.execute(command, **row)
    except Exception as failure:
        duplicate = _DUPLICATES.get(violated_constraint(failure) or "")
        if duplicate is None:
            raise
        kind, field, message = duplicate
        raise refusal(kind, f"{at}/{field}", message) from failure
