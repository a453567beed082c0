"""Closing within bounds: whatever does not let go in time is left behind, so that nothing holds up a stop."""

import asyncio
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import Any, Final, Generic, TypeVar

import structlog

CLOSE_SECONDS: Final = 10.0
"""Seconds that each part has to close."""

T_co = TypeVar("T_co", covariant=True)

logger: Any = structlog.get_logger(__name__)


class ClosingInTime(Generic[T_co]):
    """An async context manager as another one, except that leaving it takes no longer than `seconds`.

    Args:
        context: what is entered and left.
        what: how the log names it.
        seconds: how long it may take to leave.
    """

    def __init__(
        self, context: AbstractAsyncContextManager[T_co], what: str, *, seconds: float = CLOSE_SECONDS
    ) -> None:
        if not isinstance(context, AbstractAsyncContextManager):
            raise TypeError(f"{type(context).__name__} is no async context manager")
        self._context = context
        self._what = what
        self._seconds = seconds

    async def __aenter__(self) -> T_co:
        return await self._context.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        try:
            async with asyncio.timeout(self._seconds) as timer:
                return await self._context.__aexit__(kind, error, traceback)
        except TimeoutError:
            if not timer.expired():
                raise
            logger.warning("does not close in time and is left behind", what=self._what, seconds=self._seconds)
            return None
