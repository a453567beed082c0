"""Leaving what does not let go takes no longer than its time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from core.closing import ClosingInTime


@asynccontextmanager
async def clinging(left: list[str]) -> AsyncIterator[str]:
    try:
        yield "opened"
    finally:
        left.append("asked to close")
        await asyncio.Event().wait()


async def test_what_hangs_while_closing_is_left_behind() -> None:
    left: list[str] = []
    async with asyncio.timeout(10), ClosingInTime(clinging(left), "a test", seconds=0.01) as opened:
        assert opened == "opened"
    assert left == ["asked to close"]


async def test_what_was_raised_within_is_raised_though_closing_hangs() -> None:
    with pytest.raises(ValueError, match="within"):
        async with asyncio.timeout(10), ClosingInTime(clinging([]), "a test", seconds=0.01):
            raise ValueError("within")


async def test_a_timeout_of_the_closings_own_is_raised() -> None:
    @asynccontextmanager
    async def failing() -> AsyncIterator[None]:
        yield
        raise TimeoutError("of its own")

    with pytest.raises(TimeoutError, match="of its own"):
        async with ClosingInTime(failing(), "a test"):
            pass
