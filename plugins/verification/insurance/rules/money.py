"""How many decimals an amount may have: as many as its currency has coins for (ISO 4217), and never more than two."""

from decimal import Decimal
from typing import Final

from plugins.verification.insurance.rules.refusals import Refused

CENTS: Final = 2
"""The decimals that amounts are stored with; currencies with three (`KWD`) are kept to two."""

_WITHOUT_DECIMALS: Final = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"}
    | {"RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"}
)


def decimals(currency: str) -> int:
    """Return how many decimals an amount in `currency` may have."""
    return 0 if currency in _WITHOUT_DECIMALS else CENTS


def check(amount: Decimal | None, currency: str, pointer: str) -> None:
    """Refuse an amount with more decimals than its currency has.

    Raises:
        Refused: `currency_exponent`.
    """
    if amount is not None and amount != amount.quantize(smallest(currency)):
        detail = f"An amount in {currency} has at most {decimals(currency)} decimals."
        raise Refused("currency_exponent", detail, pointer=pointer)


def smallest(currency: str) -> Decimal:
    """Return the smallest amount of `currency`: `Decimal("0.01")`, or 1."""
    return Decimal(1).scaleb(-decimals(currency))


def shown(amount: Decimal, currency: str) -> Decimal:
    """Return `amount` with exactly as many decimals as its currency has, as answers show it."""
    return amount.quantize(smallest(currency))
