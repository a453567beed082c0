"""What came from outside with a request or a job, word by word, so that no message of a failure repeats it.

Asked only where something failed, so nothing here is on the way of a request that goes well.
"""

import re
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec
from litestar.utils.scope.state import ScopeState

DEEPEST: Final = 32

_BETWEEN: Final = re.compile(r"[&=;,\s]+")


def of_json(raw: bytes | str) -> Iterator[str]:
    """Yield every text and number in a JSON document; nothing where it is none."""
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return
    yield from _leaves(value, 0)


def of_request(scope: Any) -> Iterator[str]:
    """Yield the words of a request: of its query, path, headers, cookies, and of its body as far as it was read."""
    yield from _pieces(scope.get("query_string", b""))
    yield from map(str, scope.get("path_params", {}).values())
    for _, value in scope.get("headers", ()):
        yield value.decode("latin-1")
        yield from _pieces(value)
    state = ScopeState.from_scope(scope)
    if isinstance(state.body, bytes) and state.body:
        yield from of_json(state.body)
        yield from _pieces(state.body)
    if isinstance(state.form, dict):
        yield from (word for value in state.form.values() for word in _texts(value))


def _pieces(raw: bytes) -> Iterator[str]:
    for piece in _BETWEEN.split(raw.decode("utf-8", "replace")):
        yield piece
        yield unquote_plus(piece)


def _texts(value: Any) -> Iterator[str]:
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, str):
            yield one


def _leaves(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, dict | list) and depth < DEEPEST:
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _leaves(inner, depth + 1)
    elif isinstance(value, str):
        yield value
        yield repr(value)[1:-1]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield str(value)
