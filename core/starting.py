"""How a server hears that the application does not start, and how a worker notices that its supervisor is gone."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

import structlog
from litestar import Litestar
from litestar.types import LifeSpanReceive, LifeSpanScope, LifeSpanSend, LifeSpanSendMessage, Scope

from core.faults import StartupError
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

        try:
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


@asynccontextmanager
async def ending_with_the_supervisor(_services: Any) -> AsyncIterator[None]:
    """Stop this worker process when the process that started it is gone, also if that was killed.

    Otherwise it would hold the port, and serve on with nobody to restart or to stop it.
    """
    supervisor = multiprocessing.parent_process()
    if supervisor is None:
        yield
        return
    loop = asyncio.get_running_loop()

    def stop() -> None:
        loop.remove_reader(supervisor.sentinel)
        logger.warning("the supervising process is gone: stopping")
        os.kill(os.getpid(), signal.SIGTERM)

    loop.add_reader(supervisor.sentinel, stop)
    try:
        yield
    finally:
        loop.remove_reader(supervisor.sentinel)
