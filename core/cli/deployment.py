"""What the commands share: composing the deployment, and opening just as much of it as they need."""

import asyncio
import importlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import click
from litestar import Litestar

from core.cli.faults import configuration_failure
from core.clock import SystemClock
from core.composition import Composition, compose
from core.faults import ConfigurationError, StartupError
from core.injection import Services
from core.lifespan import running_services
from core.migrations import Migrator
from core.serving import TARGET
from ports.errors import PortError
from ports.storage import Storage

R = TypeVar("R")


class Failure(click.ClickException):
    """Ends a command with one sentence."""

    exit_code = 1


def composed() -> Composition:
    """Return the deployment that the configuration describes, or end the command with its faults."""
    try:
        return compose(None, os.environ)
    except ConfigurationError as error:
        raise configuration_failure(error) from None


def assembled() -> Litestar:
    """Return the application as a server would load it, or end the command with the faults of its configuration."""
    module, _, factory = TARGET.partition(":")
    app: Litestar = getattr(importlib.import_module(module), factory)()
    return app


def run_async(work: Callable[[], Awaitable[R]]) -> R:
    """Run a command's coroutine; a port that fails, or something that does not start, ends it with one line."""

    async def guarded() -> R:
        return await work()

    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(guarded())
    except (PortError, StartupError) as error:
        raise Failure(str(error)) from None


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Return uvloop's, with which a worker gets through more jobs, or None on Windows, where there is no uvloop."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


@asynccontextmanager
async def opened_services(composition: Composition) -> AsyncIterator[Services]:
    """Open everything that a plugin's command may need."""
    services = Services(composition.config, SystemClock(), composition.plugin_settings)
    async with running_services(services, composition, {}):
        yield services


def with_services(work: Callable[[Services], Awaitable[Any]]) -> None:
    """Compose and open the deployment, and run `work` with its services. For the commands of plugins."""
    composition = composed()

    async def run() -> None:
        async with opened_services(composition) as services:
            await work(services)

    run_async(run)


def migrator(storage: Storage, composition: Composition) -> Migrator:
    """Return the migrator of this deployment's histories."""
    return Migrator(storage, composition.declarations.histories)
