"""Attesting an answer, and keeping a record of a decision."""

import hashlib
from datetime import date, datetime, timedelta
from typing import Any, Final, Literal

import msgspec

from core.auth import Principal
from core.clock import Clock, new_id
from core.http.problems import Fault, Problem
from core.unit_of_work import UnitOfWork
from plugins.verification.evidence.queries import RECORD
from plugins.verification.evidence.schemas import Outcome, Verification
from plugins.verification.problems import AS_OF_IN_FUTURE

VALIDITY: Final = timedelta(days=120)
"""How long a verification may be relied on (NCQA 2025 for accredited organisations)."""

ONE_DAY: Final = timedelta(days=1)
MILLISECOND: Final = timedelta(milliseconds=1)


def resolve_as_of(clock: Clock, as_of: date | None, *, allow_future: bool = False) -> date:
    """Return the day asked about, today (UTC) where none is given.

    Raises:
        Problem: `as_of_in_future` when the day is later than tomorrow and the future is not allowed.
    """
    today = clock.today()
    if as_of is None:
        return today
    if as_of - today > ONE_DAY and not allow_future:
        fault = Fault("?as_of", AS_OF_IN_FUTURE.code, f"It is {today} today; the day asked about is {as_of}.")
        raise Problem(AS_OF_IN_FUTURE, faults=[fault])
    return as_of


def attest(
    clock: Clock,
    began_at: datetime,
    *,
    as_of: date,
    outcome: Outcome,
    source: str,
    source_type: Literal["primary", "aggregate"] = "primary",
) -> Verification:
    """Return the `verification` block of an answer that has been worked on since `began_at`."""
    now = clock.now()
    return Verification(
        request_id=new_id(),
        outcome=outcome,
        source=source,
        source_type=source_type,
        method="stub",
        verified_at=now,
        valid_until=now + VALIDITY,
        stale=False,
        as_of=as_of,
        processing_ms=(now - began_at) // MILLISECOND,
    )


async def record(
    uow: UnitOfWork,
    verification: Verification,
    *,
    kind: str,
    subject_type: str,
    subject_key: str,
    principal: Principal,
    parameters: dict[str, Any],
    answer: msgspec.Struct,
    verdict: str | None = None,
) -> None:
    """Keep what was asked and answered as one append-only row of `verification_requests`.

    `parameters` are what the answer depends on, in builtin types. Of the `answer` only a SHA-256 is kept: enough to
    prove what was said, without a second copy of personal data.
    """
    await uow.execute(
        RECORD,
        id=verification.request_id,
        kind=kind,
        subject_type=subject_type,
        subject_key=subject_key,
        params=parameters,
        outcome=verification.outcome,
        verdict=verdict,
        response_hash=hashlib.sha256(msgspec.json.encode(answer)).hexdigest(),
        as_of=verification.as_of,
        verified_at=verification.verified_at,
        valid_until=verification.valid_until,
        client=principal.id,
        duration_ms=verification.processing_ms,
        receipt=verification.receipt,
    )
