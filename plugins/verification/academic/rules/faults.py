"""What a rule finds wrong with a document, all of it at once."""

import msgspec


class RuleFault(msgspec.Struct, frozen=True):
    """One fault: where (a JSON Pointer into the document), under which code, and why."""

    pointer: str
    code: str
    message: str


def escape(name: str) -> str:
    """Return `name` as one token of a JSON Pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
