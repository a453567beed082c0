"""A request as it arrives, turned into what rules and the journal see of it."""

import re
from typing import Any, Final
from urllib.parse import parse_qsl

from core.http.body_limits import expects_body
from plugins.verification.stub.rules.compiled import RawHeaders
from plugins.verification.stub.rules.request import StubRequest

MAX_PARAMETERS: Final = 100

_ENCODED: Final = re.compile(rb"[^\x21-\x7e]|[%+;]|&&|^&|&$")
"""What takes more than cutting a query into pieces; most queries have none of it, and it takes thrice the time."""


def may_have_body(scope: Any) -> bool:
    """Tell whether the request may have a body. One of HTTP/1 announces it (RFC 9112, 6.3), later ones need not."""
    return expects_body(scope) or not scope["http_version"].startswith("1")


def stub_request(scope: Any, body: bytes) -> StubRequest:
    """Return the request of `scope` as rules see it."""
    return StubRequest(
        method=scope["method"],
        path=scope["path"],
        query=query_values(scope["query_string"]),
        headers=header_values(scope["headers"]),
        body=body,
    )


def query_values(query_string: bytes) -> dict[str, list[str]]:
    """Return the values of each parameter; nothing where there are more than any route takes."""
    if not query_string:
        return {}
    found: dict[str, list[str]] = {}
    if _ENCODED.search(query_string) is None:
        plain = query_string.decode("ascii").split("&")
        for pair in plain if len(plain) <= MAX_PARAMETERS else ():
            name, _, value = pair.partition("=")
            found.setdefault(name, []).append(value)
        return found
    try:
        pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError:
        return {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return found


def header_values(raw: RawHeaders) -> dict[str, str]:
    """Return the headers by name; of one that is repeated, all values in one line (RFC 9110, 5.2)."""
    found: dict[str, str] = {}
    for name, value in raw:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found
