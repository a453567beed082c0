"""How much of a request's head is taken, whichever server reads it."""

from typing import Final

MAX_HEAD: Final = 64 * 1024
"""Bytes of the request line and the headers."""

MAX_HEADERS: Final = 100
"""Headers; what hyper, under Granian, takes as well."""

MAX_PATH: Final = 1024
"""Characters of a decoded path. None that is served is longer, and routers remember the paths that they were asked."""
