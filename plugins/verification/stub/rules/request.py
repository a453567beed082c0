"""A request as rules and criteria see it: plain data, whatever server took it."""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from plugins.verification.stub.rules.patterns import MAX_MATCHED, FullMatch, JsonQuery

MAX_EFFORT: Final = 50_000_000
"""Steps that comparing and repeating one request may take: half a second, in which nobody else is served."""

NOT_JSON: Final[Any] = msgspec.UNSET
"""What stands for the document of a body that is none."""


class TooLaboriousError(Exception):
    """Expressions and queries would take too long with a request."""


class StubRequest(msgspec.Struct, kw_only=True):
    """A request.

    Attributes:
        method: in capitals.
        path: decoded, without the query.
        query: every value of each parameter, in order.
        headers: by name in lower case.
        body: as it came over the wire.
        left: steps that may still be spent on it.
    """

    method: str
    path: str
    query: dict[str, list[str]] = {}
    headers: dict[str, str] = {}
    body: bytes = b""
    parsed: Any = None
    left: int = MAX_EFFORT

    def matches(self, expression: FullMatch, text: str) -> bool:
        """Tell whether `expression` matches a text of this request. Raises TooLaboriousError."""
        if len(text) <= MAX_MATCHED:
            self._spend(expression.effort * len(text))
        return expression(text)

    def values(self, query: JsonQuery) -> Iterator[Any]:
        """Return what `query` names in the body; nothing where that is no JSON. Raises TooLaboriousError."""
        document = self.document()
        if document is NOT_JSON:
            return iter(())
        self._spend(query.effort * len(self.body))
        return query(document)

    def _spend(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise TooLaboriousError

    def document(self) -> Any:
        """Return the body's JSON document, read once, or NOT_JSON where it is none."""
        if self.parsed is None:
            self.parsed = (_read(self.body),)
        return self.parsed[0]


def _read(body: bytes) -> Any:
    if not body:
        return NOT_JSON
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return NOT_JSON
