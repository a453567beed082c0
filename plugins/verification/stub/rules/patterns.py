"""Regular expressions and JSONPath queries of clients, bounded so that no input makes them expensive.

Expressions are RE2's: they run in time linear in the text, which rules out back-references and look-around. Queries
are those of RFC 9535 without the functions `match` and `search`, with one root, one descendant segment and four
alternatives at most, so that a query looks at each value of a document a fixed number of times.

Linear is not little: an expression of a thousand instructions takes ten microseconds a character at worst. Both tell
their `effort`, in steps of some ten nanoseconds, so that who compares many can stop.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import cache
from typing import Any, Final

import re2

MAX_PATTERN: Final = 512
MAX_QUERY: Final = 256
MAX_PROGRAM: Final = 5_000
"""Instructions that one expression may come to, its repetitions written out."""

MAX_MATCHED: Final = 8_192
"""Characters of the longest text that an expression matches."""

_MEMORY: Final = 1 << 20
"""Bytes that one compiled expression may take."""


_MOST: Final = {"ROOT": 1, "DOUBLE_DOT": 1, "COMMA": 3}
"""How often what multiplies the work may occur in a query, by the names of tokens."""


_BROAD: Final = frozenset({"DOUBLE_DOT", "WILD", "FILTER", "COLON"})
_STEPS: Final = 25
"""By which tokens a query looks at more than one value, and what that takes for each byte of a document."""


class InvalidPatternError(ValueError):
    """An expression or a query that is not one, or not one of those that are accepted; says why."""


def _options() -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY
    options.log_errors = False
    return options


_OPTIONS: Final = _options()


class FullMatch:
    """An expression for the whole of a text. Texts longer than MAX_MATCHED do not match any."""

    __slots__ = ("_fullmatch", "effort")

    def __init__(self, pattern: str) -> None:
        """Compile `pattern`. Raises InvalidPatternError where RE2 does not take it, or where it is too large.

        `effort` is the number of steps for one character at worst.
        """
        try:
            compiled = re2.compile(pattern.encode(), _OPTIONS)
        except re2.error as error:
            raise InvalidPatternError(f"It is no expression of RE2: {_words(error)}.") from None
        except UnicodeEncodeError:
            raise InvalidPatternError("It holds a lone surrogate.") from None
        self.effort: int = compiled.programsize
        if self.effort > MAX_PROGRAM:
            raise InvalidPatternError(
                f"It comes to {self.effort} instructions, of which {MAX_PROGRAM} are allowed: repeat less."
            )
        self._fullmatch: Callable[[bytes], object] = compiled.fullmatch

    def __call__(self, text: str) -> bool:
        """Tell whether the whole of `text` matches."""
        return len(text) <= MAX_MATCHED and self._fullmatch(text.encode("utf-8", "surrogatepass")) is not None


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


class JsonQuery:
    """A query for values in a JSON document.

    Where it descends, it goes 100 levels deep and not further.
    """

    __slots__ = ("_compiled", "effort")

    def __init__(self, query: str) -> None:
        """Compile `query`. Raises InvalidPatternError where it is none of RFC 9535, or could be expensive.

        `effort` is the number of steps for one byte of the document, roughly; 0 where the query goes straight to a
        place.
        """
        from jsonpath_rfc9535 import JSONPathError  # slow to load, and rarely needed
        from jsonpath_rfc9535.lex import tokenize

        try:
            kinds = [token.type_.name for token in tokenize(query)]
            if any(kinds.count(kind) > most for kind, most in _MOST.items()):
                raise InvalidPatternError("A query has one root `$`, and at most one `..` and three commas.")
            self._compiled = _environment().compile(query)
        except JSONPathError as error:
            raise InvalidPatternError(f"It is no JSONPath query (RFC 9535): {error.args[0]}.") from None
        except (LookupError, ValueError, RecursionError) as error:
            if isinstance(error, InvalidPatternError):
                raise
            raise InvalidPatternError("It is no JSONPath query (RFC 9535).") from None
        looks_around = not _BROAD.isdisjoint(kinds)
        self.effort = _STEPS * (1 + kinds.count("FILTER")) * (1 + kinds.count("COMMA")) if looks_around else 0

    def __call__(self, document: Any) -> Iterator[Any]:
        """Yield the values that the query names in `document`."""
        from jsonpath_rfc9535 import JSONPathRecursionError

        with suppress(JSONPathRecursionError):
            for node in self._compiled.finditer(document):
                yield node.value
