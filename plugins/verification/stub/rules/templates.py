"""Templates: answers that repeat parts of the request. The grammar is closed and has no logic.

    {{request.method}}  {{request.path}}  {{request.path.2}}  {{request.query.npi}}  {{request.headers.X-Trace}}
    {{request.body.$.patient.name}}  {{now}}  {{uuid}}

Path segments count from 0. Of several values the first one is taken. What the request does not have is empty in text
and null as a whole value of JSON. A string of JSON that is nothing but one expression becomes the value itself, with
its type; within longer strings values are written as text. Values longer than `MAX_VALUE` characters are cut, so that
an answer's size is bounded by its template's.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from plugins.verification.stub.rules.patterns import InvalidPatternError, JsonQuery
from plugins.verification.stub.rules.request import StubRequest

MAX_VALUE: Final = 8_192
MAX_EXPRESSIONS: Final = 64

_OPENING: Final = "{{"
_EXPRESSION: Final = re.compile(r"\{\{\s*(.{0,300}?)\s*\}\}")
_SEGMENT: Final = re.compile(r"request\.path\.(\d{1,2})")
_PARAMETER: Final = re.compile(r"request\.query\.([A-Za-z0-9._~-]{1,100})")
_HEADER: Final = re.compile(r"request\.headers\.([A-Za-z0-9!#$%&'*+.^_`|~-]{1,100})")
_BODY: Final = re.compile(r"request\.body\.(\$.*)")


class Moment(msgspec.Struct, frozen=True):
    """What expressions are filled in from, beside the request: the time, and an identifier of this answer."""

    request: StubRequest
    now: datetime
    uuid: UUID


Expression = Callable[[Moment], Any]
"""Gives a JSON value."""

Part = str | Expression


class InvalidTemplateError(ValueError):
    """Something that is no expression of the grammar, or too much of it."""


class TextTemplate:
    """A template for text."""

    __slots__ = ("_parts",)

    def __init__(self, template: str) -> None:
        """Compile `template`. Raises InvalidTemplateError."""
        self._parts = tuple(_parts(template))

    def render(self, moment: Moment) -> bytes:
        """Return the text in UTF-8."""
        return _filled(self._parts, moment).encode("utf-8", "replace")


class JsonTemplate:
    """A template for JSON: a document in whose strings there may be expressions."""

    __slots__ = ("_parts",)

    def __init__(self, document: Any) -> None:
        """Compile `document`. Raises InvalidTemplateError."""
        self._parts = tuple(_joined(_json_parts(document)))

    def render(self, moment: Moment) -> bytes:
        """Return the document."""
        return b"".join(part if isinstance(part, bytes) else part(moment) for part in self._parts)


def expressions_in(template: str) -> int:
    """Return how many expressions there are in `template`.

    Raises:
        InvalidTemplateError: one of them is not of the grammar.
    """
    return sum(not isinstance(part, str) for part in _parts(template))


def _parts(template: str) -> Iterator[Part]:
    at = 0
    while (opening := template.find(_OPENING, at)) >= 0:
        found = _EXPRESSION.match(template, opening)
        if found is None:
            raise InvalidTemplateError("A `{{` is not closed by `}}` within 300 characters.")
        if opening > at:
            yield template[at:opening]
        yield _expression(found[1])
        at = found.end()
    if at < len(template):
        yield template[at:]


def _expression(text: str) -> Expression:
    if constant := _SIMPLE.get(text):
        return constant
    if found := _SEGMENT.fullmatch(text):
        return _segment(int(found[1]))
    if found := _PARAMETER.fullmatch(text):
        return _parameter(found[1])
    if found := _HEADER.fullmatch(text):
        return _header(found[1].lower())
    if found := _BODY.fullmatch(text):
        return _body(found[1])
    raise InvalidTemplateError(
        f"`{{{{{text[:100]}}}}}` is no expression. There are request.method, request.path, request.path.<number>, "
        "request.query.<name>, request.headers.<name>, request.body.<JSONPath>, now and uuid."
    )


_SIMPLE: Final[dict[str, Expression]] = {
    "request.method": lambda moment: moment.request.method,
    "request.path": lambda moment: moment.request.path,
    "now": lambda moment: moment.now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    "uuid": lambda moment: str(moment.uuid),
}


def _segment(number: int) -> Expression:
    def segment(moment: Moment) -> str | None:
        segments = moment.request.path.strip("/").split("/")
        return segments[number] if number < len(segments) else None

    return segment


def _parameter(name: str) -> Expression:
    def parameter(moment: Moment) -> str | None:
        values = moment.request.query.get(name)
        return values[0] if values else None

    return parameter


def _header(name: str) -> Expression:
    return lambda moment: moment.request.headers.get(name)


def _body(query: str) -> Expression:
    try:
        wanted = JsonQuery(query)
    except InvalidPatternError as error:
        raise InvalidTemplateError(str(error)) from None

    def value(moment: Moment) -> Any:
        return next(moment.request.values(wanted), None)

    return value


def _filled(parts: tuple[Part, ...], moment: Moment) -> str:
    return "".join(part if isinstance(part, str) else _text(part(moment)) for part in parts)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value[:MAX_VALUE]
    return msgspec.json.encode(value)[:MAX_VALUE].decode("utf-8", "ignore")


def _json_parts(document: Any) -> Iterator[bytes | Callable[[Moment], bytes]]:
    match document:
        case dict():
            yield b"{"
            for index, (name, value) in enumerate(document.items()):
                yield (b"," if index else b"") + msgspec.json.encode(name) + b":"
                yield from _json_parts(value)
            yield b"}"
        case list():
            yield b"["
            for index, value in enumerate(document):
                if index:
                    yield b","
                yield from _json_parts(value)
            yield b"]"
        case str() if _OPENING in document:
            yield _json_string(tuple(_parts(document)))
        case _:
            yield msgspec.json.encode(document)


def _json_string(parts: tuple[Part, ...]) -> Callable[[Moment], bytes]:
    if len(parts) == 1 and not isinstance(parts[0], str):
        return lambda moment, whole=parts[0]: _json_value(whole(moment))  # type: ignore[misc]
    return lambda moment: _encoded(_filled(parts, moment))


def _json_value(value: Any) -> bytes:
    if isinstance(value, str):
        return _encoded(value[:MAX_VALUE])
    encoded = msgspec.json.encode(value)
    return encoded if len(encoded) <= MAX_VALUE else b"null"


def _encoded(text: str) -> bytes:
    return msgspec.json.encode(text.encode("utf-8", "replace").decode())


def _joined(
    parts: Iterator[bytes | Callable[[Moment], bytes]],
) -> Iterator[bytes | Callable[[Moment], bytes]]:
    """Yield neighbouring literals as one."""
    literal = b""
    for part in parts:
        if isinstance(part, bytes):
            literal += part
            continue
        if literal:
            yield literal
        literal = b""
        yield part
    if literal:
        yield literal
