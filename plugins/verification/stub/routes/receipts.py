"""Receipts: `/api/v1/_stub/receipts`."""

from typing import Any

from litestar import Router, get, post
from litestar.params import JSONBody
from litestar.status_codes import HTTP_200_OK

from core.auth import PUBLIC, scope
from core.clock import Clock
from core.http.injected import Injected
from plugins.verification.evidence.receipts import Signer
from plugins.verification.evidence.signing import SIGNER
from plugins.verification.stub.schemas.receipts import KeySet, ReceiptCheck, ReceiptIn
from plugins.verification.stub.service.receipts import judge
from ports.storage import Storage


@post(
    "/receipts/verify",
    summary="Check a receipt",
    description="Judges the signature and whether the answer may still be relied on; with `answer`, also whether the "
    "receipt belongs to it.",
    idempotency="none",
    status_code=HTTP_200_OK,
)
async def verify_receipt(
    data: JSONBody[ReceiptIn], storage: Injected[Storage], clock: Injected[Clock], signer: Injected[Signer]
) -> ReceiptCheck:
    """Check a receipt."""
    return await judge(storage, clock, signer, data)


@get(
    "/receipts/jwks",
    summary="Show the public keys of receipts",
    description="Anybody may read them, since whoever holds a receipt is to be able to check it.",
    opt={"access": PUBLIC},
    sync_to_thread=False,
)
def receipt_keys(signer: Injected[Signer]) -> KeySet:
    """Return the keys that receipts can be checked with offline, the current one first."""
    return KeySet(signer.public_keys)


def receipt_routes() -> Router:
    """Return the routes of receipts: the keys for everybody, the rest for whoever controls the stubs."""
    handlers: list[Any] = [verify_receipt, receipt_keys]
    return Router(
        path="/api/v1/_stub",
        route_handlers=handlers,
        dependencies={"signer": SIGNER},
        opt={"access": scope("stub:admin")},
        tags=["stub receipts"],
    )
