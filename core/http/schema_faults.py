"""Everything that is wrong with a decoded body. msgspec stops at the first fault; this walks on and finds them all.

Only called once decoding has failed, so it may take its time.
"""

import types
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Annotated, Any, Final, Union, get_args, get_origin

import msgspec

from core.faults import did_you_mean
from core.http.fault_codes import name_fault
from core.http.problems import Fault
from core.http.values import decode_value

_ARRAYS: Final = (list, set, frozenset, Sequence, AbstractSet)
_OBJECTS: Final = (dict, Mapping)


def token(name: str | int) -> str:
    """Return one step of a JSON Pointer (RFC 6901)."""
    return "/" + str(name).replace("~", "~0").replace("/", "~1")


def schema_faults(value: Any, annotation: Any, pointer: str = "") -> Iterator[Fault]:
    """Yield every fault of `value`, which JSON decoding gave, as an `annotation`; in no particular order."""
    try:
        convert_strictly(value, annotation)
    except msgspec.ValidationError as error:
        inner = list(_inner_faults(value, annotation, pointer))
        yield from inner or [name_fault(pointer, bare(annotation), error)]


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
        chosen = _alternative(value, [bare(member) for member in arguments if member is not type(None)])
        if chosen is not None:
            yield from schema_faults(value, chosen, pointer)
    elif isinstance(value, dict) and isinstance(origin, type) and issubclass(origin, msgspec.Struct):
        yield from _struct_faults(value, annotation, origin.__struct_config__, pointer)
    elif isinstance(value, dict) and origin in _OBJECTS and arguments:
        for key, item in value.items():
            yield from schema_faults(key, arguments[0], pointer + token(key))
            yield from schema_faults(item, arguments[1], pointer + token(key))
    elif isinstance(value, list) and origin in _ARRAYS and arguments:
        for index, item in enumerate(value):
            yield from schema_faults(item, arguments[0], pointer + token(index))
    elif isinstance(value, list) and origin is tuple and arguments:
        members = [arguments[0]] * len(value) if arguments[-1] is Ellipsis else arguments
        for index, (item, member) in enumerate(zip(value, members, strict=False)):
            yield from schema_faults(item, member, pointer + token(index))


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
            hint = did_you_mean(name, fields)
            message = f"There is no field {name!r} here" + (f": {hint}" if hint else ".")
            yield Fault(pointer + token(name), "unknown_field", message)


def _alternative(value: Any, members: list[Any]) -> Any:
    """Return the member of a union that `value` was meant for, or None where that cannot be told."""
    if len(members) == 1:
        return members[0]
    tagged = [member for member in members if _is_tagged_for(member, value)]
    if tagged:
        return tagged[0]
    shaped = [
        member
        for member in members
        if isinstance(value, dict | list)
        and (get_origin(member) or member) in (_OBJECTS if isinstance(value, dict) else _ARRAYS)
    ]
    return shaped[0] if len(shaped) == 1 else None


def _is_tagged_for(member: Any, value: Any) -> bool:
    origin = get_origin(member) or member
    if not (isinstance(value, dict) and isinstance(origin, type) and issubclass(origin, msgspec.Struct)):
        return False
    config = origin.__struct_config__
    return config.tag_field is None or value.get(config.tag_field) == config.tag
