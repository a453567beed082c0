"""Whether what a hook returned is what its specification says, so that a slip is told in the plugin's name."""

import collections.abc
import typing
from typing import Any


def require_type(value: Any, expected: Any) -> None:
    """Raise TypeError unless `value` is an `expected`, a hook's annotated return type; a list is looked into."""
    origin, arguments = typing.get_origin(expected), typing.get_args(expected)
    if origin is collections.abc.Sequence:
        _require(value, (list, tuple), "a list")
        for item in value:
            require_type(item, arguments[0])
    elif origin is dict:
        _require(value, (dict,), "a dict")
        for item in value.values():
            require_type(item, arguments[1])
    elif origin is collections.abc.Callable:
        if not callable(value):
            raise TypeError(f"it returned {_shown(value)} where something to call is expected")
    elif origin in {typing.Union, None} and not isinstance(expected, type):
        return  # alternatives, such as the many shapes of a route: whoever takes them judges
    else:
        kind = origin or expected
        _require(value, (kind,), f"a {kind.__name__}")


def _require(value: Any, kinds: tuple[type, ...], name: str) -> None:
    if not isinstance(value, kinds):
        raise TypeError(f"it returned {_shown(value)} where {name} is expected")


def _shown(value: Any) -> str:
    return "nothing" if value is None else f"a {type(value).__name__}"
