"""Is this applicant eligible for this program on this day?

The checks run in a fixed order, each on the best record of its level. A record that is missing fails its check; it is
never an error. Every check tells what was asked, what was found and, where it failed, why.
"""

from datetime import date

import msgspec

from plugins.verification.academic.rules.eligibility_checks import CHECKS, Applicant, Case, Check, Relaxation
from plugins.verification.academic.rules.eligibility_rule import GENERAL, EligibilityRule


class Eligibility(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict with everything that led to it. `category` is the one applied."""

    eligible: bool
    category: str
    checks: list[Check]
    failed: list[str]
    relaxations_applied: list[Relaxation]
    notes: list[str]


def evaluate(rule: EligibilityRule, applicant: Applicant, category: str, as_of: date) -> Eligibility:
    """Judge `applicant` by `rule` as a member of `category` on `as_of`.

    A category that the rule does not know is treated as GENERAL, with the note `category_unknown`.
    """
    known = category == GENERAL or category in rule.category_specific
    applied = category if known else GENERAL
    case = Case(rule, applied, applicant, as_of)
    checks = [result for check in CHECKS for result in check(case)]
    return Eligibility(
        eligible=all(check.passed for check in checks),
        category=applied,
        checks=checks,
        failed=list(dict.fromkeys(check.rule for check in checks if not check.passed)),
        relaxations_applied=case.relaxations,
        notes=[] if known else ["category_unknown"],
    )
