"""Waiting for what happens elsewhere: in another process, in the database, in a task that nobody holds."""

import asyncio
from collections.abc import Callable
from inspect import isawaitable
from typing import Any


async def until(condition: Callable[[], Any], seconds: float = 15.0, *, interval: float = 0.01) -> Any:
    """Return the first true value of `condition`, a function or a coroutine function that is asked again and again.

    Raises:
        TimeoutError: there is none within so many seconds.
    """
    async with asyncio.timeout(seconds):
        while not (value := await _answer(condition)):  # noqa: ASYNC110 - what is waited for cannot tell
            await asyncio.sleep(interval)
        return value


async def _answer(condition: Callable[[], Any]) -> Any:
    answer = condition()
    return await answer if isawaitable(answer) else answer
