"""Paths as the log and the spans show them: what the code calls things, and nothing that a caller may have put in.

A token, a code or a name in a path looks like any other segment. So the words of a route's template are shown and, of
what stands for its parameters, ids and short numbers only; where no route matched, plain words as well.
"""

import re
from functools import lru_cache
from typing import Final

from ports.secrets import REDACTED

MOST_SEGMENTS: Final = 20

_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{1,8}", re.ASCII)
_PLAIN: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{1,8}|v\d|[A-Za-z._-]{0,16}", re.ASCII)


def shown_path(path: str, route: str) -> str:
    """Return `path` fit to be seen; `route` is the template that it matched, or nothing."""
    if path == route:
        return path
    segments = path.split("/", MOST_SEGMENTS)
    if route:
        known = _words(route)
        return "/".join(one if one in known or _ID.fullmatch(one) else REDACTED for one in segments)
    return "/".join(one if _PLAIN.fullmatch(one) else REDACTED for one in segments)


@lru_cache(1024)
def _words(route: str) -> frozenset[str]:
    return frozenset(route.split("/"))
