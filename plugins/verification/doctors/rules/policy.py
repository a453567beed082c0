"""The figures of the rules that a deployment may set, and the version that names the whole set."""

import functools
import hashlib
from decimal import Decimal
from typing import Final, Literal

import msgspec

Component = Literal["license", "degree", "board_cert", "training", "employment", "disciplines", "malpractice", "npi"]

RULES_VERSION: Final = "psv-1"
"""Changes whenever a rule in this package changes its meaning."""


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Section `[plugins.verification.doctors]`: the thresholds of primary source verification.

    Attributes:
        medical_degrees: degree types that make a physician or dentist; case and full stops do not matter.
        require_board_cert: whether a doctor without any board certificate needs review, unless a request says.
        license_expiring_days: a licence that expires within so many days needs review.
        training_months: completed postgraduate training that is required.
        employment_lookback_years: how far back the work history must reach (NCQA: five years).
        employment_gap_days: a longer gap in the work history must be clarified (NCQA: six months).
        employment_written_gap_days: a longer gap must be explained in writing (NCQA: one year).
        discipline_lookback_years: closed actions that ended longer ago no longer count.
        malpractice_lookback_years: paid cases that closed longer ago no longer count.
        malpractice_paid_cases: more paid cases than this need review.
        malpractice_paid_total: more money paid than this needs review, in the currency of the cases.
        weights: share of each component in the score, which is informational.
    """

    medical_degrees: frozenset[str] = frozenset(
        {"MD", "DO", "MBBS", "MBCHB", "MBBCH", "BDS", "DDS", "DMD", "BAMS", "BHMS", "MBBCHIR"}
    )
    require_board_cert: bool = True
    license_expiring_days: int = 30
    training_months: int = 12
    employment_lookback_years: int = 5
    employment_gap_days: int = 180
    employment_written_gap_days: int = 365
    discipline_lookback_years: int = 10
    malpractice_lookback_years: int = 5
    malpractice_paid_cases: int = 2
    malpractice_paid_total: Decimal = Decimal(250_000)
    weights: dict[Component, int] = msgspec.field(
        default_factory=lambda: {
            "license": 30,
            "degree": 20,
            "board_cert": 10,
            "training": 10,
            "employment": 10,
            "disciplines": 10,
            "malpractice": 5,
            "npi": 5,
        }
    )

    @property
    def rule_set_version(self) -> str:
        """Name the rules and, where this deployment has set figures of its own, a fingerprint of them."""
        return _version(msgspec.json.encode(self, order="deterministic"))


@functools.cache
def _version(figures: bytes) -> str:
    if figures == msgspec.json.encode(Policy(), order="deterministic"):
        return RULES_VERSION
    return f"{RULES_VERSION}+{hashlib.sha256(figures).hexdigest()[:8]}"
