"""Work that cannot be done in time is refused at once, before it costs anything.

A process that takes everything on answers nobody: each request in flight makes all the others wait. Beyond
`max_in_flight` a request is answered 503 before its credential or its body is looked at. What tells how the service
fares, and lets somebody see to it, has some places more, which a flood of it uses up too. A request counts while the
service works on it: not while its body is awaited from a slow client, nor while nothing but the client's leaving is
awaited, nor once its answer has begun to go out.
"""

import logging
import random
from collections.abc import Awaitable
from time import monotonic
from typing import Any, Final

from litestar.types import HTTPScope, Message, Receive, Send

from core.http.problem_types import OVERLOADED
from core.http.problems import Problem

RESERVED: Final = 16
"""Places beyond the bound for the pages where somebody sees to the service; and as many again for its probes."""

PAGES: Final = ("/", "/login", "/logout")
CONSOLE: Final = "/console/"
METRICS: Final = "/metrics"
HEALTH: Final = "/health/"

ANSWER_HEADERS: Final = "answer_headers"
"""Key in the request's state: a list of raw headers for its answer, whoever gives it."""

LONGEST_WAIT: Final = 3
"""Seconds: who is refused comes back after one to so many, not all at once."""


TELL_AGAIN: Final = 10.0
"""Seconds between two lines of the log about an overload that goes on: a line a refusal would add to it."""

logger = logging.getLogger(__name__)


class Admission:
    """Counts the requests that a process works on.

    Args:
        most: how many it works on at once.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._told = float("-inf")
        self.in_flight = 0

    def admits(self, scope: HTTPScope) -> bool:
        """Tell whether there is room for this request."""
        return self.in_flight < self._most or self.in_flight < self._most + _reserve(scope["path"])

    def refusal(self) -> Problem:
        """Return how a request is refused that there is no room for. The log tells of it now and then."""
        if monotonic() - self._told > TELL_AGAIN:
            self._told = monotonic()
            logger.warning("%d requests are in flight: more are refused", self.in_flight)
        seconds = random.randint(1, LONGEST_WAIT)  # noqa: S311 - spreads returns, keeps no secret
        return Problem(OVERLOADED, headers={"Retry-After": str(seconds)})


def _reserve(path: str) -> int:
    """Return how many places beyond the bound there are for a path: whoever floods these has an end as well."""
    if path == METRICS or path.startswith(HEALTH):
        return 2 * RESERVED
    return RESERVED if path in PAGES or path.startswith(CONSOLE) else 0


class Place:
    """The place of one request among those that are worked on. Take it, and `leave` it in the end."""

    __slots__ = ("_admission", "_headers", "_held", "_left", "_receive", "_send")

    def __init__(self, admission: Admission, scope: HTTPScope, receive: Receive, send: Send) -> None:
        self._admission = admission
        self._receive = receive
        self._send = send
        self._held = False
        self._left = False
        self._headers: list[tuple[bytes, bytes]] = []
        scope["state"][ANSWER_HEADERS] = self._headers

    def take(self) -> None:
        """Take the place, unless it has been left."""
        if not self._held and not self._left:
            self._held = True
            self._admission.in_flight += 1

    def leave(self) -> None:
        """Leave the place to others for good."""
        self._left = True
        if self._held:
            self._stand_aside()

    def send(self, message: Message) -> Awaitable[None]:
        """Pass on what goes to the client. Once its answer has begun, how fast it reads is its own affair."""
        if message["type"] == "http.response.start":
            self.leave()
            if self._headers:
                message["headers"] = [*message["headers"], *self._headers]
        return self._send(message)

    async def receive(self) -> Any:
        """Wait for the client without keeping a place from others; what it sends has been admitted already."""
        if self._held:
            self._stand_aside()
        try:
            return await self._receive()
        finally:
            self.take()

    def _stand_aside(self) -> None:
        self._held = False
        self._admission.in_flight -= 1
