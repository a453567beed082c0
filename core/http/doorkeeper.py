"""The outermost layer of all: what there is no room for is sent away for a fraction of what serving it would cost.

A server that is offered three times what it can do, and whose refusals cost half of a request, has no time left to
serve. So a refusal has no span and no line of the access log; it is counted, and the log tells of it now and then.
"""

import random
from collections.abc import Awaitable, Callable
from typing import Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from core.http.headers import RawHeaders
from core.http.overload import Admission
from core.http.problem_handlers import send_problem
from core.http.problems import TRACE_ID, ProblemRegistry
from core.telemetry.tracing import unobserved_trace

REQUEST_ID: Final = "request_id"
"""Key of the request's id in the request's state."""

Count = Callable[[Scope], None]
"""Takes note of a request that was refused."""


class Doorkeeper:
    """ASGI application that passes to `app` what there is room for, and to `refuse` what there is not."""

    def __init__(self, app: ASGIApp, refuse: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._refuse = refuse
        self.admission = admission

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection."""
        if scope["type"] != ScopeType.HTTP or self.admission.admits(scope):
            return self._app(scope, receive, send)
        return self._refuse(scope, receive, send)


class Refusal:
    """ASGI application that answers every request with 503 `overloaded`.

    Args:
        admission: whose refusal it is.
        registry: the application's kinds of problems.
        headers: what every answer says.
        count: takes note of each request.
        share: lets pages of other origins read what an application answers.
    """

    def __init__(
        self,
        admission: Admission,
        registry: ProblemRegistry,
        headers: RawHeaders = (),
        *,
        count: Count | None = None,
        share: Callable[[ASGIApp], ASGIApp] | None = None,
    ) -> None:
        self._admission = admission
        self._registry = registry
        self._headers = headers
        self._count = count
        self._answer: ASGIApp = share(self._say) if share else self._say

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse one request."""
        request_id = f"{random.getrandbits(128):032x}"
        scope["state"][REQUEST_ID] = request_id
        scope["state"][TRACE_ID] = unobserved_trace(scope["headers"])
        headers = [*self._headers, (b"x-request-id", request_id.encode())]

        def send_with_headers(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *headers]
            return send(message)

        if self._count is not None:
            self._count(scope)
        await self._answer(scope, receive, send_with_headers)

    async def _say(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await send_problem(scope, send, self._registry, self._admission.refusal())
