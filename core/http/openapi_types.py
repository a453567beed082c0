"""How Structs and our types of values look in the OpenAPI document: as msgspec, which reads them, sees them.

Litestar's own description of a Struct loses the limits of keys and nested types. So its factory only notes which type
stands where, and `resolve` puts msgspec's JSON Schema there once the document is complete.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, Final, get_origin

import msgspec
from litestar._openapi.schema_generation import SchemaCreator
from litestar.openapi.spec import Schema
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition
from msgspec.inspect import DateTimeType, DictType, Field, LiteralType, StructType, Type, UnionType, multi_type_info

from core.http.values import Refinement

_DECIMAL: Final = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_PLACE: Final = "#/components/schemas/"
_NOTE: Final = "$note"
_PYTHON_END: Final = re.compile(r"\$\(\?!\\n\)|\(\?!\[\\s\\S\]\)$")
"""How a pattern says "the end of the text" in Python, where `$` would let a line break follow."""


@dataclass
class Noted(Schema):
    """The place of a type in the document."""

    kind: Any = None

    @property
    def _exclude_fields(self) -> set[str]:
        return {"kind"}

    def to_schema(self) -> dict[str, Any]:
        """Return the note, beside what Litestar knows of this place."""
        return {**super().to_schema(), _NOTE: self.kind}


class TypeNotes(OpenAPISchemaPlugin):
    """Notes Structs and refinements instead of describing them."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Tell whether msgspec describes the type."""
        kind = get_origin(field_definition.annotation) or field_definition.annotation
        return isinstance(kind, Refinement) or (isinstance(kind, type) and issubclass(kind, msgspec.Struct))

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: SchemaCreator) -> Schema:  # noqa: ARG002 - Litestar's signature
        """Return the note."""
        return Noted(kind=field_definition.annotation)


def resolve(document: dict[str, Any]) -> None:
    """Describe every type that is noted in `document`, and add the schemas of Structs to its components."""
    noted = list(dict.fromkeys(_noted(document)))
    structs = _structs(noted)
    kinds = list(dict.fromkeys([*noted, *structs]))
    references, schemas = msgspec.json.schema_components(kinds, schema_hook=_describe, ref_template=_PLACE + "{name}")
    places = dict(zip(kinds, references, strict=True))
    for kind, info in structs.items():
        _complete(schemas[places[kind]["$ref"].removeprefix(_PLACE)], info)
    document["components"]["schemas"] = {name.rstrip("_"): schemas[name] for name in sorted(schemas)}
    _settle(document, places)


def _describe(kind: type) -> dict[str, Any]:
    if isinstance(kind, Refinement):
        return kind.describe()
    raise NotImplementedError  # msgspec's way to be told that a type is not ours; it names the type itself


def _noted(value: Any) -> Iterator[Any]:
    """Yield every type that is noted in the document."""
    if isinstance(value, dict):
        if _NOTE in value:
            yield value[_NOTE]
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from _noted(member)


def _structs(kinds: Iterable[Any]) -> dict[Any, StructType]:
    """Return every Struct that `kinds` are made of."""
    found: dict[Any, StructType] = {}
    pending: list[Any] = list(multi_type_info(kinds))
    while pending:
        match pending.pop():
            case StructType() as struct if struct.cls not in found:
                found[struct.cls] = struct
                pending += [field.type for field in struct.fields]
            case StructType():
                pass
            case Type() as composed:
                pending += [getattr(composed, name) for name in composed.__struct_fields__]
            case tuple() as members:
                pending += members
    return found


def _complete(schema: dict[str, Any], struct: StructType) -> None:
    """Say what msgspec does not: which strings are times, what a request may hold and an answer always does."""
    for field in struct.fields:
        _mark_time(schema["properties"][field.encode_name], field.type)
        _name_keys(schema["properties"][field.encode_name], field.type)
    if struct.forbid_unknown_fields:
        _admit_numbers(schema)
    elif not (get_origin(struct.cls) or struct.cls).__struct_config__.omit_defaults:
        schema["required"] = [field.encode_name for field in struct.fields if not _may_be_absent(field)]


def _mark_time(schema: dict[str, Any], kind: Type) -> None:
    """A time that answers hold in UTC is not declared with an offset, so that msgspec takes it for any string."""
    match kind:
        case DateTimeType():
            schema["format"] = "date-time"
        case UnionType():
            for part in schema.get("anyOf", ()):
                if part == {"type": "string"} and any(isinstance(member, DateTimeType) for member in kind.types):
                    part["format"] = "date-time"


def _admit_numbers(schema: Any) -> None:
    """A decimal may be sent as a JSON number, too; it is answered as a string."""
    for part in _dictionaries(schema):
        if part.get("format") == "decimal":
            part |= {"type": ["string", "number"], "pattern": _DECIMAL}


def _name_keys(schema: dict[str, Any], kind: Type) -> None:
    """Say which keys a dictionary has where they are enumerated."""
    match kind:
        case DictType(key_type=LiteralType(values=keys)):
            schema["propertyNames"] = {"enum": list(keys)}


def _may_be_absent(field: Field) -> bool:
    """Tell whether the field is left out where it is UNSET: neither required nor with any other default."""
    nothing = msgspec.NODEFAULT
    return not field.required and field.default is nothing and field.default_factory is nothing


def _settle(document: Any, places: Mapping[Any, dict[str, Any]]) -> None:
    """Put the description of each type where it is noted, and write patterns in the dialect of JSON Schema."""
    for part in _dictionaries(document):
        if _NOTE in part:
            part.update(places[part.pop(_NOTE)])
        if isinstance(reference := part.get("$ref"), str):
            part["$ref"] = reference.rstrip("_")  # what is left of the brackets of `Page[Row]`
        if isinstance(description := part.get("description"), str):
            part["description"] = cleandoc(description)
        if isinstance(pattern := part.get("pattern"), str):
            part["pattern"] = _PYTHON_END.sub("$", pattern)


def _dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for member in value:
            yield from _dictionaries(member)
