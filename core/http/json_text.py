"""JSON text, judged before it is given a type.

JSON's grammar lets much through that means nothing or something else to the next reader: equal keys in one object,
nesting without end, NUL characters (PostgreSQL has none), integers beyond 64 bits. [measured] On the way of a good
body this costs 2 µs at 130 bytes, 6 µs at 1 kB, 40 µs at 5 kB.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NoReturn, get_origin

from core.http.problems import Fault
from core.http.schema_faults import token

MAX_DEPTH: Final = 64
"""How deep arrays and objects may be nested in one another."""

MAX_INTEGER: Final = 2**63 - 1
MIN_INTEGER: Final = -(2**63)

MAX_VALUES: Final = 50_000
"""How many values a body may hold, keys not counted: what it costs to look at them is borne by every other request."""

_LONGEST_INTEGER: Final = len(str(MIN_INTEGER))
_LONG_NUMBER: Final = re.compile(rb"[0-9]{19}")
"""Digits without which no integer leaves 64 bits."""

_BRACKETS: Final = bytes.maketrans(b"[{]}", b"(())")
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[{]}"))
_NUL_ESCAPE: Final = b"\\u0000"


class UnacceptableJson(ValueError):
    """The body is not JSON, or not of the kind that is accepted. `detail` is fit for the client's eyes."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def parse(body: bytes) -> Any:
    """Return what `body` says, or raise UnacceptableJson."""
    if _holds_too_much(body):
        raise UnacceptableJson(f"The body holds more than {MAX_VALUES} values.")
    try:
        value = (_CAREFUL if _LONG_NUMBER.search(body) else _STRICT).decode(body.decode())
    except UnicodeDecodeError:
        raise UnacceptableJson("The body is not UTF-8.") from None
    except RecursionError:
        raise UnacceptableJson(_TOO_DEEP) from None
    except json.JSONDecodeError as error:
        if body.startswith(b"\xef\xbb\xbf"):
            raise UnacceptableJson("The body begins with a byte order mark.") from None
        place = f"line {error.lineno}, column {error.colno}"
        raise UnacceptableJson(f"The body is not JSON from {place} on.") from None
    if body.count(b"{") + body.count(b"[") > MAX_DEPTH and _is_deeper(body, MAX_DEPTH):
        raise UnacceptableJson(_TOO_DEEP)
    if _NUL_ESCAPE in body and _NUL_ESCAPE in body.replace(b"\\\\", b""):
        raise UnacceptableJson("A string contains a NUL character.")
    return value


_TOO_DEEP: Final = f"The body is nested more than {MAX_DEPTH} deep."


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise UnacceptableJson("An object has the same key twice.")
    return fields


def _integer(text: str) -> int:
    if len(text) > _LONGEST_INTEGER or not MIN_INTEGER <= (number := int(text)) <= MAX_INTEGER:
        raise UnacceptableJson("An integer does not fit into 64 bits.")
    return number


def _constant(name: str) -> NoReturn:
    raise UnacceptableJson(f"{name} is not a JSON value.")


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_constant)
_CAREFUL: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_constant=_constant)
"""Looks at each integer, which takes ten times as long."""


def _holds_too_much(body: bytes) -> bool:
    """Tell whether `body` holds more values than it may, before any of them is made."""
    if len(body) <= MAX_VALUES:
        return False
    if _without_escapes(body).count(b'"') > 4 * MAX_VALUES:  # a key and a value have two each
        return True
    skeleton = _without_strings(body)
    return sum(map(skeleton.count, (b",", b"[", b"{"))) > MAX_VALUES


def _is_deeper(body: bytes, allowed: int) -> bool:
    """Tell whether valid JSON is nested deeper: pairs of brackets are taken out from the inside, a level at a time."""
    brackets = _without_strings(body).translate(_BRACKETS, _NO_BRACKETS)
    for _ in range(allowed):
        if not brackets:
            return False
        brackets = brackets.replace(b"()", b"")
    return bool(brackets)


def _without_strings(body: bytes) -> bytes:
    return b"".join(_without_escapes(body).split(b'"')[::2])


def _without_escapes(body: bytes) -> bytes:
    return body.replace(b"\\\\", b"").replace(b'\\"', b"")


def is_object_expected(annotation: Any) -> bool:
    """Tell whether a body of this type is a JSON object; all are, but those declared as a list."""
    origin = get_origin(annotation) or annotation
    return not (isinstance(origin, type) and issubclass(origin, list | tuple | set | frozenset | Sequence))


class _Pairs(list[tuple[str, Any]]):
    """An object as it stands in the text, equal keys included."""


class _Number(str):
    """A number or constant as it stands in the text."""

    __slots__ = ()


_LITERAL: Final = json.JSONDecoder(object_pairs_hook=_Pairs, parse_int=_Number, parse_constant=_Number)


def faults_in_text(body: bytes) -> Iterator[Fault]:
    """Yield where in `body` the text is unacceptable; nothing where it cannot be read at all, or holds too much."""
    if _holds_too_much(body):
        return
    try:
        value = _LITERAL.decode(body.decode())
    except (ValueError, RecursionError):
        return
    yield from _faults_in(value, "", MAX_DEPTH)


def _faults_in(value: Any, pointer: str, allowed: int) -> Iterator[Fault]:
    if isinstance(value, list):
        if allowed == 0:
            yield Fault(pointer, "nesting", f"At most {MAX_DEPTH} levels are accepted.")
            return
        items = value if isinstance(value, _Pairs) else enumerate(value)
        seen = set()
        for key, item in items:
            place = pointer + token(_printable(key))
            if key in seen:
                yield Fault(place, "duplicate_key", "This key appears more than once in its object.")
            seen.add(key)
            yield from _faults_in_string(key, place)
            yield from _faults_in(item, place, allowed - 1)
    elif isinstance(value, _Number):
        yield from _faults_in_number(value, pointer)
    else:
        yield from _faults_in_string(value, pointer)


def _faults_in_number(text: str, pointer: str) -> Iterator[Fault]:
    try:
        _integer(text)
    except ValueError as error:
        code = "range" if text.lstrip("-").isdigit() else "not_a_number"
        yield Fault(pointer, code, str(error) if code == "range" else f"{text} is not a JSON value.")


def _faults_in_string(value: Any, pointer: str) -> Iterator[Fault]:
    if not isinstance(value, str):
        return
    if "\0" in value:
        yield Fault(pointer, "nul_character", "NUL characters are refused.")
    if any("\ud800" <= character <= "\udfff" for character in value):
        yield Fault(pointer, "lone_surrogate", "Half of a surrogate pair is not a character.")


def _printable(key: str | int) -> str:
    return str(key).encode("utf-8", "replace").decode()
