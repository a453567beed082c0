"""Everything that is wrong with a decoded body. msgspec stops at the first fault; this walks on and finds them all.

Only called once decoding has failed, so it may take its time.
"""

import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec

from core.faults import did_you_mean
from core.http.fault_codes import name_fault
from core.http.problems import Fault
from core.http.values import decode_value

MAX_NAME: Final = 100
"""How many characters of a name of the client's are repeated to it."""

_RUN: Final = 256
_ARRAYS: Final = (list, set, frozenset, Sequence, AbstractSet)
_OBJECTS: Final = (dict, Mapping)


def token(name: str | int) -> str:
    """Return one step of a JSON Pointer (RFC 6901), cut off where the client's key is absurdly long."""
    return "/" + str(name)[:MAX_NAME].replace("~", "~0").replace("/", "~1")


def unknown(name: str, known: Iterable[str], what: str) -> str:
    """Return the message for a name that is not among `known`, with the nearest of them."""
    hint = did_you_mean(name, known) if len(name) <= MAX_NAME else ""
    return f"There is no {what} {name[:MAX_NAME]!r} here" + (f": {hint}" if hint else ".")


def schema_faults(value: Any, annotation: Any, pointer: str = "") -> Iterator[Fault]:
    """Yield every fault of `value`, which JSON decoding gave, as an `annotation`; in no particular order."""
    try:
        convert_strictly(value, annotation)
    except msgspec.ValidationError as error:
        inner = _inner_faults(value, annotation, pointer)
        yield next(inner, None) or name_fault(pointer, bare(annotation), error)
        yield from inner


def convert_strictly(value: Any, annotation: Any) -> Any:
    """Return `value` as an `annotation`, as strictly as the decoding of a body."""
    return msgspec.convert(value, annotation, strict=True, str_keys=True, dec_hook=decode_value)


def bare(annotation: Any) -> Any:
    """Return the type that is annotated."""
    return bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def _inner_faults(value: Any, annotation: Any, pointer: str) -> Iterator[Fault]:
    """Yield the faults of the parts of `value`; none where the fault is the value's own."""
    annotation = bare(annotation)
    origin = get_origin(annotation) or annotation
    arguments = get_args(annotation)
    if origin in (Union, types.UnionType):
        yield from _union_faults(value, [member for member in arguments if member is not type(None)], pointer)
    elif isinstance(value, dict) and isinstance(origin, type) and issubclass(origin, msgspec.Struct):
        yield from _struct_faults(value, annotation, origin.__struct_config__, pointer)
    elif isinstance(value, dict) and origin in _OBJECTS and arguments:
        for key, item in value.items():
            yield from schema_faults(key, arguments[0], pointer + token(key))
            yield from schema_faults(item, arguments[1], pointer + token(key))
    elif isinstance(value, list) and origin in _ARRAYS and arguments:
        yield from _item_faults(value, arguments[0], pointer)
    elif isinstance(value, list) and origin is tuple and arguments:
        members = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        for index, (item, member) in enumerate(zip(value, members, strict=False)):
            yield from schema_faults(item, member, pointer + token(index))


def _item_faults(items: list[Any], annotation: Any, pointer: str) -> Iterator[Fault]:
    """Yield the faults of the items. Runs of good ones are passed at the speed of C, since a list may be long."""
    for start in range(0, len(items), _RUN):
        run = items[start : start + _RUN]
        try:
            convert_strictly(run, list[annotation])
        except msgspec.ValidationError:
            for index, item in enumerate(run, start):
                yield from schema_faults(item, annotation, pointer + token(index))


def _struct_faults(
    value: dict[str, Any], annotation: Any, config: msgspec.structs.StructConfig, pointer: str
) -> Iterator[Fault]:
    fields = {field.encode_name: field for field in msgspec.structs.fields(annotation)}
    for name, field in fields.items():
        if name in value:
            yield from schema_faults(value[name], field.type, pointer + token(name))
        elif field.required:
            yield Fault(pointer + token(name), "missing_field", f"The field {name} is required.")
    if config.forbid_unknown_fields:
        for name in value.keys() - fields.keys() - {config.tag_field}:
            yield Fault(pointer + token(name), "unknown_field", unknown(name, fields, "field"))


def _union_faults(value: Any, members: list[Any], pointer: str) -> Iterator[Fault]:
    """Yield the faults of `value` as the member that it was meant for; none where that cannot be told."""
    if len(members) == 1:
        yield from schema_faults(value, members[0], pointer)
    elif isinstance(value, dict):
        structs = {_tag_of(member): member for member in members if _is_struct(member)}
        field = next((origin.__struct_config__.tag_field for origin in map(_origin, structs.values())), None)
        if field is None:
            objects = [*structs.values(), *(member for member in members if _origin(member) in _OBJECTS)]
            yield from schema_faults(value, objects[0], pointer) if len(objects) == 1 else ()
        elif value.get(field) in structs:
            yield from schema_faults(value, structs[value[field]], pointer)
        else:
            yield Fault(pointer + token(field), "enum", f"One of {', '.join(map(str, structs))} is expected.")
    elif isinstance(value, list):
        arrays = [member for member in members if _origin(member) in _ARRAYS]
        yield from schema_faults(value, arrays[0], pointer) if len(arrays) == 1 else ()


def _origin(annotation: Any) -> Any:
    return get_origin(bare(annotation)) or bare(annotation)


def _is_struct(annotation: Any) -> bool:
    return isinstance(_origin(annotation), type) and issubclass(_origin(annotation), msgspec.Struct)


def _tag_of(member: Any) -> Any:
    return _origin(member).__struct_config__.tag
