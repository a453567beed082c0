"""Regular expressions and JSONPath queries of clients, bounded so that no input makes them expensive.

Expressions are RE2's: they run in time linear in the text, which rules out back-references and look-around. Queries
are those of RFC 9535 without the functions `match` and `search`, with one root, one descendant segment and four
alternatives at most, so that a query looks at each value of a document a fixed number of times.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import re2
from jsonpath_rfc9535 import JSONPathEnvironment, JSONPathError, JSONPathRecursionError
from jsonpath_rfc9535.lex import tokenize
from jsonpath_rfc9535.tokens import TokenType

MAX_PATTERN: Final = 512
MAX_QUERY: Final = 256
_MEMORY: Final = 1 << 20
"""Bytes that one compiled expression may take."""


_MOST: Final = {TokenType.ROOT: 1, TokenType.DOUBLE_DOT: 1, TokenType.COMMA: 3}
"""How often what multiplies the work may occur in a query."""


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


class _Environment(JSONPathEnvironment):
    def setup_function_extensions(self) -> None:
        super().setup_function_extensions()
        for backtracking in ("match", "search"):
            del self.function_extensions[backtracking]


_ENVIRONMENT: Final = _Environment()


def json_query(query: str) -> Callable[[Any], Iterator[Any]]:
    """Return a function that yields the values in a JSON document that `query` names.

    Where the query descends, it goes 100 levels deep and not further.

    Raises:
        InvalidPatternError: it is no query of RFC 9535, or one that could be expensive.
    """
    try:
        kinds = [token.type_ for token in tokenize(query)]
        if any(kinds.count(kind) > most for kind, most in _MOST.items()):
            raise InvalidPatternError("A query has one root `$`, and at most one `..` and three commas.")
        compiled = _ENVIRONMENT.compile(query)
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
