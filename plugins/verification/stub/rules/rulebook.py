"""The rules in force, indexed: finding those that match takes time by their likeness to the request, not their number.

Rules are filed by method and path when a path is first asked for, and there by the value that one of their criteria
demands. A request is compared with the rules that demand its own values, and with those that demand none.
"""

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from operator import attrgetter
from typing import Any, Final

import msgspec

from plugins.verification.stub.rules.compiled import CompiledRule
from plugins.verification.stub.rules.patterns import JsonQuery
from plugins.verification.stub.rules.request import StubRequest

MAX_PLACES: Final = 1_000
"""How many methods and paths are remembered at once."""

_rank: Final = attrgetter("rank")


class Rulebook:
    """An immutable set of rules in their order: by priority, then the newest first."""

    def __init__(self, rules: Iterable[CompiledRule] = ()) -> None:
        self.rules: Sequence[CompiledRule] = tuple(sorted(rules, key=_rank))
        self._shelves: dict[tuple[str, str], _Shelf | None] = {}

    def matching(self, request: StubRequest) -> Iterator[CompiledRule]:
        """Yield the rules whose criteria hold for `request`, in their order. Raises TooLaboriousError."""
        shelf = self._shelf(request.method, request.path)
        if shelf is not None:
            for rule in shelf.candidates(request):
                if rule.matcher.matches(request):
                    yield rule

    def concerns(self, method: str, path: str) -> bool:
        """Tell whether any rule could answer this method and path."""
        return bool(self.rules) and self._shelf(method, path) is not None

    def _shelf(self, method: str, path: str) -> "_Shelf | None":
        place = (method, path)
        try:
            return self._shelves[place]
        except KeyError:
            pass
        if len(self._shelves) >= MAX_PLACES:
            self._shelves.clear()
        here = [rule for rule in self.rules if rule.stands_at(method, path)]
        shelf = self._shelves[place] = _Shelf(here) if here else None
        return shelf


class _Shelf:
    """The rules of one method and path."""

    def __init__(self, rules: Iterable[CompiledRule]) -> None:
        self._others: list[CompiledRule] = []
        self._by_parameter: dict[str, dict[Any, list[CompiledRule]]] = {}
        self._by_header: dict[str, dict[Any, list[CompiledRule]]] = {}
        self._by_body: dict[str, dict[Any, list[CompiledRule]]] = {}
        for rule in rules:
            self._file(rule)
        self._queries = {query: JsonQuery(query) for query in self._by_body}
        self._is_filed = bool(self._by_parameter or self._by_header or self._by_body)

    def _file(self, rule: CompiledRule) -> None:
        match = rule.definition.match
        for filed, criteria_of in ((self._by_parameter, match.query), (self._by_header, match.headers)):
            for name, criterion in criteria_of.items():
                if criterion.equals is not None:
                    place = filed.setdefault(name if filed is self._by_parameter else name.lower(), {})
                    place.setdefault(criterion.equals, []).append(rule)
                    return
        for wanted in match.body:
            if wanted.equals is not msgspec.UNSET and not isinstance(wanted.equals, dict | list):
                place = self._by_body.setdefault(wanted.jsonpath, {})
                place.setdefault(_comparable(wanted.equals), []).append(rule)
                return
        self._others.append(rule)

    def candidates(self, request: StubRequest) -> Iterable[CompiledRule]:
        """Return the rules that could match, in their order, each once."""
        if not self._is_filed:
            return self._others
        found = [place[value] for place, value in self._demanded(request) if value in place]
        if not found:
            return self._others
        return merge(*found, self._others, key=_rank) if self._others or len(found) > 1 else found[0]

    def _demanded(self, request: StubRequest) -> Iterator[tuple[dict[Any, list[CompiledRule]], Any]]:
        for name, place in self._by_parameter.items():
            for value in set(request.query.get(name, ())):
                yield place, value
        for name, place in self._by_header.items():
            yield place, request.headers.get(name)
        for query, place in self._by_body.items():
            named = request.values(self._queries[query])
            for value in {_comparable(value) for value in named if not isinstance(value, dict | list)}:
                yield place, value


def _comparable(value: Any) -> Any:
    """Return what is equal exactly where two scalars of JSON are: no boolean is a number."""
    return ("boolean", value) if isinstance(value, bool) else value
