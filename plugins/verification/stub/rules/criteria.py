"""Criteria: what a request must look like for a rule to answer it, or for a search of the journal to find it.

    matcher = criteria.compile(Criteria(method="GET", query={"npi": TextCriterion(equals="1234567893")}))
    matcher.matches(request)        # every given criterion holds
    matcher.differences(request)    # those that do not, each with its distance; empty exactly where it matches

Criteria without any member hold for every request. `compile` is done once; regular expressions then run in linear
time, and whatever the criteria are, a comparison takes time bounded by their size and the request's.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec

from plugins.verification.stub.rules import checks
from plugins.verification.stub.rules.checks import Check, Difference
from plugins.verification.stub.rules.patterns import (
    MAX_PATTERN,
    MAX_QUERY,
    FullMatch,
    InvalidPatternError,
    JsonQuery,
)
from plugins.verification.stub.rules.request import StubRequest

MAX_NAMES: Final = 32
MAX_BODY_CRITERIA: Final = 16
MAX_TEXT: Final = 2_048
MAX_VALUE_BYTES: Final = 8_192

Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
Pattern = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_PATTERN, description="RE2; the whole text matches.")]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Method = Annotated[str, msgspec.Meta(pattern=r"^[A-Z]{1,16}$(?!\n)", examples=["GET"])]


class TextCriterion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a parameter or a header must be: exactly one of the members. Of several values, one is enough.

    Attributes:
        equals: the very text.
        contains: a part of it.
        matches: an expression for the whole of it.
        absent: true where it must not be there at all, false where it must, whatever it says.
    """

    equals: Text | None = None
    contains: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)] | None = None
    matches: Pattern | None = None
    absent: bool | None = None


class BodyCriterion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the JSON body must hold at a place: exactly one of `equals` and `matches`. Of several values, one is enough.

    Attributes:
        jsonpath: the place (RFC 9535).
        equals: the value there; numbers are equal by value, objects whatever the order of their members.
        matches: an expression for the whole of a string, or of a number or boolean as JSON writes it.
    """

    jsonpath: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_QUERY, examples=["$.claim_reference"])]
    equals: Any = msgspec.UNSET
    matches: Pattern | None = None


class Criteria(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a request must look like; all that is given must hold.

    Attributes:
        method: the method, in capitals.
        path: the very path, without the query.
        path_regex: an expression for the whole path, in the place of `path`.
        query: by the names of parameters.
        headers: by the names of headers, in whatever case.
        body: what the JSON body holds.
    """

    method: Method | None = None
    path: Text | None = None
    path_regex: Pattern | None = None
    query: Annotated[dict[Name, TextCriterion], msgspec.Meta(max_length=MAX_NAMES)] = {}
    headers: Annotated[dict[Name, TextCriterion], msgspec.Meta(max_length=MAX_NAMES)] = {}
    body: Annotated[list[BodyCriterion], msgspec.Meta(max_length=MAX_BODY_CRITERIA)] = []


class CriteriaFault(msgspec.Struct, frozen=True):
    """What is wrong with criteria: where, as a JSON Pointer into them, and why."""

    pointer: str
    message: str


class InvalidCriteriaError(ValueError):
    """Criteria that no request could be compared with; `faults` names every place."""

    def __init__(self, faults: list[CriteriaFault]) -> None:
        super().__init__("; ".join(f"{fault.pointer}: {fault.message}" for fault in faults))
        self.faults = faults


class Matcher:
    """Compiled criteria."""

    __slots__ = ("_checks",)

    def __init__(self, compiled: tuple[Check, ...]) -> None:
        self._checks = compiled

    def matches(self, request: StubRequest) -> bool:
        """Tell whether every criterion holds; the cheap ones are looked at first. Raises TooLaboriousError."""
        for check in self._checks:  # noqa: SIM110 - a generator for each rule would be most of a look at it
            if not check.holds(request):
                return False
        return True

    def differences(self, request: StubRequest) -> list[Difference]:
        """Return what keeps the request from matching; empty exactly where it matches. Raises TooLaboriousError."""
        return [check.difference(request) for check in self._checks if not check.holds(request)]


def distance(differences: list[Difference]) -> int:
    """Return how far a request is from matching: the sum over its differences, 0 where there is none."""
    return sum(difference.distance for difference in differences)


def compile(criteria: Criteria) -> Matcher:  # noqa: A001 - as in re: callers write `criteria.compile`
    """Return the matcher of `criteria`.

    Raises:
        InvalidCriteriaError: an expression or a query is none, or criteria contradict one another; all are named.
    """
    faults: list[CriteriaFault] = []
    compiled = tuple(check for check in _checks(criteria, faults) if check is not None)
    if faults:
        raise InvalidCriteriaError(faults)
    return Matcher(compiled)


def _checks(criteria: Criteria, faults: list[CriteriaFault]) -> Iterator[Check | None]:
    if criteria.method is not None:
        yield checks.Method(criteria.method)
    if criteria.path is not None and criteria.path_regex is not None:
        faults.append(CriteriaFault("/path_regex", "Give either `path` or `path_regex`."))
    if criteria.path is not None:
        yield checks.Path(criteria.path)
    if criteria.path_regex is not None:
        yield _path_pattern(criteria.path_regex, faults)
    for name, criterion in criteria.query.items():
        yield _text(f"/query/{_token(name)}", checks.Parameter(name), criterion, faults)
    yield from _headers(criteria.headers, faults)
    for index, wanted in enumerate(criteria.body):
        yield _body(f"/body/{index}", wanted, faults)


def _path_pattern(pattern: str, faults: list[CriteriaFault]) -> Check | None:
    try:
        return checks.PathPattern(pattern, FullMatch(pattern))
    except InvalidPatternError as error:
        faults.append(CriteriaFault("/path_regex", str(error)))
        return None


def _headers(headers: Mapping[str, TextCriterion], faults: list[CriteriaFault]) -> Iterator[Check | None]:
    seen: set[str] = set()
    for name, criterion in headers.items():
        if name.lower() in seen:
            faults.append(CriteriaFault(f"/headers/{_token(name)}", "This header is named twice."))
        seen.add(name.lower())
        yield _text(f"/headers/{_token(name)}", checks.Header(name.lower()), criterion, faults)


def _text(pointer: str, place: checks.Place, criterion: TextCriterion, faults: list[CriteriaFault]) -> Check | None:
    given = {name: value for name, value in msgspec.structs.asdict(criterion).items() if value is not None}
    if len(given) != 1:
        faults.append(CriteriaFault(pointer, "Give exactly one of `equals`, `contains`, `matches` and `absent`."))
        return None
    if criterion.absent is not None:
        return checks.Presence(place, absent=criterion.absent)
    [(operation, value)] = given.items()
    try:
        if operation == "matches":
            return checks.Matching(place, value, FullMatch(value))
        return checks.Text(place, f"{operation} {value}", _TESTS[operation](value))
    except InvalidPatternError as error:
        faults.append(CriteriaFault(f"{pointer}/{operation}", str(error)))
        return None


def _body(pointer: str, wanted: BodyCriterion, faults: list[CriteriaFault]) -> Check | None:
    found: list[CriteriaFault] = []
    has_value = wanted.equals is not msgspec.UNSET
    if has_value == (wanted.matches is not None):
        found.append(CriteriaFault(pointer, "Give exactly one of `equals` and `matches`."))
    if has_value and len(msgspec.json.encode(wanted.equals)) > MAX_VALUE_BYTES:
        found.append(CriteriaFault(f"{pointer}/equals", f"The value has more than {MAX_VALUE_BYTES} bytes of JSON."))
    select = pattern = None
    try:
        select = JsonQuery(wanted.jsonpath)
    except InvalidPatternError as error:
        found.append(CriteriaFault(f"{pointer}/jsonpath", str(error)))
    try:
        pattern = FullMatch(wanted.matches) if wanted.matches is not None else None
    except InvalidPatternError as error:
        found.append(CriteriaFault(f"{pointer}/matches", str(error)))
    faults += found
    if found or select is None:
        return None
    return checks.Body(wanted.jsonpath, select, wanted.equals, wanted.matches, pattern)


_TESTS: Final[Mapping[str, Callable[[str], Callable[[str], bool]]]] = {
    "equals": lambda wanted: wanted.__eq__,
    "contains": lambda wanted: lambda text: wanted in text,
}


def _token(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")
