"""What one value's refusal is called: msgspec's words turned into codes for programs and sentences for people."""

import enum
import re
from datetime import date, datetime, time, timedelta
from typing import Any, Final, Literal, get_args, get_origin
from uuid import UUID

import msgspec

from core.http.problems import Fault
from core.http.values import InvalidValue

_OWN_CODES: Final[dict[Any, tuple[str, str]]] = {
    date: ("invalid_date", "A calendar date is expected, written like 2026-03-01."),
    datetime: ("invalid_datetime", "A time with an offset is expected, written like 2026-03-01T09:30:00Z."),
    time: ("invalid_time", "A time of day is expected, written like 09:30:00."),
    timedelta: ("invalid_duration", "A duration is expected, written like PT1H30M (ISO 8601)."),
    UUID: ("invalid_uuid", "A UUID is expected."),
    bytes: ("invalid_base64", "A string in base64 is expected."),
}

_NOUNS: Final = {
    "int": "an integer",
    "float": "a number",
    "str": "a string",
    "bool": "a boolean",
    "array": "an array",
    "object": "an object",
    "null": "null",
    "decimal": "a decimal string",
    "date": "a date",
    "datetime": "a time",
    "uuid": "a UUID",
}

_EXPECTED: Final = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_SHAPES: Final = (
    (re.compile(r"Expected `\w+` of length (.+?)(?:, got \d+)?$"), "length", "The length must be {}."),
    (re.compile(r"Expected `\w+` matching regex"), "pattern", "The value does not have the expected form."),
    (re.compile(r"Expected `\w+` that's a (multiple of .+)$"), "range", "The value must be a {}."),
    (re.compile(r"Expected `\w+` ([<>]=? .+)$"), "range", "The value must be {}."),
    (re.compile(r"out of range"), "range", "The value is out of range."),
    (re.compile(r"Invalid decimal"), "type", "A decimal string is expected."),
)


def name_fault(pointer: str, annotation: Any, error: msgspec.ValidationError) -> Fault:
    """Return the fault at `pointer`, whose value was refused as an `annotation` (stripped of Annotated)."""
    if isinstance(cause := error.__cause__, InvalidValue):
        return Fault(pointer + cause.pointer, cause.code, cause.message)
    if isinstance(cause, ValueError):
        return Fault(pointer, "invalid_value", str(cause))
    if annotation in _OWN_CODES:
        return Fault(pointer, *_OWN_CODES[annotation])
    if choices := _choices(annotation):
        return Fault(pointer, "enum", f"One of {', '.join(choices)} is expected.")
    return Fault(pointer, *_code_of(str(error).split(" - at ", maxsplit=1)[0]))


def _code_of(text: str) -> tuple[str, str]:
    if matched := _EXPECTED.match(text):
        return "type", f"{_nouns(matched[1]).capitalize()} is expected, not {_nouns(matched[2])}."
    for shape, code, message in _SHAPES:
        if matched := shape.search(text):
            return code, message.format(*matched.groups())
    return "invalid_value", "The value is not acceptable here."


def _nouns(names: str) -> str:
    return " or ".join(_NOUNS.get(name.strip(), f"a {name.strip()}") for name in names.split("|"))


def _choices(annotation: Any) -> list[str]:
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return [str(member.value) for member in annotation]
    return [str(value) for value in get_args(annotation)] if get_origin(annotation) is Literal else []
