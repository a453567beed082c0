"""How a program weighs its applicants: the document of a merit rule and what makes one meaningless."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec

from plugins.verification.academic.rules.eligibility_rule import Category, Name, Program
from plugins.verification.academic.rules.faults import RuleFault, escape
from plugins.verification.academic.rules.records import LEVELS, has_decimals_within

OnMissing = Literal["error", "zero", "redistribute"]
TieAttribute = Literal["percentage", "date_of_birth", "student_id"]

FIGURE_DECIMALS: Final = 6
FULL: Final = Decimal(100)
FIGURE_LIMIT: Final = Decimal(10**6)

_ATTRIBUTES: Final[dict[str, TieAttribute]] = {"date_of_birth": "date_of_birth", "student_id": "student_id"}


class BonusCondition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom a bonus is for."""

    category: Category


class Bonus(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Points added for the applicants that `when` describes."""

    key: Name
    points: Decimal
    when: BonusCondition


class Deduction(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Points taken for each year since the last examination passed, at most `max` where given."""

    per_gap_year: Decimal
    max: Decimal | None = None


class MeritOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How scores are cut, what a missing component means, who wins a tie.

    `on_missing`: `error` refuses, `zero` scores nothing, `redistribute` scales the other weights to 100.
    """

    rounding: Literal["truncate"] = "truncate"
    precision: Annotated[int, msgspec.Meta(ge=0, le=6)] = 4
    on_missing: OnMissing = "error"
    tie_break: Annotated[list[str], msgspec.Meta(max_length=20)] = []
    bonuses: Annotated[list[Bonus], msgspec.Meta(max_length=50)] = []
    deductions: Annotated[list[Deduction], msgspec.Meta(max_length=20)] = []
    max_total: Decimal = FULL


class MeritRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The weight of each component of a program's merit, in per cent; together exactly 100."""

    program: Program
    weightage: dict[str, Decimal]
    options: MeritOptions = msgspec.field(default_factory=MeritOptions)


class TieBreaker(msgspec.Struct, frozen=True):
    """One link of a tie-break chain: an attribute of the student or the percentage of a component."""

    source: str
    attribute: TieAttribute
    descending: bool


def faults(rule: MeritRule) -> list[RuleFault]:
    """Return everything that makes `rule` meaningless; an empty list where nothing does."""
    return [*_weight_faults(rule), *_option_faults(rule.options), *_tie_break_faults(rule)]


def weights(rule: MeritRule) -> dict[str, Decimal]:
    """Return the weights by component in its canonical spelling."""
    return {canonical(key): weight for key, weight in rule.weightage.items()}


def canonical(component: str) -> str:
    """Return the one spelling under which a component is known."""
    return component.strip().casefold()


def tie_breaker(text: str) -> TieBreaker | None:
    """Read `intermediate.percentage`, `date_of_birth:asc` or `student_id`; None where it means nothing.

    Percentages go from the highest down unless `:asc` says otherwise, attributes from the lowest up.
    """
    name, _, direction = text.partition(":")
    component, _, attribute = name.rpartition(".")
    if text.endswith(":") or direction not in {"", "asc", "desc"}:
        return None
    if component and attribute == "percentage":
        return TieBreaker(canonical(component), "percentage", direction != "asc")
    known = _ATTRIBUTES.get(name)
    return None if known is None else TieBreaker("", known, direction == "desc")


def _weight_faults(rule: MeritRule) -> Iterator[RuleFault]:
    seen: set[str] = set()
    for key in rule.weightage:
        pointer = f"/weightage/{escape(key)}"
        if canonical(key) in seen:
            yield RuleFault(pointer, "duplicate_component", "This component already has a weight.")
        elif canonical(key) not in LEVELS:
            yield RuleFault(pointer, "unknown_component", f"A component is one of {', '.join(LEVELS)}.")
        seen.add(canonical(key))
    plain = all(_is_figure(weight) for weight in rule.weightage.values())
    if not plain or sum(rule.weightage.values()) != FULL:
        yield RuleFault("/weightage", "weights_must_sum_to_100", "The weights, none negative, sum to exactly 100.")


def _option_faults(options: MeritOptions) -> Iterator[RuleFault]:
    figures: list[tuple[str, Decimal]] = [("max_total", options.max_total)]
    figures += [(f"bonuses/{index}/points", bonus.points) for index, bonus in enumerate(options.bonuses)]
    for index, deduction in enumerate(options.deductions):
        figures.append((f"deductions/{index}/per_gap_year", deduction.per_gap_year))
        if deduction.max is not None:
            figures.append((f"deductions/{index}/max", deduction.max))
    for path, value in figures:
        if not _is_figure(value):
            yield RuleFault(
                f"/options/{path}", "invalid_rule", "Points are not negative and have at most six decimals."
            )


def _tie_break_faults(rule: MeritRule) -> Iterator[RuleFault]:
    for index, text in enumerate(rule.options.tie_break):
        breaker = tie_breaker(text)
        if breaker is None or (breaker.source and breaker.source not in weights(rule)):
            known = "`<component>.percentage`, `date_of_birth` or `student_id`, with `:asc` or `:desc`"
            yield RuleFault(f"/options/tie_break/{index}", "unknown_tie_break", f"A tie is broken by {known}.")


def _is_figure(value: Decimal) -> bool:
    return has_decimals_within(value, FIGURE_DECIMALS) and 0 <= value < FIGURE_LIMIT
