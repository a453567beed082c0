"""Payout arithmetic: the golden figures, the balance, and the figures of real claims."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.verification.insurance.rules import money, payout
from plugins.verification.insurance.rules.payout import Adjustment, Terms
from plugins.verification.insurance.rules.refusals import Refused

AMOUNTS = st.decimals(0, 10**9, places=2)
RATES = st.decimals(0, 1, places=4)
TERMS = st.builds(
    Terms,
    approved_amount=AMOUNTS, deductible=AMOUNTS, policy_limit=AMOUNTS, currency=st.just("USD"),
    coinsurance_rate=RATES, prior_deductible_met=AMOUNTS, prior_paid=AMOUNTS,
)  # fmt: skip


def terms(approved: str, deductible: str, limit: str, **more: str) -> Terms:
    currency = more.pop("currency", "USD")
    amounts = {name: Decimal(value) for name, value in more.items()}
    return Terms(
        approved_amount=Decimal(approved), deductible=Decimal(deductible), policy_limit=Decimal(limit),
        currency=currency, **amounts,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("approved", "deductible", "limit", "paid"),
    [("1000", "200", "500", "500.00"), ("1000", "200", "2000", "800.00"), ("100", "200", "500", "0.00"),
     ("500", "0", "500", "500.00")],
)  # fmt: skip
def test_the_golden_figures(approved: str, deductible: str, limit: str, paid: str) -> None:
    result = payout.compute(terms(approved, deductible, limit))
    assert str(result.payout_amount.quantize(Decimal("0.01"))) == paid
    assert result.status == ("paid" if result.payout_amount else "zero_paid")


def test_every_part_that_is_not_paid_is_an_adjustment_with_its_group_and_code() -> None:
    result = payout.compute(terms("1000", "200", "500", coinsurance_rate="0.8"))
    assert result.adjustments == (
        Adjustment("PR", "1", Decimal(200), "deductible"),
        Adjustment("PR", "2", Decimal("160.00"), "coinsurance"),
        Adjustment("CO", "119", Decimal("140.00"), "benefit maximum reached"),
    )
    assert result.member_responsibility == Decimal(360)
    assert [(stage.name, stage.after) for stage in result.steps] == [
        ("deductible", 800), ("coinsurance", 640), ("policy_limit", 500)
    ]  # fmt: skip
    assert payout.compute(terms("10", "0", "10")).adjustments == ()


def test_what_was_met_and_paid_before_counts() -> None:
    result = payout.compute(terms("1000", "200", "2000", prior_deductible_met="150", prior_paid="1500"))
    assert (result.deductible_applied, result.payout_amount) == (50, 500)
    assert (result.deductible_remaining, result.limit_remaining) == (0, 0)
    overspent = payout.compute(terms("1000", "200", "2000", prior_deductible_met="900", prior_paid="9000"))
    assert (overspent.deductible_applied, overspent.payout_amount) == (0, 0)


def test_the_insurers_share_is_rounded_half_up_to_the_smallest_amount_of_the_currency() -> None:
    assert payout.compute(terms("0.05", "0", "9", coinsurance_rate="0.5")).payout_amount == Decimal("0.03")
    assert payout.compute(terms("5", "0", "9", coinsurance_rate="0.5", currency="JPY")).payout_amount == 3


@pytest.mark.parametrize(
    ("bad", "code", "pointer"),
    [
        (terms("-1", "0", "1"), "negative_amount", "/approved_amount"),
        (terms("1", "0", "1", prior_paid="-0.01"), "negative_amount", "/prior_paid"),
        (terms("1", "0.001", "1"), "currency_exponent", "/deductible"),
        (terms("1.5", "0", "1", currency="JPY"), "currency_exponent", "/approved_amount"),
        (terms("1", "0", "1", coinsurance_rate="1.01"), "coinsurance_out_of_range", "/coinsurance_rate"),
        (terms("1", "0", "1", coinsurance_rate="-0.1"), "coinsurance_out_of_range", "/coinsurance_rate"),
    ],
)
def test_impossible_terms_are_refused(bad: Terms, code: str, pointer: str) -> None:
    with pytest.raises(Refused) as refused:
        payout.compute(bad)
    assert (refused.value.code, refused.value.pointer) == (code, pointer)


def test_trailing_zeros_are_no_decimals_and_no_amount_is_no_fault() -> None:
    money.check(Decimal("1.500"), "USD", "")
    money.check(Decimal("100.00"), "JPY", "")
    money.check(None, "USD", "")


def test_amounts_are_shown_with_as_many_decimals_as_their_currency_has() -> None:
    assert str(money.shown(Decimal(5), "USD")) == "5.00"
    assert str(money.shown(Decimal("5.00"), "JPY")) == "5"


@given(TERMS)
def test_payout_and_adjustments_always_come_to_the_approved_amount(given_terms: Terms) -> None:
    result = payout.compute(given_terms)
    assert result.balances(given_terms.approved_amount)
    assert 0 <= result.payout_amount <= min(given_terms.approved_amount, given_terms.policy_limit)
    assert result.limit_remaining >= 0
    assert result.deductible_remaining >= 0
    for stage, following in zip(result.steps, result.steps[1:], strict=False):
        assert stage.before + stage.delta == stage.after == following.before


@given(AMOUNTS, AMOUNTS, AMOUNTS)
def test_without_coinsurance_and_priors_it_is_the_formula_of_the_brief(a: Decimal, d: Decimal, limit: Decimal) -> None:
    bare = Terms(approved_amount=a, deductible=d, policy_limit=limit, currency="USD")
    assert payout.compute(bare).payout_amount == max(Decimal(0), min(a - d, limit))


@given(st.lists(AMOUNTS, max_size=12), AMOUNTS, AMOUNTS, RATES)
def test_claims_one_after_another_never_exceed_limit_or_deductible(
    claims: list[Decimal], deductible: Decimal, limit: Decimal, rate: Decimal
) -> None:
    met = paid = Decimal(0)
    for claim in claims:
        result = payout.compute(
            Terms(
                approved_amount=claim,
                deductible=deductible,
                policy_limit=limit,
                currency="USD",
                coinsurance_rate=rate,
                prior_deductible_met=met,
                prior_paid=paid,
            )
        )  # fmt: skip
        met, paid = met + result.deductible_applied, paid + result.payout_amount
    assert met <= deductible
    assert paid <= limit


def test_the_fingerprint_knows_figures_not_their_spelling() -> None:
    assert payout.fingerprint(terms("100", "0", "5")) == payout.fingerprint(terms("100.00", "0.0", "5"))
    assert payout.fingerprint(terms("100", "0", "5")) != payout.fingerprint(terms("101", "0", "5"))
    assert payout.fingerprint(terms("100", "0", "5")) != payout.fingerprint(terms("100", "0", "5"), "P-1")
