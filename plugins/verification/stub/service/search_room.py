"""How many questions to the journal pass it row by row at once.

Each of them holds a connection of the pool for seconds; more than a few would leave none to requests.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from core.http.problem_types import OVERLOADED
from core.http.problems import Problem

AT_ONCE: Final = 2
"""Places in one process, whose pool has eight connections by default."""

WAIT_SECONDS: Final = 4.0
"""How long a question waits for a place: so that with its search it ends within the deadline of its request."""


class SearchRoom:
    """The places of one process."""

    def __init__(self, at_once: int = AT_ONCE, wait: float = WAIT_SECONDS) -> None:
        self._places = asyncio.Semaphore(at_once)
        self._wait = wait

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place, once there is one; who came first has the next.

        Raises:
            Problem: 503 `overloaded`: none was left for too long.
        """
        try:
            async with asyncio.timeout(self._wait):
                await self._places.acquire()
        except TimeoutError:
            raise Problem(OVERLOADED, headers={"Retry-After": "1"}) from None
        try:
            yield
        finally:
            self._places.release()
