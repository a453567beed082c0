"""Checking receipts."""

from typing import Annotated, Any, Literal

import msgspec

from plugins.verification.evidence.receipts import LONGEST, PublicKey, Reason, Receipt


class ReceiptIn(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A receipt, and the answer that it is said to belong to where that is to be checked, too."""

    jws: Annotated[str, msgspec.Meta(max_length=LONGEST)]
    answer: Annotated[dict[str, Any] | None, msgspec.Meta(description="The whole answer, as it was received.")] = None


class ReceiptCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a receipt can be relied on."""

    valid: bool
    reason: Annotated[
        Reason | Literal["altered", "stale"] | None,
        msgspec.Meta(
            description="Why not. `altered`: the answer is not the one that was signed. `stale`: it was true once, but "
            "`valid_until` has passed, or the source's records have changed since."
        ),
    ]
    recorded: Annotated[bool, msgspec.Meta(description="Whether this server's record of decisions holds it, too.")]
    receipt: Annotated[Receipt | None, msgspec.Meta(description="What it states, once its signature is certain.")]


class KeySet(msgspec.Struct, frozen=True):
    """The public keys that receipts are checked with (RFC 7517), the current one first."""

    keys: tuple[PublicKey, ...]
