"""Keeping what a plugin's code raises within its own request, attempt or check.

`SystemExit`, `KeyboardInterrupt` and whatever else is no `Exception` would end the whole process: a real interrupt
goes to the server's own handler of signals and never arises here. A stray `CancelledError`, from a task that was
awaited and is cancelled, would pass for the cancellation of the one who awaits: a request without an answer, an attempt
given back for ever.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from litestar.types import ASGIApp, Receive, Scope, Send


class StrayError(RuntimeError):
    """Code that does not own the process tried to end it, or awaited something that was cancelled."""


@contextmanager
def contained() -> Iterator[None]:
    """Raise StrayError in the place of what is no `Exception`, save a cancellation that was asked of this task."""
    try:
        yield
    except (Exception, GeneratorExit):
        raise
    except BaseException as error:  # noqa: BLE001 - of whatever kind it is
        _refuse(error)


def contain(app: ASGIApp) -> ASGIApp:
    """Litestar middleware: let a handler's strays be answered like any other error."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        try:  # not `with contained()`, which costs every request what only a stray should
            await app(scope, receive, send)
        except (Exception, GeneratorExit):
            raise
        except BaseException as error:  # noqa: BLE001 - of whatever kind it is
            _refuse(error)

    return answer


def _refuse(error: BaseException) -> NoReturn:
    if isinstance(error, SystemExit):
        code = error.code if isinstance(error.code, int | None) else type(error.code).__name__
        raise StrayError(f"it tried to exit the process with {code}") from error
    if not isinstance(error, asyncio.CancelledError):
        raise StrayError(f"it raised {type(error).__qualname__}, which is not its to raise") from error
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise error
    raise StrayError("it awaited something that was cancelled") from error
