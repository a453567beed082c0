"""No request lasts for ever: one that has not begun to be answered in time is cut off, whatever it waits for.

A handler may take another time: `@post(…, deadline=60)`. Receiving a body does not count, since bodies have deadlines
of their own, and neither does sending an answer that has begun: a stream lasts as long as it has something to say.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Receive, Scope, Send

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

    def middleware(app: ASGIApp) -> ASGIApp:
        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                await app(scope, receive, send)
                return
            allowed: float = scope["route_handler"].opt.get(OPTION, seconds)
            try:
                async with asyncio.timeout(allowed) as timer:
                    if expects_body(scope):
                        receive = _stopping_for_the_body(receive, timer, allowed)
                    await app(scope, receive, _stopping_at_the_answer(send, timer))
            except TimeoutError as error:
                if not timer.expired():
                    raise
                raise Problem(DEADLINE_EXCEEDED, headers=RETRY_AFTER) from error

        return answer

    return middleware


def _stopping_for_the_body(receive: Receive, timer: asyncio.Timeout, allowed: float) -> Receive:
    """Return a `receive` that stops the timer while a body is awaited and starts it afresh when a part is there."""
    loop = asyncio.get_running_loop()
    complete = False

    async def received() -> Any:
        nonlocal complete
        if complete:
            return await receive()
        timer.reschedule(None)
        try:
            message = await receive()
        finally:
            timer.reschedule(loop.time() + allowed)
        complete = not (message["type"] == "http.request" and message.get("more_body", False))
        return message

    return received


def _stopping_at_the_answer(send: Send, timer: asyncio.Timeout) -> Send:
    def sent(message: Any) -> Any:
        if message["type"] == "http.response.start" and not timer.expired():
            timer.reschedule(None)
        return send(message)

    return sent
