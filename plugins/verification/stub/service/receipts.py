"""Judging receipts: the signature, the answer that it belongs to, and whether it is still to be relied on."""

from typing import Final

import msgspec
from sqlalchemy import bindparam, select

from core.clock import Clock
from plugins.verification.evidence.receipts import InvalidReceiptError, Receipt, Signer, canonical_hash
from plugins.verification.evidence.tables import VerificationRequest
from plugins.verification.stub.schemas.receipts import ReceiptCheck, ReceiptIn
from ports.storage import Query, Storage


class Recorded(msgspec.Struct, frozen=True):
    """What the record of decisions knows of a receipt."""

    receipt: str | None
    stale: bool


RECORDED: Final = Query(
    select(VerificationRequest.receipt, VerificationRequest.stale).where(
        VerificationRequest.id == bindparam("request_id")
    ),
    into=Recorded,
)


async def judge(storage: Storage, clock: Clock, signer: Signer, given: ReceiptIn) -> ReceiptCheck:
    """Tell whether a receipt can be relied on, and why not."""
    try:
        receipt = signer.read(given.jws)
    except InvalidReceiptError as invalid:
        return ReceiptCheck(valid=False, reason=invalid.reason, recorded=False, receipt=None)
    row = await storage.fetch_one(RECORDED, request_id=receipt.request_id)
    recorded = row is not None and row.receipt == given.jws
    if given.answer is not None and not _belongs(receipt, given.answer):
        return ReceiptCheck(valid=False, reason="altered", recorded=recorded, receipt=receipt)
    if clock.now() > receipt.valid_until or (row is not None and row.stale):
        return ReceiptCheck(valid=False, reason="stale", recorded=recorded, receipt=receipt)
    return ReceiptCheck(valid=True, reason=None, recorded=recorded, receipt=receipt)


def _belongs(receipt: Receipt, answer: dict[str, object]) -> bool:
    try:
        return canonical_hash(answer) == receipt.response_hash
    except ValueError:
        return False
