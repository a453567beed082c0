"""Ending connections and tasks within bounds, whatever state they are in."""

import asyncio
from collections.abc import Iterable
from typing import Any, Final

from ports.storage import Connection

GOODBYE_TIME: Final = 1.0
"""Seconds that a server has to take leave, and a cancelled task to heed it."""


async def hang_up(connection: Connection) -> None:
    """Close `connection` in an orderly way, or drop it where the server does not answer."""
    try:
        async with asyncio.timeout(GOODBYE_TIME):
            await connection.close()
    except Exception:  # noqa: BLE001 - it is gone either way
        connection.terminate()


async def wind_up(tasks: Iterable[asyncio.Task[Any]], seconds: float) -> None:
    """Wait for `tasks`, cancel those that take longer, and wait a moment for them to heed it."""
    left = set(tasks)
    if left:
        _, left = await asyncio.wait(left, timeout=seconds)
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=GOODBYE_TIME)
