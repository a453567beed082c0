"""Requests that a browser sends with its user's cookie, on behalf of whichever page is open.

Browsers name the sending page's origin with every request that changes something; a page cannot forge it. So a cookie
counts for such a request only where the page is one of ours, or of an origin that `cors_origins` lists.
"""

from collections.abc import Iterable
from typing import Final
from urllib.parse import urlsplit

from litestar.types import HTTPScope

from core.http.problem_types import FORBIDDEN
from core.http.problems import Problem

SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class OwnOrigins:
    """The origins whose pages may use their reader's cookies here.

    Args:
        public_url: where this service is reached; pages of the same host over another scheme are none of ours then.
        listed: further origins, exactly as browsers write them; `*` lists nobody.
    """

    def __init__(self, public_url: str | None, listed: Iterable[str] = ()) -> None:
        public = urlsplit(public_url or "")
        self._public_host = public.netloc
        self._listed = {f"{public.scheme}://{public.netloc}", *listed} - {"*", "://"}

    def require(self, scope: HTTPScope) -> None:
        """Refuse a request that a page of somebody else has sent, and one that does not say which page has.

        Raises:
            Problem: 403 `forbidden`.
        """
        origins = [value for name, value in scope["headers"] if name == b"origin"]
        if len(origins) != 1 or not self._includes(origins[0].decode("latin-1"), scope):
            raise Problem(FORBIDDEN, "The request was not sent from a page of this service.")

    def _includes(self, origin: str, scope: HTTPScope) -> bool:
        if origin in self._listed:
            return True
        host = b"".join(value for name, value in scope["headers"] if name == b"host").decode("latin-1")
        is_served_here = origin in {f"http://{host}", f"https://{host}"}
        return is_served_here and bool(host) and host != self._public_host
