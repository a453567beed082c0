"""Attesting an answer, and keeping a record of a decision."""

from datetime import date, datetime, timedelta
from typing import Any, Final, Literal, Protocol, TypeVar

import msgspec

from core.auth import Principal
from core.clock import Clock, new_id
from core.http.problems import Fault, Problem
from core.unit_of_work import UnitOfWork
from plugins.verification.evidence.queries import RECORD
from plugins.verification.evidence.receipts import ISSUER, Receipt, Signer, Subject, canonical_hash
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


class Attested(Protocol):
    """An answer with its `verification` block."""

    @property
    def verification(self) -> Verification | None:
        """Return the block."""


AttestedT = TypeVar("AttestedT", bound=Attested)


async def record(
    uow: UnitOfWork,
    signer: Signer | None,
    answer: AttestedT,
    *,
    kind: str,
    subject: Subject,
    principal: Principal,
    parameters: dict[str, Any],
    verdict: str | None = None,
) -> AttestedT:
    """Keep what was asked and answered as one append-only row of `verification_requests`; return it with its receipt.

    `parameters` are what the answer depends on, in builtin types. Of the `answer` only a hash is kept: enough to
    prove what was said, without a second copy of personal data. Without a signer there is no receipt.
    """
    verification = answer.verification
    if verification is None:
        raise TypeError("an answer is recorded with its verification block")
    response_hash = canonical_hash(answer)
    if signer is not None:
        receipt = _receipt(verification, kind, subject, verdict, response_hash)
        verification = msgspec.structs.replace(verification, receipt=signer.sign(receipt))
    await uow.execute(
        RECORD,
        id=verification.request_id,
        kind=kind,
        subject_type=subject.type,
        subject_key=subject.key,
        params=parameters,
        outcome=verification.outcome,
        verdict=verdict,
        response_hash=response_hash,
        as_of=verification.as_of,
        verified_at=verification.verified_at,
        valid_until=verification.valid_until,
        client=principal.id,
        duration_ms=verification.processing_ms,
        receipt=verification.receipt,
    )
    sealed: Any = answer
    return msgspec.structs.replace(sealed, verification=verification)  # type: ignore[no-any-return]


def _receipt(
    verification: Verification, kind: str, subject: Subject, verdict: str | None, response_hash: str
) -> Receipt:
    return Receipt(
        iss=ISSUER,
        request_id=verification.request_id,
        kind=kind,
        subject=subject,
        outcome=verification.outcome,
        verdict=verdict,
        response_hash=response_hash,
        as_of=verification.as_of,
        verified_at=verification.verified_at,
        valid_until=verification.valid_until,
    )
