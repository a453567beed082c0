"""An answer that is good for a moment: however many ask at once, it is worked out once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

SECONDS: Final = 1.0
"""How long an answer is good for."""


class Remembered(Generic[T]):
    """Calls `source` where its last answer is older than `SECONDS`; who comes meanwhile waits for the same answer."""

    def __init__(self, source: Callable[[], Awaitable[T]], timer: Callable[[], float]) -> None:
        self._source = source
        self._timer = timer
        self._lock = asyncio.Lock()
        self._answer: tuple[T, float] | None = None

    async def __call__(self) -> T:
        """Return the answer."""
        async with self._lock:
            if self._answer is None or self._timer() >= self._answer[1]:
                self._answer = (await self._source(), self._timer() + SECONDS)
            return self._answer[0]
