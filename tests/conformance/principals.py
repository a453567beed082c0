"""Who asks, and what of the document each of them may expect."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

ADMIN_KEY: Final = "an admin key that only the conformance run knows"


class Principal(msgspec.Struct, frozen=True):
    """Somebody who asks: the header that shows it, and the scopes that come with it."""

    name: str
    header: str | None
    scopes: frozenset[str] | None
    """None: every scope."""

    def may(self, operation: dict[str, Any]) -> bool:
        """Tell whether the operation is open to this principal."""
        demands = operation.get("security")
        if not demands or self.scopes is None:
            return True
        return any(set(scopes) <= self.scopes and self.header for demand in demands for scopes in demand.values())


READER: Final = "demo-hospital:verification:read,verification:write"
PRINCIPALS: Final = (
    Principal("admin", f"X-API-Key: {ADMIN_KEY}", None),
    Principal("user", f"Authorization: Bearer {READER}", frozenset({"verification:read", "verification:write"})),
    Principal("anonymous", None, frozenset()),
)


def exceptions(document: dict[str, Any], principal: Principal) -> str:
    """Return what to add to the configuration: nobody is to be warned that a closed door is closed."""
    names = [f'"{name}"' for name, operation in operations(document) if not principal.may(operation)]
    if not names:
        return ""
    return f"\n[[operations]]\ninclude-name = [{', '.join(names)}]\nwarnings = false\n"


def jobs(identifiers: Sequence[str]) -> str:
    """Return what to add to the configuration: the jobs that there are."""
    return (
        f"\n[dictionaries.jobs]\nvalues = {json.dumps(list(identifiers))}\n"
        '\n[parameters."path.job_id"]\ndictionary = "jobs"\nprobability = 0.9\n'
    )


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and description of every operation."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in ("get", "put", "post", "delete", "patch", "head", "options", "trace"):
                yield f"{method.upper()} {path}", operation
