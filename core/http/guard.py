"""The layer between the outer world and the router: what is settled before a request is routed."""

import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from litestar.enums import ScopeType
from litestar.types import ASGIApp, HTTPScope, Receive, Scope, Send
from litestar.utils.scope.state import ScopeState

from core.http.body_limits import BodyDeadlines, expects_body, within_deadlines
from core.http.head_limits import MAX_PATH
from core.http.headers import AllowedHosts, TrustedProxies
from core.http.hosts import names_its_host
from core.http.methods import answer_head
from core.http.overload import Admission, Place
from core.http.problem_handlers import ERROR_TYPE, send_problem
from core.http.problem_types import INTERNAL_ERROR, INVALID_HOST, NOT_FOUND
from core.http.problems import Problem, ProblemRegistry

logger = logging.getLogger(__name__)


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
    def forwarded_header(self) -> str:
        """The header that those networks write the chain of addresses to."""

    @property
    def max_in_flight(self) -> int:
        """Requests that this process works on at once."""


CountClient = Callable[[HTTPScope], Awaitable[None]]
"""Counts a request under what one client may ask; raises Problem 429 where that is used up."""


class HttpGuard:
    """ASGI application that settles who may be served, and how, before a request is routed; then calls `inner`.

    That is: the host, the client's address, how much one client may ask, HEAD, and the pace
    of bodies.

    Args:
        inner: what is guarded.
        limits: the `[http]` section.
        registry: the application's kinds of problems.
        client_limit: counts a request under what one client may ask; None: nothing is counted here.
    """

    def __init__(
        self, inner: ASGIApp, limits: Limits, registry: ProblemRegistry, client_limit: CountClient | None = None
    ) -> None:
        self._inner = inner
        self._registry = registry
        self._client_limit = client_limit
        self._hosts = AllowedHosts(limits.allowed_hosts)
        self._proxies = TrustedProxies(limits.trusted_proxies, limits.forwarded_header)
        self._deadlines = BodyDeadlines(limits.body_chunk_timeout, limits.body_timeout)
        self.admission = Admission(limits.max_in_flight)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP:
            await self._inner(scope, receive, send)
            return
        place = Place(self.admission, scope, receive, send)
        place.take()
        try:
            self._settle(scope)
            if self._client_limit is not None:
                await self._client_limit(scope)
        except Problem as problem:
            await send_problem(scope, place.send, self._registry, problem)
        else:
            await self._serve(scope, place.receive, place.send)
        finally:
            place.leave()

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        if expects_body(scope):
            receive = within_deadlines(receive, self._deadlines)
        method = scope["method"]
        send = answer_head(scope, send)
        try:
            await self._inner(scope, receive, send)
        except Exception as failure:
            if ScopeState.from_scope(scope).response_started:
                raise
            logger.exception("a layer failed")
            scope["state"][ERROR_TYPE] = type(failure).__qualname__
            await send_problem(scope, send, self._registry, Problem(INTERNAL_ERROR))
        finally:
            scope["method"] = method

    def _settle(self, scope: HTTPScope) -> None:
        if not names_its_host(scope) or not self._hosts.accepts(scope):
            raise Problem(INVALID_HOST)
        if len(scope["path"]) > MAX_PATH:
            raise Problem(NOT_FOUND)
        self._proxies.settle(scope)
