"""The checks of an eligibility rule, in their order: what is asked after relaxation, what was found, why it fails."""

from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Final

import msgspec

from plugins.verification.academic.rules.eligibility_rule import (
    CategoryRule,
    EligibilityRule,
    Requirements,
)
from plugins.verification.academic.rules.records import (
    LEVELS,
    Level,
    Record,
    awaited_levels,
    best_records,
    find_subject,
    gap_years,
    last_passed_year,
    percentage,
)

Figure = str | int | list[str] | None


class Applicant(msgspec.Struct, frozen=True, kw_only=True):
    """Who applies, as far as a rule looks: a date of birth and the records."""

    date_of_birth: date | None
    records: list[Record]


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing asked: `required` against `actual`. `path` points into the rule; `reason` is set where it failed."""

    rule: str
    path: str
    required: Figure
    actual: Figure
    passed: bool
    reason: str | None


class Relaxation(msgspec.Struct, frozen=True, kw_only=True):
    """A bound that the applicant's category moved, and by which grant."""

    path: str
    grant: str
    before: str | None
    after: str


class Case:
    """One applicant before one rule: what is asked after relaxation, and which records answer it."""

    def __init__(self, rule: EligibilityRule, category: str, applicant: Applicant, as_of: date) -> None:
        self.asked: Requirements = rule.requirements
        self.category = category
        self.grants = rule.category_specific.get(category, CategoryRule())
        self.applicant = applicant
        self.as_of = as_of
        self.best = best_records(applicant.records, as_of)
        self.awaited = awaited_levels(applicant.records)
        self.relaxations: list[Relaxation] = []

    def missing(self, level: Level) -> str:
        """Say why no record of `level` counts."""
        return "result_awaited" if level in self.awaited else "missing_record"

    def relaxed(self, minimum: Decimal, path: str) -> Decimal:
        """Return `minimum` less the category's points, never below zero, and note the change."""
        lowered = max(minimum - self.grants.relaxation_percentage_points, Decimal(0))
        if lowered != minimum:
            self._note(path, "relaxation_percentage_points", str(minimum), str(lowered))
        return lowered

    def level_minimum(self, level: Level) -> Decimal:
        """Return the minimum that a level must reach for this category; an override beats the relaxation."""
        path = f"/requirements/min_percentage/{level}"
        override = self.grants.override_min_percentage.get(level)
        if override is None:
            return self.relaxed(self.asked.min_percentage[level], path)
        stated = self.asked.min_percentage.get(level)
        self._note(path, "override_min_percentage", _text(stated), str(override))
        return override

    def oldest(self, max_age: int) -> int:
        """Return the greatest age for this category."""
        extended = max_age + self.grants.age_relaxation_years
        if extended != max_age:
            self._note("/requirements/max_age", "age_relaxation_years", str(max_age), str(extended))
        return extended

    def relied_on(self) -> list[Level]:
        """Return the levels that the rule names, or all that the applicant has passed where it names none."""
        asked = self.asked
        named = {*asked.required_levels, *asked.min_percentage, *(item.level for item in asked.required_subjects)}
        if asked.subject_aggregate:
            named.add(asked.subject_aggregate.level)
        return [level for level in LEVELS if level in self.best and (not named or level in named)]

    def _note(self, path: str, grant: str, before: str | None, after: str) -> None:
        self.relaxations.append(Relaxation(path=path, grant=grant, before=before, after=after))


def age_on(born: date, day: date) -> int:
    """Return the age in whole years by calendar: one born on 29 February turns a year older on 1 March."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def _required_levels(case: Case) -> Iterator[Check]:
    for index, level in enumerate(case.asked.required_levels):
        held = level in case.best
        yield _check(
            "required_levels", f"/{index}", level, level if held else None, None if held else case.missing(level)
        )


def _min_percentage(case: Case) -> Iterator[Check]:
    for level in LEVELS:
        if level not in case.asked.min_percentage and level not in case.grants.override_min_percentage:
            continue
        minimum = case.level_minimum(level)
        record = case.best.get(level)
        actual = record.percentage if record else None
        yield _check("min_percentage", f"/{level}", str(minimum), _text(actual), _short(case, level, actual, minimum))


def _required_subjects(case: Case) -> Iterator[Check]:
    for index, asked in enumerate(case.asked.required_subjects):
        record = case.best.get(asked.level)
        taken = [marks for name in asked.any_of if record and (marks := find_subject(record, name))]
        actual = max((percentage(marks.obtained, marks.total) for marks in taken), default=None)
        path = f"/{index}"
        minimum = Decimal(0)
        if asked.min_percentage is not None:
            minimum = case.relaxed(asked.min_percentage, f"/requirements/required_subjects/{index}/min_percentage")
        reason = _short(case, asked.level, actual, minimum)
        yield _check("required_subjects", path, asked.any_of, _text(actual), reason)


def _subject_aggregate(case: Case) -> Iterator[Check]:
    asked = case.asked.subject_aggregate
    if asked is None:
        return
    record = case.best.get(asked.level)
    taken = [marks for name in asked.subjects if record and (marks := find_subject(record, name))]
    actual = None
    if len(taken) == len(asked.subjects):
        actual = percentage(sum(m.obtained for m in taken) + Decimal(0), sum(m.total for m in taken) + Decimal(0))
    minimum = case.relaxed(asked.min_percentage, "/requirements/subject_aggregate/min_percentage")
    reason = _short(case, asked.level, actual, minimum)
    yield _check("subject_aggregate", "", str(minimum), _text(actual), reason)


def _min_age(case: Case) -> Iterator[Check]:
    if case.asked.min_age is not None:
        age = _age(case)
        reason = "date_of_birth_missing" if age is None else "too_young" if age < case.asked.min_age else None
        yield _check("min_age", "", case.asked.min_age, age, reason)


def _max_age(case: Case) -> Iterator[Check]:
    if case.asked.max_age is not None:
        age, oldest = _age(case), case.oldest(case.asked.max_age)
        reason = "date_of_birth_missing" if age is None else "too_old" if age > oldest else None
        yield _check("max_age", "", oldest, age, reason)


def _max_gap_years(case: Case) -> Iterator[Check]:
    if case.asked.max_gap_years is not None:
        gap = gap_years(case.best, case.as_of)
        reason = "missing_record" if gap is None else "gap_too_long" if gap > case.asked.max_gap_years else None
        yield _check("max_gap_years", "", case.asked.max_gap_years, gap, reason)


def _passing_years(case: Case) -> Iterator[Check]:
    bounds = case.asked.passing_years
    if bounds is None:
        return
    year = last_passed_year(case.best)
    bound: tuple[tuple[str, int | None, bool], ...] = (
        ("min", bounds.min, year is not None and bounds.min is not None and year < bounds.min),
        ("max", bounds.max, year is not None and bounds.max is not None and year > bounds.max),
    )
    for name, limit, outside in bound:
        if limit is not None:
            reason = "missing_record" if year is None else "year_out_of_range" if outside else None
            yield _check("passing_years", f"/{name}", limit, year, reason)


def _accepted_boards(case: Case) -> Iterator[Check]:
    if not case.asked.accepted_boards:
        return
    accepted = {board.casefold() for board in case.asked.accepted_boards}
    for level in case.relied_on():
        board = case.best[level].board
        reason = None if board.casefold() in accepted else "board_not_accepted"
        yield _check("accepted_boards", "", case.asked.accepted_boards, board, reason)


def _requires_certificate(case: Case) -> Iterator[Check]:
    """Ask for a record of level `other` that carries a certificate and whose board is the issuer named."""
    issuer = case.grants.requires_certificate
    if issuer is None:
        return
    held = next(
        (
            record.certificate_number
            for record in case.applicant.records
            if record.level == "other"
            and record.counts(case.as_of)
            and record.certificate_number
            and record.board.casefold() == issuer.casefold()
        ),
        None,
    )
    yield Check(
        rule="requires_certificate",
        path=f"/category_specific/{case.category}/requires_certificate",
        required=issuer,
        actual=held,
        passed=held is not None,
        reason=None if held else "certificate_missing",
    )


CHECKS: Final[tuple[Callable[[Case], Iterator[Check]], ...]] = (
    _required_levels,
    _min_percentage,
    _required_subjects,
    _subject_aggregate,
    _min_age,
    _max_age,
    _max_gap_years,
    _passing_years,
    _accepted_boards,
    _requires_certificate,
)


def _check(rule: str, below: str, required: Figure, actual: Figure, reason: str | None) -> Check:
    path = f"/requirements/{rule}{below}"
    return Check(rule=rule, path=path, required=required, actual=actual, passed=reason is None, reason=reason)


def _short(case: Case, level: Level, actual: Decimal | None, minimum: Decimal) -> str | None:
    """Say why `actual` does not reach `minimum`, or None where it does."""
    if level not in case.best:
        return case.missing(level)
    if actual is None:
        return "subject_missing"
    return "below_minimum" if actual < minimum else None


def _age(case: Case) -> int | None:
    born = case.applicant.date_of_birth
    return None if born is None else age_on(born, case.asked.age_on or case.as_of)


def _text(figure: Decimal | None) -> str | None:
    return None if figure is None else str(figure)
