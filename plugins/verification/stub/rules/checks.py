"""Single comparisons of a request, each with what it says where it does not hold."""

import math
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Annotated, Any, Final, Protocol

import msgspec

from plugins.verification.stub.rules.patterns import FullMatch, JsonQuery
from plugins.verification.stub.rules.request import StubRequest

SHOWN: Final = 200
"""How many characters of a value a difference repeats."""

_LISTED: Final = 8
"""How many values of one place a difference repeats."""

_METHOD: Final = 2
_PATH: Final = 4
_PART: Final = 1
"""How much a criterion weighs: who asks elsewhere is further away than who asks there for something else."""


class Difference(msgspec.Struct, frozen=True):
    """One criterion that does not hold."""

    field: Annotated[str, msgspec.Meta(description="`method`, `path`, `query.<name>`, `headers.<name>` or `body`.")]
    expected: Annotated[str, msgspec.Meta(description="The criterion in words.")]
    actual: Annotated[str | None, msgspec.Meta(description="What the request has there; null where nothing.")]
    distance: Annotated[int, msgspec.Meta(description="How much this one weighs.")]


class Check(Protocol):
    """One comparison."""

    def holds(self, request: StubRequest) -> bool:
        """Tell whether the request is as wanted."""

    def difference(self, request: StubRequest) -> Difference:
        """Return how it differs, for a request that is not."""


class Method:
    """The method is the wanted one."""

    __slots__ = ("_wanted",)

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted

    def holds(self, request: StubRequest) -> bool:
        """Tell whether the request is as wanted."""
        return request.method == self._wanted

    def difference(self, request: StubRequest) -> Difference:
        """Return how it differs."""
        return Difference("method", f"equals {self._wanted}", shown(request.method), _METHOD)


class Path:
    """The path is the wanted one; the more segments differ, the further away."""

    __slots__ = ("_wanted",)

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted

    def holds(self, request: StubRequest) -> bool:
        """Tell whether the request is as wanted."""
        return request.path == self._wanted

    def difference(self, request: StubRequest) -> Difference:
        """Return how it differs."""
        wanted, given = self._wanted.split("/"), request.path.split("/")
        unlike = abs(len(wanted) - len(given)) + sum(a != b for a, b in zip(wanted, given, strict=False))
        weight = math.ceil(_PATH * unlike / max(len(wanted), len(given)))
        return Difference("path", f"equals {shown(self._wanted)}", shown(request.path), max(1, min(weight, _PATH)))


class PathPattern:
    """The whole path matches an expression."""

    __slots__ = ("_matches", "_pattern")

    def __init__(self, pattern: str, matches: FullMatch) -> None:
        self._pattern = pattern
        self._matches = matches

    def holds(self, request: StubRequest) -> bool:
        """Tell whether the request is as wanted."""
        return request.matches(self._matches, request.path)

    def difference(self, request: StubRequest) -> Difference:
        """Return how it differs."""
        return Difference("path", f"matches {shown(self._pattern)}", shown(request.path), _PATH)


class Place(Protocol):
    """Where texts of a request are."""

    @property
    def field(self) -> str:
        """Name the place."""

    def texts(self, request: StubRequest) -> Sequence[str]:
        """Return the texts there; empty where there are none."""


class Parameter:
    """A query parameter."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def field(self) -> str:
        """Name the place."""
        return f"query.{self._name}"

    def texts(self, request: StubRequest) -> Sequence[str]:
        """Return every value of the parameter."""
        return request.query.get(self._name, ())


class Header:
    """A header, by its name in lower case."""

    __slots__ = ("_name",)

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def field(self) -> str:
        """Name the place."""
        return f"headers.{self._name}"

    def texts(self, request: StubRequest) -> Sequence[str]:
        """Return the header's value."""
        value = request.headers.get(self._name)
        return () if value is None else (value,)


class Matching:
    """One of the texts at a place matches an expression."""

    __slots__ = ("_expression", "_pattern", "_place")

    def __init__(self, place: Place, pattern: str, expression: FullMatch) -> None:
        self._place = place
        self._pattern = pattern
        self._expression = expression

    def holds(self, request: StubRequest) -> bool:
        """Tell whether the request is as wanted."""
        return any(request.matches(self._expression, text) for text in self._place.texts(request))

    def difference(self, request: StubRequest) -> Difference:
        """Return how it differs."""
        wanted = shown(f"matches {self._pattern}")
        return Difference(self._place.field, wanted, _listed(self._place.texts(request)), _PART)


class Text:
    """One of the texts at a place is as wanted."""

    __slots__ = ("_place", "_test", "_wanted")

    def __init__(self, place: Place, wanted: str, test: Callable[[str], bool]) -> None:
        self._place = place
        self._wanted = wanted
        self._test = test

    def holds(self, request: StubRequest) -> bool:
        """Tell whether the request is as wanted."""
        return any(map(self._test, self._place.texts(request)))

    def difference(self, request: StubRequest) -> Difference:
        """Return how it differs."""
        return Difference(self._place.field, shown(self._wanted), _listed(self._place.texts(request)), _PART)


class Presence:
    """A place has a text, or has none."""

    __slots__ = ("_absent", "_place")

    def __init__(self, place: Place, *, absent: bool) -> None:
        self._place = place
        self._absent = absent

    def holds(self, request: StubRequest) -> bool:
        """Tell whether the request is as wanted."""
        return (not self._place.texts(request)) is self._absent

    def difference(self, request: StubRequest) -> Difference:
        """Return how it differs."""
        wanted = "absent" if self._absent else "present"
        return Difference(self._place.field, wanted, _listed(self._place.texts(request)), _PART)


class Body:
    """The JSON body has a value as wanted at a place."""

    __slots__ = ("_equals", "_matches", "_path", "_pattern", "_select")

    def __init__(
        self,
        path: str,
        select: JsonQuery,
        equals: Any,
        pattern: str | None,
        matches: FullMatch | None,
    ) -> None:
        self._path = path
        self._select = select
        self._equals = equals
        self._pattern = pattern
        self._matches = matches

    def holds(self, request: StubRequest) -> bool:
        """Tell whether the request is as wanted."""
        return any(self._fits(value, request) for value in request.values(self._select))

    def difference(self, request: StubRequest) -> Difference:
        """Return how it differs."""
        actual = [_written(value) for value in islice(request.values(self._select), _LISTED)]
        wanted = f"matches {self._pattern}" if self._pattern is not None else f"equals {_written(self._equals)}"
        return Difference(f"body {self._path}", shown(wanted), _listed(actual), _PART)

    def _fits(self, value: Any, request: StubRequest) -> bool:
        if self._matches is None:
            return same(value, self._equals)
        if isinstance(value, str):
            return request.matches(self._matches, value)
        return isinstance(value, bool | int | float) and request.matches(self._matches, _written(value))


def same(left: Any, right: Any) -> bool:
    """Tell whether two JSON values are equal: numbers by value, and no boolean is a number."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(value, right[name]) for name, value in left.items())
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def _written(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _listed(texts: Sequence[str]) -> str | None:
    return shown(", ".join(texts[:_LISTED])) if texts else None


def shown(text: str) -> str:
    """Return `text` fit for an answer: not long, and without what UTF-8 cannot hold."""
    whole = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    return whole.encode("utf-8", "replace").decode()
