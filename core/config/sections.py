"""Decoding one section of the configuration into its Struct, field by field, collecting every fault."""

import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import msgspec

from core.faults import ConfigurationFault, did_you_mean, one_line
from ports.secrets import REDACTED, Secret

S = TypeVar("S", bound=msgspec.Struct)


class FromEnvironment(str):
    """A value that came from an environment variable: a word, to be read as what its field expects."""

    __slots__ = ("variable",)

    def __new__(cls, text: str, variable: str) -> Self:
        """Keep the text and remember the variable."""
        value = super().__new__(cls, text)
        value.variable = variable
        return value

    variable: str


class SectionReader:
    """Reads sections of one source. What is wrong is added to `faults`; `environ` resolves references to secrets."""

    def __init__(self, source: str, environ: Mapping[str, str], faults: list[ConfigurationFault]) -> None:
        self._source = source
        self._environ = environ
        self._faults = faults

    def read(self, struct: type[S], raw: Mapping[str, Any], prefix: str, also_known: Iterable[str] = ()) -> S | None:
        """Return `raw` as a `struct`, or None after noting everything that is wrong with it.

        `prefix` is the section's dotted name; keys in `also_known` are offered in hints although they are not fields.
        """
        before = len(self._faults)
        values = self._read_values(struct, raw, prefix, also_known)
        return None if len(self._faults) > before else self._build(struct, values, prefix)

    def read_sound(self, struct: type[S], raw: Mapping[str, Any], prefix: str, also_known: Iterable[str] = ()) -> S:
        """Return what is sound of `raw` as a `struct` of defaults; what is faulty is noted and left out."""
        return struct(**self._read_values(struct, raw, prefix, also_known))

    def _read_values(
        self, struct: type[msgspec.Struct], raw: Mapping[str, Any], prefix: str, also_known: Iterable[str]
    ) -> dict[str, Any]:
        fields = {field.encode_name: field for field in msgspec.structs.fields(struct)}
        for key, value in raw.items():
            if key not in fields:
                self._fault(value, _join(prefix, key), "unknown key", did_you_mean(key, [*fields, *also_known]))
        values = {}
        for key, field in fields.items():
            if key in raw:
                before = len(self._faults)
                value = self._read_value(field.type, raw[key], _join(prefix, key))
                if len(self._faults) == before:
                    values[field.name] = value
            elif field.required:
                message = f"is required (expected {_type_name(field.type)})"
                self._fault(None, _join(prefix, key), message, f"set it in {self._source}")
        return values

    def _build(self, struct: type[S], values: dict[str, Any], prefix: str) -> S | None:
        try:
            return struct(**values)
        except ValueError as error:
            self._fault(None, prefix, str(error))
        except Exception as error:  # noqa: BLE001 - the section's owner checks it as it likes
            self._fault(None, prefix, one_line(error))
        return None

    def _read_value(self, expected: Any, value: Any, key: str) -> Any:
        struct = _struct_in(expected)
        if struct is not None and isinstance(value, dict):
            return self.read(struct, value, key)
        if _holds_secret(expected) and isinstance(value, dict):
            return self._read_reference(value, key)
        try:
            lax = isinstance(value, FromEnvironment)
            given = str(value) if lax else value
            return msgspec.convert(given, expected, strict=not lax, dec_hook=_decode_secret)
        except msgspec.ValidationError as error:
            shown = REDACTED if _holds_secret(expected) else repr(value)
            self._fault(
                value,
                key,
                f"expected {_type_name(expected)}, got {_given_type(value)} {shown}",
                _reason(error),
            )
            return None

    def _read_reference(self, reference: Mapping[str, Any], key: str) -> Secret | None:
        match dict(reference):
            case {"env": str(variable), **rest} if not rest:
                if variable in self._environ:
                    return Secret(self._environ[variable])
                self._fault(None, key, f"the environment variable {variable} is not set")
            case {"file": str(path), **rest} if not rest:
                try:
                    return Secret(Path(path).read_text(encoding="utf-8").strip())
                except OSError as error:
                    self._fault(None, key, f"the file {path} cannot be read: {error.strerror}")
                except UnicodeDecodeError:
                    self._fault(None, key, f"the file {path} cannot be read: it is not text in UTF-8")
            case _:
                self._fault(None, key, "is not a reference to a secret", '{ env = "NAME" } or { file = "/path" }')
        return None

    def _fault(self, value: Any, key: str, message: str, hint: str = "") -> None:
        source = value.variable if isinstance(value, FromEnvironment) else self._source
        self._faults.append(ConfigurationFault(source, key, message, hint))


def _decode_secret(expected: type, value: Any) -> Any:
    if expected is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(f"Expected `{_type_name(expected)}`, got `{type(value).__name__}`")


def _join(prefix: str, key: str) -> str:
    return f"{prefix}.{key}" if prefix else key


def _members(expected: Any) -> tuple[Any, ...]:
    if isinstance(expected, types.UnionType) or typing.get_origin(expected) is typing.Union:
        return typing.get_args(expected)
    return (expected,)


def _struct_in(expected: Any) -> type[msgspec.Struct] | None:
    return next(
        (member for member in _members(expected) if isinstance(member, type) and issubclass(member, msgspec.Struct)),
        None,
    )


def _holds_secret(expected: Any) -> bool:
    return Secret in _members(expected)


def _type_name(expected: Any) -> str:
    if typing.get_origin(expected) is typing.Literal:
        return "one of " + ", ".join(repr(choice) for choice in typing.get_args(expected))
    names = [_member_name(member) for member in _members(expected)]
    return " or ".join(name.replace("NoneType", "nothing").replace("typing.", "") for name in names)


def _member_name(member: Any) -> str:
    if typing.get_origin(member) is typing.Annotated:
        return _type_name(typing.get_args(member)[0])
    if isinstance(member, type) and issubclass(member, msgspec.Struct):
        return "a table"
    if typing.get_origin(member) in {tuple, list}:
        return f"an array of {_type_name(typing.get_args(member)[0])}"
    return member.__name__ if isinstance(member, type) and not typing.get_args(member) else str(member)


def _given_type(value: Any) -> str:
    return "str" if isinstance(value, FromEnvironment) else type(value).__name__


def _reason(error: msgspec.ValidationError) -> str:
    reason = str(error)
    return "" if reason.startswith("Expected `") and "got `" in reason else reason
