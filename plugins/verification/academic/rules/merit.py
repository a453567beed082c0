"""An applicant's merit: weighted percentages, bonuses and deductions, and the key that breaks ties.

    score_k = trunc(obtained_k * weight_k / total_k)
    merit   = min(sum of scores + bonuses - deductions, max_total), at least 0

Golden figure (UVAS's published rule, four decimals and no rounding): 900 of 1100 at 30 and 540 of 555 at 70 are
24.5454 + 68.1081 = 92.6535.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Self

import msgspec

from plugins.verification.academic.rules.merit_rule import FULL, MeritOptions, MeritRule, tie_breaker, weights
from plugins.verification.academic.rules.records import (
    WIDE,
    Record,
    best_records,
    gap_years,
    percentage,
    truncate,
)


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """What an applicant achieved in one component, and the record that says so."""

    obtained: Decimal
    total: Decimal
    source: str | None = None


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """An applicant as far as merit looks. `gap_years` is None where no examination was passed."""

    student_id: str
    date_of_birth: date | None
    category: str
    gap_years: int | None
    marks: Mapping[str, Mark]

    @classmethod
    def of(
        cls, records: Iterable[Record], *, student_id: str, date_of_birth: date | None, category: str, as_of: date
    ) -> Self:
        """Return the student who holds `records`, with the marks that count on `as_of`: the best of each level."""
        best = best_records(records, as_of)
        marks: dict[str, Mark] = {
            level: Mark(obtained=held.marks_obtained, total=held.total_marks, source=str(held.id))
            for level, held in best.items()
        }
        return cls(
            student_id=student_id,
            date_of_birth=date_of_birth,
            category=category,
            gap_years=gap_years(best, as_of),
            marks=marks,
        )


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """One weighted component. `weight` is the one applied, after any redistribution."""

    key: str
    weight: Decimal
    obtained: Decimal | None
    total: Decimal | None
    percentage: Decimal | None
    score: Decimal
    source_record_id: str | None


class MeritAdjustment(msgspec.Struct, frozen=True, kw_only=True):
    """Points added or taken beside the components."""

    key: str
    points: Decimal


class Merit(msgspec.Struct, frozen=True, kw_only=True):
    """The merit and everything that it was made of."""

    merit: Decimal
    components: list[Component]
    bonuses: list[MeritAdjustment]
    deductions: list[MeritAdjustment]
    tie_break_key: list[str | None]


class ComponentMissing(Exception):
    """The rule demands components that the applicant has no mark in: `components`, in the rule's order."""

    def __init__(self, components: list[str]) -> None:
        super().__init__(", ".join(components))
        self.components = components


def calculate(rule: MeritRule, contender: Contender) -> Merit:
    """Return the merit of `contender` under `rule`.

    Raises:
        ComponentMissing: a component has no mark and the rule says `error`, or `redistribute` has nothing left that
            could carry the weight.
    """
    options = rule.options
    components = _components(rule, contender)
    bonuses = _bonuses(options, contender.category)
    deductions = _deductions(options, contender.gap_years or 0)
    total = sum((component.score for component in components), Decimal(0))
    total += sum((bonus.points for bonus in bonuses), Decimal(0))
    total -= sum((deduction.points for deduction in deductions), Decimal(0))
    return Merit(
        merit=truncate(max(min(total, options.max_total), Decimal(0)), options.precision),
        components=components,
        bonuses=bonuses,
        deductions=deductions,
        tie_break_key=[_tie_break_value(text, contender) for text in options.tie_break],
    )


def _components(rule: MeritRule, contender: Contender) -> list[Component]:
    stated = weights(rule)
    missing = [key for key in stated if key not in contender.marks]
    carried = FULL
    if missing and rule.options.on_missing == "error":
        raise ComponentMissing(missing)
    if rule.options.on_missing == "redistribute":
        carried = sum((weight for key, weight in stated.items() if key not in missing), Decimal(0))
        if not carried:
            raise ComponentMissing(missing)
    decimals = rule.options.precision
    return [_component(key, weight, carried, contender.marks.get(key), decimals) for key, weight in stated.items()]


def _component(key: str, weight: Decimal, carried: Decimal, mark: Mark | None, decimals: int) -> Component:
    """Score one component. Weights that sum to `carried` are scaled to 100, in one division with the score's own."""
    if mark is None:
        applied = weight if carried == FULL else Decimal(0)
        return Component(
            key=key, weight=applied, obtained=None, total=None, percentage=None,
            score=truncate(Decimal(0), decimals), source_record_id=None,
        )  # fmt: skip
    share = WIDE.multiply(WIDE.multiply(mark.obtained, weight), FULL)
    return Component(
        key=key,
        weight=weight if carried == FULL else truncate(WIDE.divide(WIDE.multiply(weight, FULL), carried), decimals),
        obtained=mark.obtained,
        total=mark.total,
        percentage=percentage(mark.obtained, mark.total),
        score=truncate(WIDE.divide(share, WIDE.multiply(mark.total, carried)), decimals),
        source_record_id=mark.source,
    )


def _bonuses(options: MeritOptions, category: str) -> list[MeritAdjustment]:
    return [
        MeritAdjustment(key=bonus.key, points=bonus.points)
        for bonus in options.bonuses
        if bonus.when.category == category
    ]


def _deductions(options: MeritOptions, gap_years: int) -> list[MeritAdjustment]:
    taken = []
    for deduction in options.deductions:
        points = deduction.per_gap_year * max(gap_years, 0)
        points = points if deduction.max is None else min(points, deduction.max)
        if points:
            taken.append(MeritAdjustment(key="gap_years", points=points))
    return taken


def _tie_break_value(text: str, contender: Contender) -> str | None:
    breaker = tie_breaker(text)
    if breaker is None:
        message = f"an unchecked rule: {text!r}"
        raise ValueError(message)
    if breaker.attribute == "percentage":
        mark = contender.marks.get(breaker.source)
        return None if mark is None else str(percentage(mark.obtained, mark.total))
    if breaker.attribute == "date_of_birth":
        return None if contender.date_of_birth is None else contender.date_of_birth.isoformat()
    return contender.student_id
