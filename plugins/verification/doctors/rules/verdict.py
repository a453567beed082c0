"""The verdict: what the findings about the components amount to."""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from typing import Final, Literal

import msgspec

from plugins.verification.doctors.rules.credentials import (
    judge_board_cert,
    judge_degree,
    judge_license,
    judge_npi,
    judge_training,
)
from plugins.verification.doctors.rules.dossier import Dossier
from plugins.verification.doctors.rules.finding import Finding
from plugins.verification.doctors.rules.history import judge_disciplines, judge_employment, judge_malpractice
from plugins.verification.doctors.rules.policy import Component, Policy

Verdict = Literal["VERIFIED", "NEEDS_REVIEW", "NOT_VERIFIED"]

JUDGES: Final[Mapping[Component, Callable[[Dossier, date, Policy], Finding]]] = {
    "license": judge_license,
    "degree": judge_degree,
    "board_cert": judge_board_cert,
    "training": judge_training,
    "employment": judge_employment,
    "disciplines": judge_disciplines,
    "malpractice": judge_malpractice,
    "npi": judge_npi,
}
"""Every component and the rule that judges it. No judge sees another's finding."""


class Assessment(msgspec.Struct, frozen=True):
    """The verdict about a doctor and the findings that it follows from.

    Attributes:
        verdict: `NOT_VERIFIED` when a component fails; `NEEDS_REVIEW` when one needs a person or is missing, or when
            none of those asked for applies; else `VERIFIED`.
        score: the passed components' share of the weight of the applicable ones, in percent, truncated;
            informational.
        blocking: the components that stand between the doctor and `VERIFIED`.
        findings: one for each component that was asked for.
    """

    verdict: Verdict
    score: int
    blocking: tuple[Component, ...]
    findings: dict[Component, Finding]


def assess(dossier: Dossier, as_of: date, policy: Policy, components: Collection[Component]) -> Assessment:
    """Judge the `components` of a doctor's credentials as they stood on the day `as_of`."""
    findings = {
        component: judge(dossier, as_of, policy) for component, judge in JUDGES.items() if component in components
    }
    return Assessment(
        verdict=verdict_of(findings.values()),
        score=score_of(findings, policy),
        blocking=tuple(name for name, finding in findings.items() if finding.result not in {"pass", "not_applicable"}),
        findings=findings,
    )


def verdict_of(findings: Collection[Finding]) -> Verdict:
    """Return what the findings amount to. Where none applies, nothing has been verified and a person must look."""
    results = {finding.result for finding in findings} - {"not_applicable"}
    if "fail" in results:
        return "NOT_VERIFIED"
    return "VERIFIED" if results == {"pass"} else "NEEDS_REVIEW"


def score_of(findings: Mapping[Component, Finding], policy: Policy) -> int:
    """Return the share of the applicable weight that passed, 0 to 100, truncated."""
    weights = {name: policy.weights.get(name, 0) for name in findings if findings[name].result != "not_applicable"}
    passed = sum(weight for name, weight in weights.items() if findings[name].result == "pass")
    return 100 * passed // (sum(weights.values()) or 1)
