"""How a server hears that the application does not start, and how a worker notices that its supervisor is gone."""

import asyncio
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any, cast

import click
import structlog
from litestar import Litestar
from litestar.types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, LifeSpanSendMessage, Scope

from core.draining import Draining, end_at_last, longest_stop
from core.faults import StartupError
from core.injection import Services
from ports.errors import PortError

logger = structlog.get_logger(__name__)


class Application(Litestar):
    """The application, which answers a failed start with one line instead of a trace through the server.

    The trace is logged where the cause is not a port that is away, since then somebody has code to mend.
    """

    async def __call__(self, scope: Scope | LifeSpanScope, receive: Any, send: Any) -> None:
        """Answer one request, or live through one start and stop."""
        if scope["type"] == "lifespan":
            await self._live(cast("LifeSpanScope", scope), receive, send)
        else:
            await super().__call__(scope, receive, send)

    async def _live(self, scope: LifeSpanScope, receive: LifeSpanReceive, send: LifeSpanSend) -> None:
        failure: list[LifeSpanSendMessage] = []

        async def hold_failure(message: LifeSpanSendMessage) -> None:
            if message["type"] == "lifespan.startup.failed":
                failure.append(message)
            else:
                await send(message)

        drain = Draining(self.state.services, lambda: self.state.health.started)
        try:
            async with drain.before_the_servers_own():
                await super().__call__(scope, receive, hold_failure)
        except BaseException as error:
            if not failure:
                raise
            reason = startup_error(error)
            if reason is None:
                await send(failure[0])
                raise
            if not isinstance(reason.__cause__, PortError | None):
                logger.exception("the start failed", exc_info=reason)
            await send({"type": "lifespan.startup.failed", "message": str(reason)})


def startup_error(error: BaseException) -> StartupError | None:
    """Return the StartupError that `error` is, or that a group of errors holds."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(startup_error, error.exceptions)), None)
    return error if isinstance(error, StartupError) else None


@contextmanager
def ending_plainly() -> Iterator[None]:
    """End a process that no command line watches over as a command ends: with a plain message and its exit code."""
    try:
        yield
    except click.ClickException as failure:
        failure.show()
        sys.exit(failure.exit_code)


@asynccontextmanager
async def ending_with_the_supervisor(services: Services) -> AsyncIterator[None]:
    """Stop this worker process when the process that started it is gone, also if that was killed.

    Otherwise it would hold the port, and serve on with nobody to restart or to stop it. A thread watches, which
    notices also while the loop is busy.
    """
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        yield
        return
    over, told = os.pipe()
    watch = threading.Thread(
        target=_watch,
        args=(supervisor, over, longest_stop(services.config)),
        name="hexastar-supervisor",
        daemon=True,
    )
    watch.start()
    try:
        yield
    finally:
        os.close(told)
        await asyncio.to_thread(watch.join)
        os.close(over)


def _watch(supervisor: BaseProcess, over: int, patience: float) -> None:
    if _outlives(supervisor, over):
        logger.warning("the supervising process is gone: stopping")
        end_at_last(patience)
        os.kill(os.getpid(), signal.SIGTERM)


def _outlives(supervisor: BaseProcess, over: int) -> bool:
    """Wait until the supervisor or the application ends; tell whether it was the supervisor.

    The kernel is asked for the process itself, since the pipe by which multiprocessing tells has been inherited by the
    workers that were forked later: this one would serve on until the last of them had stopped.
    """
    number = supervisor.pid or 0
    try:
        sentinel = os.pidfd_open(number)
    except ProcessLookupError:
        return True
    except (AttributeError, OSError):  # a system that has no such thing
        return supervisor.sentinel in wait([supervisor.sentinel, over])
    try:
        return os.getppid() != number or sentinel in wait([sentinel, over])
    finally:
        os.close(sentinel)
