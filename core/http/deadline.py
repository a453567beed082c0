"""No request lasts for ever: one that has not begun to be answered in time is cut off, whatever it waits for.

A handler may take another time: `@post(…, deadline=60)`. Receiving a body does not count, since bodies have deadlines
of their own, and neither does sending an answer that has begun: a stream lasts as long as it has something to say.

Requests that may take equally long are due in the order in which they came. So one timer looks after all of them, and
a request costs a place in a queue: a timer each, nearly always cancelled, was a twentieth of a small request.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from core.http.body_limits import expects_body
from core.http.problem_types import DEADLINE_EXCEEDED
from core.http.problems import Problem

OPTION: Final = "deadline"
"""The handler's option with the seconds that its requests may take."""

RETRY_AFTER: Final = {"Retry-After": "1"}


def within_deadline(seconds: float) -> Callable[[ASGIApp], ASGIApp]:
    """Return Litestar middleware that raises Problem 503 `deadline_exceeded` where an answer takes longer.

    What the request was doing is cancelled: its unit of work rolls back, unless it was just committing.
    """
    queues: dict[float, _Queue] = {}

    def middleware(app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            allowed: float = scope["route_handler"].opt.get(OPTION, seconds)
            queue = queues.get(allowed) or queues.setdefault(allowed, _Queue(allowed))
            work = _Work(queue, receive, send)
            queue.add(work)
            try:
                await app(scope, work.receive if expects_body(scope) else receive, work.send)
            except (asyncio.CancelledError, TimeoutError) as error:
                if work.ends_by_its_deadline(error):
                    raise Problem(DEADLINE_EXCEEDED, headers=RETRY_AFTER) from error
                raise
            finally:
                queue.remove(work)
                work.forget_its_end()

        return answer

    return middleware


class _Queue:
    """Requests that may take so many seconds, the one that is due first in front. One belongs to one event loop."""

    __slots__ = ("_allowed", "_due", "_loop", "_timer")

    def __init__(self, allowed: float) -> None:
        self._allowed = allowed
        self._due: dict[_Work, float] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def add(self, work: "_Work") -> None:
        """Give a request its time from now on."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # the one before is gone, with all that ran on it
            self._loop, self._timer = loop, None
            self._due.clear()
        due = self._due[work] = loop.time() + self._allowed
        if self._timer is None:
            self._timer = loop.call_at(due, self._look, loop)

    def remove(self, work: "_Work") -> None:
        """Stop the clock for a request, if it runs."""
        self._due.pop(work, None)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        """End what is due, and come back when the next request is."""
        self._timer = None
        now = loop.time()
        for work, due in list(self._due.items()):
            if due > now:
                self._timer = loop.call_at(due, self._look, loop)
                return
            del self._due[work]
            work.end()


class _Work:
    """What is done for one request until it is answered."""

    __slots__ = ("_answered", "_asked_to_end", "_complete", "_ended", "_queue", "_receive", "_send", "_task")

    def __init__(self, queue: _Queue, receive: Receive, send: Send) -> None:
        self._queue = queue
        self._receive = receive
        self._send = send
        self._task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._asked_to_end = self._task.cancelling()
        self._ended = False
        self._answered = False
        self._complete = False

    def end(self) -> None:
        """Cancel it: its time is over."""
        self._ended = True
        self._task.cancel()

    def ends_by_its_deadline(self, error: BaseException) -> bool:
        """Tell whether `error` comes of that alone, and not of anybody else who wants it to end."""
        if not self._ended:
            return False
        self.forget_its_end()
        return isinstance(error, TimeoutError) or self._task.cancelling() <= self._asked_to_end

    def forget_its_end(self) -> None:
        """Take back the cancellation, which has done what it was for."""
        if self._ended:
            self._ended = False
            self._task.uncancel()

    def send(self, message: Message) -> Awaitable[None]:
        """Pass on what goes to the client. Once its answer has begun there is no deadline any more."""
        if message["type"] == "http.response.start":
            self._answered = True
            self._queue.remove(self)
        return self._send(message)

    async def receive(self) -> Any:
        """Stop the clock while a body is awaited; start it afresh when a part is there."""
        if self._complete or self._answered or self._ended:
            return await self._receive()
        self._queue.remove(self)
        try:
            message = await self._receive()
        finally:
            self._queue.add(self)
        self._complete = not (message["type"] == "http.request" and message.get("more_body", False))
        return message
