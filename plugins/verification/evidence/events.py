"""What happens to doctors' records and what it means for verdicts that were given before."""

from datetime import datetime
from typing import Final

import msgspec

from core.jobs.declare import subscriber
from core.unit_of_work import UnitOfWork
from plugins.verification.evidence.queries import RETIRE

DOCTOR_CHANGED: Final = "verification.doctor_changed"


class DoctorChanged(msgspec.Struct, frozen=True):
    """The sources' records of a doctor were replaced."""

    doctor_id: str
    changed_at: datetime


@subscriber(DOCTOR_CHANGED, name="verification.retire_verdicts")
async def retire_verdicts(event: DoctorChanged, uow: UnitOfWork) -> None:
    """Mark stale what was said about the doctor before; it rests on records that are no longer."""
    await uow.execute(RETIRE, doctor_id=event.doctor_id, changed_at=event.changed_at)
