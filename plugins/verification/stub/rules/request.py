"""A request as rules and criteria see it: plain data, whatever server took it."""

from typing import Any, Final

import msgspec

NOT_JSON: Final[Any] = msgspec.UNSET
"""What stands for the document of a body that is none."""


class StubRequest(msgspec.Struct, kw_only=True):
    """A request.

    Attributes:
        method: in capitals.
        path: decoded, without the query.
        query: every value of each parameter, in order.
        headers: by name in lower case.
        body: as it came over the wire.
    """

    method: str
    path: str
    query: dict[str, list[str]] = {}
    headers: dict[str, str] = {}
    body: bytes = b""
    parsed: Any = None

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
