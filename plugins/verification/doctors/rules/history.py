"""Work history, disciplinary actions and malpractice: what happened within a window of years?"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final, Literal, get_args

import msgspec

from plugins.verification.doctors.rules.dossier import (
    CaseStatus,
    DisciplinaryAction,
    Dossier,
    Employment,
    MalpracticeCase,
    Severity,
)
from plugins.verification.doctors.rules.finding import Finding, finding
from plugins.verification.doctors.rules.periods import Window, look_back, uncovered
from plugins.verification.doctors.rules.policy import Policy

GRAVITY: Final[dict[Severity, int]] = {severity: rank for rank, severity in enumerate(get_args(Severity))}
BARRING: Final = frozenset({"suspension", "revocation"})
"""Severities that bar practice while the action is open."""
PAID: Final = frozenset({"settled", "judgment_plaintiff"})
"""Outcomes of a case after which money can have changed hands."""


class Gap(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """Days without employment, both included, and what the doctor must do about them."""

    start: date
    end: date
    days: int
    action: Literal["clarify", "written_explanation"]


class WorkHistory(msgspec.Struct, frozen=True):
    """How far the posts of a doctor cover a window. Only gaps longer than asked for are listed."""

    window: Window
    employments: tuple[Employment, ...]
    gaps: tuple[Gap, ...]
    covered_days: int

    @property
    def coverage_ratio(self) -> float:
        """Return the covered share of the window, 0 to 1, with four decimals."""
        return round(self.covered_days / self.window.days, 4)


def work_history(
    employments: Sequence[Employment], as_of: date, *, lookback_years: int, gap_days: int, written_gap_days: int
) -> WorkHistory:
    """Return the posts within the years before `as_of` and the gaps of more than `gap_days` between them."""
    window = look_back(as_of, lookback_years)
    posts = tuple(row for row in employments if _touches(row, window))
    free = uncovered(window, [Window(row.started_on, row.ended_on or as_of) for row in posts])
    return WorkHistory(
        window=window,
        employments=posts,
        gaps=tuple(
            Gap(gap.start, gap.end, gap.days, "written_explanation" if gap.days > written_gap_days else "clarify")
            for gap in free
            if gap.days > gap_days
        ),
        covered_days=window.days - sum(gap.days for gap in free),
    )


def _touches(employment: Employment, window: Window) -> bool:
    ended_before = employment.ended_on is not None and employment.ended_on < window.start
    return employment.started_on <= window.end and not ended_before


def is_employed(employment: Employment, as_of: date) -> bool:
    """Tell whether the doctor held the post on the day `as_of`."""
    begun = employment.started_on <= as_of
    return begun and (employment.ended_on is None or employment.ended_on >= as_of)


def judge_employment(dossier: Dossier, as_of: date, policy: Policy) -> Finding:
    """Pass a window without long gaps. A person decides about gaps, so that this never fails."""
    known = [row for row in dossier.employments if row.started_on <= as_of]
    if not known:
        return finding("not_found", ["employment_not_found"], [])
    history = work_history(
        known,
        as_of,
        lookback_years=policy.employment_lookback_years,
        gap_days=policy.employment_gap_days,
        written_gap_days=policy.employment_written_gap_days,
    )
    reasons = [f"employment_gap_{gap.action}" for gap in history.gaps]
    return finding("review" if reasons else "pass", reasons, history.employments or known)


def is_open(action: DisciplinaryAction, as_of: date) -> bool:
    """Tell whether the action was in force on the day `as_of`."""
    return action.effective_on <= as_of and (action.ended_on is None or action.ended_on > as_of)


def highest_severity(actions: Sequence[DisciplinaryAction]) -> Severity | None:
    """Return the gravest severity among `actions`, or None where there are none."""
    return max((action.severity for action in actions), key=GRAVITY.__getitem__, default=None)


def judge_disciplines(dossier: Dossier, as_of: date, policy: Policy) -> Finding:
    """Pass a clean decade; fail an open suspension or revocation; anything else needs a person."""
    window = look_back(as_of, policy.discipline_lookback_years)
    taken = [row for row in dossier.disciplinary_actions if row.effective_on <= as_of]
    in_force = [row for row in taken if is_open(row, as_of)]
    barring = [row for row in in_force if row.severity in BARRING]
    if barring:
        return finding("fail", [f"open_{row.severity}" for row in barring], barring)
    recent = [row for row in taken if row.ended_on is not None and window.start <= row.ended_on <= as_of]
    if in_force or recent:
        reasons = ["open_action"] * bool(in_force) + ["closed_action"] * bool(recent)
        return finding("review", reasons, [*in_force, *recent])
    return finding("pass", [], [])


class MalpracticeHistory(msgspec.Struct, frozen=True):
    """The cases that were pending on a day or closed within the window before it."""

    window: Window
    cases: tuple[MalpracticeCase, ...]
    pending: tuple[MalpracticeCase, ...]
    paid: tuple[MalpracticeCase, ...]

    @property
    def total_paid(self) -> Decimal:
        """Return the sum of what was paid, in the currency that the cases share."""
        return sum((case.amount_paid for case in self.paid), Decimal("0.00"))


def case_status(case: MalpracticeCase, as_of: date) -> CaseStatus:
    """Return the status of a case on the day `as_of`: until it closed it was pending."""
    return "pending" if case.closed_on is not None and case.closed_on > as_of else case.status


def malpractice_history(cases: Sequence[MalpracticeCase], as_of: date, lookback_years: int) -> MalpracticeHistory:
    """Return the cases that count on the day `as_of`. A closed one counts by its last known date."""
    window = look_back(as_of, lookback_years)
    filed = [row for row in cases if row.filed_on <= as_of]
    pending = tuple(row for row in filed if case_status(row, as_of) == "pending")
    closed = [row for row in filed if row not in pending and (row.closed_on or row.filed_on) >= window.start]
    return MalpracticeHistory(
        window=window,
        cases=(*pending, *closed),
        pending=pending,
        paid=tuple(row for row in closed if row.status in PAID and row.amount_paid > 0),
    )


def judge_malpractice(dossier: Dossier, as_of: date, policy: Policy) -> Finding:
    """Pass few and small payments with nothing pending. A person decides about the rest, so that this never fails."""
    history = malpractice_history(dossier.malpractice_cases, as_of, policy.malpractice_lookback_years)
    reasons = []
    if history.pending:
        reasons.append("malpractice_pending")
    if len(history.paid) > policy.malpractice_paid_cases:
        reasons.append("malpractice_many_paid_cases")
    if history.total_paid > policy.malpractice_paid_total:
        reasons.append("malpractice_large_payments")
    return finding("review" if reasons else "pass", reasons, [*history.pending, *history.paid] if reasons else [])
