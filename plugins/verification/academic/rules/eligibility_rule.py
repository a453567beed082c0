"""What a program asks of its applicants, and whether it asks for something possible.

The Structs are the rule's document (as JSON Schema 2020-12 would have it); `contradictions` finds what a schema
cannot say: bounds that no applicant could meet and figures outside their range.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Final

import msgspec

from plugins.verification.academic.rules.faults import RuleFault
from plugins.verification.academic.rules.records import PERCENTAGE_DECIMALS, Level, has_decimals_within

END: Final = r"$(?!\n)"
"""The very end of a string; `$` alone also matches before a last line break."""

PROGRAM_PATTERN: Final = rf"^[A-Z0-9][A-Z0-9_-]{{1,63}}{END}"
CATEGORY_PATTERN: Final = rf"^[A-Z_]{{1,32}}{END}"

Program = Annotated[str, msgspec.Meta(pattern=PROGRAM_PATTERN, examples=["BSCS"])]
Category = Annotated[str, msgspec.Meta(pattern=CATEGORY_PATTERN, examples=["GENERAL"])]
Age = Annotated[int, msgspec.Meta(ge=0, le=120)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]

GENERAL: Final = "GENERAL"
MOST_RELAXATION: Final = 50


class PassingYears(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The years in which the last examination may have been passed, both included."""

    min: int | None = None
    max: int | None = None


class SubjectRequirement(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One of these subjects must have been taken at a level, with a minimum where one is given."""

    level: Level
    any_of: Annotated[list[Name], msgspec.Meta(min_length=1, max_length=60)]
    min_percentage: Decimal | None = None


class SubjectAggregate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A minimum over the sum of these subjects' marks; all of them must have been taken."""

    level: Level
    subjects: Annotated[list[Name], msgspec.Meta(min_length=1, max_length=60)]
    min_percentage: Decimal


class Requirements(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything that a program may ask for. Percentages are of 100, ages in whole years."""

    min_percentage: dict[Level, Decimal] = {}
    required_levels: list[Level] = []
    required_subjects: Annotated[list[SubjectRequirement], msgspec.Meta(max_length=20)] = []
    subject_aggregate: SubjectAggregate | None = None
    min_age: Age | None = None
    max_age: Age | None = None
    age_on: date | None = None
    max_gap_years: Annotated[int, msgspec.Meta(ge=0, le=50)] | None = None
    passing_years: PassingYears | None = None
    accepted_boards: Annotated[list[Name], msgspec.Meta(max_length=200)] = []


class CategoryRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a category of applicants is granted, and the certificate that proves membership.

    An override replaces the minimum of its level and beats the relaxation. The relaxation is in percentage points
    and lowers every other minimum, never below zero.
    """

    relaxation_percentage_points: Decimal = Decimal(0)
    override_min_percentage: dict[Level, Decimal] = {}
    age_relaxation_years: Annotated[int, msgspec.Meta(ge=0, le=20)] = 0
    requires_certificate: Name | None = None


class EligibilityRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A program's rule; it applies on the days from `effective_from` to `effective_to`, both included."""

    program: Program
    requirements: Requirements
    category_specific: Annotated[dict[Category, CategoryRule], msgspec.Meta(max_length=50)] = {}
    effective_from: date | None = None
    effective_to: date | None = None

    def applies_on(self, day: date) -> bool:
        """Tell whether the rule is in force on `day`."""
        return (self.effective_from is None or self.effective_from <= day) and (
            self.effective_to is None or day <= self.effective_to
        )


def contradictions(rule: EligibilityRule) -> list[RuleFault]:
    """Return everything that makes `rule` meaningless; an empty list where nothing does."""
    found = [
        *_bounds(rule),
        *_repeated_levels(rule.requirements.required_levels),
        *(
            (pointer, "A percentage is a number from 0 to 100 with at most four decimals.")
            for pointer, value in _percentages(rule)
            if not _within(value, 100)
        ),
        *(
            (f"/category_specific/{name}/relaxation_percentage_points", "A relaxation is from 0 to 50 points.")
            for name, category in rule.category_specific.items()
            if not _within(category.relaxation_percentage_points, MOST_RELAXATION)
        ),
    ]
    return [RuleFault(pointer, "invalid_rule", message) for pointer, message in found]


def _bounds(rule: EligibilityRule) -> Iterator[tuple[str, str]]:
    asked = rule.requirements
    if asked == Requirements():
        yield "/requirements", "A rule asks for something: give at least one requirement."
    if asked.min_age is not None and asked.max_age is not None and asked.min_age > asked.max_age:
        yield "/requirements/min_age", "The minimum age is above the maximum age."
    years = asked.passing_years
    if years and years.min is not None and years.max is not None and years.min > years.max:
        yield "/requirements/passing_years/min", "The first passing year is after the last one."
    if rule.effective_from and rule.effective_to and rule.effective_from > rule.effective_to:
        yield "/effective_from", "The rule ends before it begins."


def _repeated_levels(levels: Iterable[Level]) -> Iterator[tuple[str, str]]:
    seen: set[Level] = set()
    for index, level in enumerate(levels):
        if level in seen:
            yield f"/requirements/required_levels/{index}", "This level is already in the list."
        seen.add(level)


def _percentages(rule: EligibilityRule) -> Iterator[tuple[str, Decimal]]:
    asked = rule.requirements
    yield from _each("/requirements/min_percentage", asked.min_percentage)
    for index, subject in enumerate(asked.required_subjects):
        if subject.min_percentage is not None:
            yield f"/requirements/required_subjects/{index}/min_percentage", subject.min_percentage
    if asked.subject_aggregate:
        yield "/requirements/subject_aggregate/min_percentage", asked.subject_aggregate.min_percentage
    for name, category in rule.category_specific.items():
        yield from _each(f"/category_specific/{name}/override_min_percentage", category.override_min_percentage)


def _each(pointer: str, figures: Mapping[Level, Decimal]) -> Iterator[tuple[str, Decimal]]:
    return ((f"{pointer}/{level}", value) for level, value in figures.items())


def _within(value: Decimal, most: int) -> bool:
    return has_decimals_within(value, PERCENTAGE_DECIMALS) and 0 <= value <= most
