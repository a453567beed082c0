"""Whether a request names the host that it is for, as HTTP demands (RFC 9112, 3.2), before anything is made of it."""

import re
from functools import lru_cache
from typing import Final

from litestar.types import HTTPScope

MAX_HOST: Final = 255 + len(":65535")
"""Bytes: the longest name that DNS has, and a port."""

_MAX_PORT: Final = 65535
_HOST: Final = re.compile(rb"(?:[0-9A-Za-z._~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5})?)?")


def names_its_host(scope: HTTPScope) -> bool:
    """Tell whether there is exactly one Host and it is a name with or without a port; HTTP/1.0 may leave it out."""
    hosts = [value for name, value in scope["headers"] if name == b"host"]
    if len(hosts) == 1:
        return _is_host(hosts[0])
    return not hosts and scope["http_version"] == "1.0"


@lru_cache(1024)
def _is_host(value: bytes) -> bool:
    matched = _HOST.fullmatch(value) if len(value) <= MAX_HOST else None
    return matched is not None and int(matched[1] or 0) <= _MAX_PORT
