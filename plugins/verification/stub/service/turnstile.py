"""Lets those whose delay is over go on a few at a time.

Delays of one length that began together end together, and clients that are answered together ask again together: a
hundred of them would hold up everybody else for as long as answering a hundred takes. Between two of these groups the
event loop looks for what else there is to do.
"""

import asyncio
from collections import deque
from typing import Final

AT_ONCE: Final = 8
"""How many pass in one turn of the event loop; answering them takes a millisecond or two."""


class Turnstile:
    """Passes a few tasks in each turn of the event loop, in the order in which they came."""

    def __init__(self) -> None:
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._left = AT_ONCE

    async def passage(self) -> None:
        """Return when it is this task's turn."""
        loop = asyncio.get_running_loop()
        if self._left == AT_ONCE:
            loop.call_soon(self._turn)
        if self._left > 0:
            self._left -= 1
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _turn(self) -> None:
        """Begin another turn: with those who wait, if any do."""
        self._left = AT_ONCE
        while self._waiting and self._left > 0:
            turn = self._waiting.popleft()
            if not turn.done():  # it is where the task was cancelled meanwhile
                turn.set_result(None)
                self._left -= 1
        if self._left < AT_ONCE:
            asyncio.get_running_loop().call_soon(self._turn)
