"""Regular expressions and JSONPath queries of clients, bounded so that no input makes them expensive.

Expressions are RE2's: they run in time linear in the text, which rules out back-references and look-around. Queries
are those of RFC 9535 without the functions `match` and `search`, with one root, one descendant segment and four
alternatives at most, so that a query looks at each value of a document a fixed number of times.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any, Final

import re2

MAX_PATTERN: Final = 512
MAX_QUERY: Final = 256
_MEMORY: Final = 1 << 20
"""Bytes that one compiled expression may take."""


_MOST: Final = {"ROOT": 1, "DOUBLE_DOT": 1, "COMMA": 3}
"""How often what multiplies the work may occur in a query, by the names of tokens."""


class InvalidPatternError(ValueError):
    """An expression or a query that is not one, or not one of those that are accepted; says why."""


def _options() -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    return options


_OPTIONS: Final = _options()


def full_match(pattern: str) -> Callable[[str], bool]:
    """Return a function that tells whether `pattern` matches the whole of a text.

    Raises:
        InvalidPatternError: RE2 does not take it.
    """
    try:
        compiled = re2.compile(pattern.encode(), _OPTIONS)
    except re2.error as error:
        raise InvalidPatternError(f"It is no expression of RE2: {_words(error)}.") from None
    except UnicodeEncodeError:
        raise InvalidPatternError("It holds a lone surrogate.") from None
    return lambda text: compiled.fullmatch(text.encode("utf-8", "surrogatepass")) is not None


def _words(error: Exception) -> str:
    reason = error.args[0] if error.args else "it does not compile"
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


@cache
def _environment() -> Any:
    from jsonpath_rfc9535 import JSONPathEnvironment

    environment = JSONPathEnvironment()
    for backtracking in ("match", "search"):
        del environment.function_extensions[backtracking]
    return environment


def json_query(query: str) -> Callable[[Any], Iterator[Any]]:
    """Return a function that yields the values in a JSON document that `query` names.

    Where the query descends, it goes 100 levels deep and not further.

    Raises:
        InvalidPatternError: it is no query of RFC 9535, or one that could be expensive.
    """
    from jsonpath_rfc9535 import JSONPathError, JSONPathRecursionError  # slow to load, and rarely needed
    from jsonpath_rfc9535.lex import tokenize

    try:
        kinds = [token.type_.name for token in tokenize(query)]
        if any(kinds.count(kind) > most for kind, most in _MOST.items()):
            raise InvalidPatternError("A query has one root `$`, and at most one `..` and three commas.")
        compiled = _environment().compile(query)
    except JSONPathError as error:
        raise InvalidPatternError(f"It is no JSONPath query (RFC 9535): {error.args[0]}.") from None
    except (LookupError, ValueError, RecursionError) as error:
        if isinstance(error, InvalidPatternError):
            raise
        raise InvalidPatternError("It is no JSONPath query (RFC 9535).") from None

    def select(document: Any) -> Iterator[Any]:
        with suppress(JSONPathRecursionError):
            for node in compiled.finditer(document):
                yield node.value

    return select
