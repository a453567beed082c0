"""What an insurer pays for an approved claim, step by step, and who bears the rest.

Deductible first, then coinsurance, then the limit of the policy. What is not paid is stated as claim adjustments in
the groups and codes of the X12 835: patient responsibility (`PR`) or contractual obligation (`CO`).
"""

import hashlib
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal

import msgspec

from plugins.verification.insurance.rules import money
from plugins.verification.insurance.rules.refusals import Refused

ZERO: Final = Decimal(0)

Status = Literal["paid", "zero_paid"]


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a payout is computed from: amounts in `currency`, the insurer's share as a rate from 0 to 1."""

    approved_amount: Decimal
    deductible: Decimal
    policy_limit: Decimal
    currency: str
    coinsurance_rate: Decimal = Decimal(1)
    prior_deductible_met: Decimal = ZERO
    prior_paid: Decimal = ZERO


class Stage(msgspec.Struct, frozen=True):
    """One step of the arithmetic: the amount before, the change (never above zero) and the amount after."""

    name: str
    before: Decimal
    delta: Decimal
    after: Decimal
    rule: str


class Adjustment(msgspec.Struct, frozen=True):
    """A part of the approved amount that is not paid: the group says who bears it, the code (CARC) why."""

    group: Literal["PR", "CO"]
    code: str
    amount: Decimal
    description: str


class Payout(msgspec.Struct, frozen=True, kw_only=True):
    """The result: approved amount = payout + deductible applied + coinsurance + limit reduction, always."""

    payout_amount: Decimal
    deductible_applied: Decimal
    coinsurance_amount: Decimal
    limit_reduction: Decimal
    limit_remaining: Decimal
    deductible_remaining: Decimal
    steps: tuple[Stage, ...]

    @property
    def status(self) -> Status:
        """`paid`, or `zero_paid` where nothing is left to pay."""
        return "paid" if self.payout_amount else "zero_paid"

    @property
    def member_responsibility(self) -> Decimal:
        """What the insured person bears: deductible and coinsurance."""
        return self.deductible_applied + self.coinsurance_amount

    @property
    def adjustments(self) -> tuple[Adjustment, ...]:
        """The adjustments that are not zero, in the order in which they were made."""
        made = (
            Adjustment("PR", "1", self.deductible_applied, "deductible"),
            Adjustment("PR", "2", self.coinsurance_amount, "coinsurance"),
            Adjustment("CO", "119", self.limit_reduction, "benefit maximum reached"),
        )
        return tuple(adjustment for adjustment in made if adjustment.amount)

    def balances(self, approved_amount: Decimal) -> bool:
        """Tell whether payout and adjustments come to the approved amount."""
        return approved_amount == self.payout_amount + sum((each.amount for each in self.adjustments), ZERO)


def check(terms: Terms) -> None:
    """Refuse terms that no payout can be computed from.

    Raises:
        Refused: `negative_amount`, `currency_exponent`, `coinsurance_out_of_range`.
    """
    names = ("approved_amount", "deductible", "policy_limit", "prior_deductible_met", "prior_paid")
    for name in names:
        amount: Decimal = getattr(terms, name)
        if amount < 0:
            raise Refused("negative_amount", f"{name} is below zero.", pointer=f"/{name}")
        money.check(amount, terms.currency, f"/{name}")
    if not 0 <= terms.coinsurance_rate <= 1:
        detail = "The insurer's share is a rate from 0 to 1."
        raise Refused("coinsurance_out_of_range", detail, pointer="/coinsurance_rate")


def compute(terms: Terms) -> Payout:
    """Return what is paid under `terms`.

    Raises:
        Refused: as `check`.
    """
    check(terms)
    deductible_left = max(terms.deductible - terms.prior_deductible_met, ZERO)
    deductible = min(terms.approved_amount, deductible_left)
    after_deductible = terms.approved_amount - deductible
    share = (after_deductible * terms.coinsurance_rate).quantize(money.smallest(terms.currency), ROUND_HALF_UP)
    limit_left = max(terms.policy_limit - terms.prior_paid, ZERO)
    payout = min(share, limit_left)
    return Payout(
        payout_amount=payout,
        deductible_applied=deductible,
        coinsurance_amount=after_deductible - share,
        limit_reduction=share - payout,
        limit_remaining=limit_left - payout,
        deductible_remaining=deductible_left - deductible,
        steps=(
            Stage("deductible", terms.approved_amount, -deductible, after_deductible, "PR-1"),
            Stage("coinsurance", after_deductible, share - after_deductible, share, "PR-2"),
            Stage("policy_limit", share, payout - share, payout, "CO-119"),
        ),
    )


def fingerprint(terms: Terms, policy: str = "") -> str:
    """Return a digest by which the same figures are recognised, however many zeros they were written with."""
    figures = [f"{name}={_plain(getattr(terms, name))}" for name in terms.__struct_fields__]
    return hashlib.sha256("\n".join((*figures, policy)).encode()).hexdigest()


def _plain(value: Decimal | str) -> str:
    return format(value.normalize(), "f") if isinstance(value, Decimal) else value
