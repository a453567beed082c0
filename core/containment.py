"""Keeping what a plugin's code raises within its own request, attempt or check.

`SystemExit` would end the whole process. A stray `CancelledError`, from a task that was awaited and is cancelled, would
pass for the cancellation of the one who awaits: a request without an answer, an attempt given back for ever.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from litestar.types import ASGIApp, Receive, Scope, Send


class StrayError(RuntimeError):
    """Code that does not own the process tried to end it, or awaited something that was cancelled."""


@contextmanager
def contained() -> Iterator[None]:
    """Raise StrayError in the place of a SystemExit, and of a cancellation that nobody asked of this task."""
    try:
        yield
    except SystemExit as error:
        raise StrayError(f"it tried to exit the process with {error.code!r}") from error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise StrayError("it awaited something that was cancelled") from error


def contain(app: ASGIApp) -> ASGIApp:
    """Litestar middleware: let a handler's strays be answered like any other error."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        with contained():
            await app(scope, receive, send)

    return answer
