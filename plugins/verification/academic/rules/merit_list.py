"""The merit list of a program: everybody who can be ranked, best first, with ties by the rule's chain.

The rank is dense: whoever is equal in merit and in the whole chain shares a rank, and the next rank follows without a
gap. Among those who share one, the order is by student_id, so that a page can go on where the last one ended.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from functools import cmp_to_key
from itertools import islice, pairwise
from typing import Any

import msgspec

from plugins.verification.academic.rules.merit import ComponentMissing, Contender, calculate
from plugins.verification.academic.rules.merit_rule import MeritRule, TieBreaker, tie_breaker


class Place(msgspec.Struct, frozen=True):
    """What decides where somebody stands: the merit, the values of the tie-break chain, and the student_id."""

    merit: Decimal
    tie_break_key: list[str | None]
    student_id: str


class Standing(msgspec.Struct, frozen=True):
    """A place with its rank; the first is 1."""

    rank: int
    place: Place


class MeritList:
    """The standings of `contenders` under `rule`.

    Whoever lacks a component that the rule does not do without cannot be ranked and is left out.
    """

    def __init__(self, rule: MeritRule, contenders: Iterable[Contender]) -> None:
        chain = (tie_breaker(text) for text in rule.options.tie_break)
        self._chain = [breaker for breaker in chain if breaker is not None]
        places = sorted(_places(rule, contenders), key=cmp_to_key(self._compare))
        self.standings = [Standing(rank, place) for rank, place in zip(_ranks(places), places, strict=True)]

    def after(self, place: Place | None, limit: int) -> list[Standing]:
        """Return at most `limit` standings that come after `place`, whether or not anybody stands there still."""
        if place is None:
            return self.standings[:limit]
        behind = (standing for standing in self.standings if self._compare(standing.place, place) > 0)
        return list(islice(behind, limit))

    def _compare(self, one: Place, other: Place) -> int:
        if one.merit != other.merit:
            return -1 if one.merit > other.merit else 1
        for breaker, value, against in zip(self._chain, one.tie_break_key, other.tie_break_key, strict=True):
            if order := _compare_values(breaker, value, against):
                return order
        return (one.student_id > other.student_id) - (one.student_id < other.student_id)


def _places(rule: MeritRule, contenders: Iterable[Contender]) -> Iterable[Place]:
    for contender in contenders:
        try:
            result = calculate(rule, contender)
        except ComponentMissing:
            continue
        yield Place(result.merit, result.tie_break_key, contender.student_id)


def _ranks(places: Sequence[Place]) -> list[int]:
    ranks = [1] if places else []
    for before, place in pairwise(places):
        tied = (before.merit, before.tie_break_key) == (place.merit, place.tie_break_key)
        ranks.append(ranks[-1] + (not tied))
    return ranks


def _compare_values(breaker: TieBreaker, one: str | None, other: str | None) -> int:
    """Compare two values of one link; what is unknown comes last, whichever way the link goes."""
    if one == other:
        return 0
    if one is None or other is None:
        return 1 if one is None else -1
    first, second = _value(breaker, one), _value(breaker, other)
    return -1 if (first > second) == breaker.descending else 1


def _value(breaker: TieBreaker, text: str) -> Any:
    if breaker.attribute == "percentage":
        return Decimal(text)
    return date.fromisoformat(text) if breaker.attribute == "date_of_birth" else text
