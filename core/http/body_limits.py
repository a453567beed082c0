"""Bodies that trickle in are cut off. Servers time out slow headers, none a slow body [measured: Granian, uvicorn].

The size of a body is limited by Litestar (`request_max_body_size`), the number of a form's parts by its parser.
"""

import asyncio
from typing import Any, Final

import msgspec
from litestar.types import HTTPScope, Receive

from core.http.problem_types import REQUEST_TIMEOUT
from core.http.problems import Problem

MINIMUM_RATE: Final = 16 * 1024
"""Bytes a second that buy an upload more time than its total."""

_NO_BODY: Final = frozenset({b"", b"0"})


class BodyDeadlines(msgspec.Struct, frozen=True):
    """How long a body may take, in seconds: to its next chunk, and altogether.

    The total grows by one second for every `minimum_rate` bytes that have arrived.
    """

    chunk: float = 15.0
    total: float = 60.0
    minimum_rate: int = MINIMUM_RATE


def expects_body(scope: HTTPScope) -> bool:
    """Tell whether the request announces a body."""
    for name, value in scope["headers"]:
        if name == b"content-length":
            return value not in _NO_BODY
        if name == b"transfer-encoding":
            return True
    return False


def within_deadlines(receive: Receive, deadlines: BodyDeadlines) -> Receive:
    """Return a `receive` that raises Problem 408 `request_timeout` where the body is too slow.

    Once the body is complete it passes on whatever it is asked for, without a deadline: a stream waits for its
    client to leave.
    """
    loop = asyncio.get_running_loop()
    ends = loop.time() + deadlines.total
    complete = False

    async def receive_in_time() -> Any:
        nonlocal ends, complete
        if complete:
            return await receive()
        try:
            async with asyncio.timeout_at(min(ends, loop.time() + deadlines.chunk)):
                message = await receive()
        except TimeoutError:
            complete = True
            raise Problem(REQUEST_TIMEOUT, headers={"Connection": "close"}) from None
        if message["type"] == "http.request" and message.get("more_body", False):
            ends += len(message["body"]) / deadlines.minimum_rate
        else:
            complete = True
        return message

    return receive_in_time
