"""The layer between the outer world and the router: what is settled before a request is routed."""

from typing import Protocol

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send

from core.http.body_limits import BodyDeadlines, expects_body, within_deadlines
from core.http.headers import AllowedHosts, RawHeaders, TrustedProxies, response_headers
from core.http.methods import answer_head
from core.http.problem_handlers import send_problem
from core.http.problem_types import INVALID_HOST
from core.http.problems import Problem, ProblemRegistry


class Limits(Protocol):
    """What the guard needs of the `[http]` section."""

    @property
    def body_chunk_timeout(self) -> float:
        """Seconds to the next chunk of a body."""

    @property
    def body_timeout(self) -> float:
        """Seconds to the end of a body."""

    @property
    def allowed_hosts(self) -> tuple[str, ...]:
        """Host names that are served; none: any."""

    @property
    def trusted_proxies(self) -> tuple[str, ...]:
        """Networks whose forwarding headers are believed."""

    @property
    def hsts(self) -> bool:
        """Whether browsers are told to come over TLS only."""


class HttpGuard:
    """ASGI application that settles host, client address, HEAD and the pace of bodies, then calls `inner`.

    `headers` are for the outermost layer to add to every answer that does not set them itself.
    """

    def __init__(self, inner: ASGIApp, limits: Limits, registry: ProblemRegistry) -> None:
        self._inner = inner
        self._registry = registry
        self._hosts = AllowedHosts(limits.allowed_hosts)
        self._proxies = TrustedProxies(limits.trusted_proxies)
        self._deadlines = BodyDeadlines(limits.body_chunk_timeout, limits.body_timeout)
        self.headers: RawHeaders = response_headers(hsts=limits.hsts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self._inner(scope, receive, send)
        else:
            await self._serve(scope, receive, send)

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        if not self._hosts.accepts(scope):
            await send_problem(scope, send, self._registry, Problem(INVALID_HOST))
            return
        client = scope["client"]
        if client is not None:
            scope["client"] = (self._proxies.client_address(scope), client[1])
        if expects_body(scope):
            receive = within_deadlines(receive, self._deadlines)
        method = scope["method"]
        try:
            await self._inner(scope, receive, answer_head(scope, send))
        finally:
            scope["method"] = method
