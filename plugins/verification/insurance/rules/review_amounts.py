"""What a decision about a claim grants: the whole, a part or nothing, and what its items come to."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Final, Literal

import msgspec

from plugins.verification.insurance.rules.refusals import Refused


class Item(msgspec.Struct, frozen=True):
    """The decision about one item of a claim; `amount` counts where it is approved."""

    code: str
    decision: Literal["approved", "rejected"]
    amount: Decimal


def decided_amount(action: str, claim_amount: Decimal, stated: Decimal | None, items: Sequence[Item]) -> Decimal:
    """Return what a decision (`approve`, `approve_partial`, `reject`) grants of a claim.

    Raises:
        Refused: `duplicate_item`, `item_sum_mismatch`, `amount_required`, `amount_exceeds_claim`,
            `amount_below_claim`, `amount_not_allowed`.
    """
    by_items = _amount_of(items)
    if stated is not None and by_items is not None and stated != by_items:
        detail = f"The approved items come to {by_items}, not to {stated}."
        raise Refused("item_sum_mismatch", detail, pointer="/items")
    return _GRANTS[action](claim_amount, by_items if stated is None else stated)


def _amount_of(items: Sequence[Item]) -> Decimal | None:
    """Return what the approved items come to, None without items; each item counts once."""
    if len({item.code for item in items}) != len(items):
        raise Refused("duplicate_item", "An item has one decision.", pointer="/items")
    if not items:
        return None
    return sum((item.amount for item in items if item.decision == "approved"), Decimal(0))


def _full(claim_amount: Decimal, amount: Decimal | None) -> Decimal:
    if amount is not None and amount > claim_amount:
        raise _exceeds(claim_amount)
    if amount is not None and amount < claim_amount:
        detail = f"To approve less than {claim_amount}, use approve_partial."
        raise Refused("amount_below_claim", detail, pointer="/approved_amount")
    return claim_amount


def _part(claim_amount: Decimal, amount: Decimal | None) -> Decimal:
    if amount is None or amount <= 0:
        detail = "To approve a part, state an amount above zero."
        raise Refused("amount_required", detail, pointer="/approved_amount")
    if amount >= claim_amount:
        raise _exceeds(claim_amount)
    return amount


def _nothing(_: Decimal, amount: Decimal | None) -> Decimal:
    if amount:
        raise Refused("amount_not_allowed", "A rejection grants no amount.", pointer="/approved_amount")
    return Decimal(0)


def _exceeds(claim_amount: Decimal) -> Refused:
    detail = f"The claim is for {claim_amount}; a part of it is less, and nothing is more."
    return Refused("amount_exceeds_claim", detail, pointer="/approved_amount")


_GRANTS: Final[Mapping[str, Callable[[Decimal, Decimal | None], Decimal]]] = {
    "approve": _full,
    "approve_partial": _part,
    "reject": _nothing,
}
