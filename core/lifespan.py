"""Starting and stopping: what is opened in which order, and closed in reverse."""

import asyncio
import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Final

import structlog

from core.adapters import open_adapters, opened
from core.closing import ClosingInTime
from core.composition import Composition
from core.containment import contained
from core.faults import StartupError, one_line
from core.injection import Services
from core.jobs.bell import Bell
from core.jobs.bells import open_bell
from core.jobs.outbox import JobOutbox
from core.migrations import Migrator
from core.traced_ports import traced_port
from core.unit_of_work import UnitOfWorkFactory
from ports.storage import Storage

COLLECTOR_THRESHOLDS: Final = (50_000, 20, 50)
"""How rarely the garbage collector runs once the application stands; see docs/decisions/0005."""

logger = structlog.get_logger(__name__)


@asynccontextmanager
async def opened_storage(composition: Composition) -> AsyncIterator[Storage]:
    """Open the store alone.

    Raises:
        StartupError: it does not open.
    """
    async with opened(composition.bindings["storage"]) as storage:
        yield storage


@asynccontextmanager
async def running_services(
    services: Services, composition: Composition, given: Mapping[str, Any]
) -> AsyncIterator[None]:
    """Open the ports, the queue and whatever plugins keep open; close them in reverse.

    Raises:
        StartupError: an adapter, a migration or a plugin's lifespan fails.
    """
    async with AsyncExitStack() as stack:
        stack.callback(services.tracing.shutdown)
        ports = await stack.enter_async_context(
            open_adapters(composition.bindings, given, partial(_observed, services))
        )
        services.ports.update(ports)
        services.storage = ports["storage"]
        services.metrics.watch_storage(services.storage)
        services.migrator = await asyncio.to_thread(Migrator, services.storage, composition.declarations.histories)
        if behind := await services.migrator.behind():
            if composition.config.is_production:
                logger.error("the database is behind: not ready until `hexastar database upgrade` ran", owners=behind)
            else:
                await services.migrator.upgrade(logger.info)
        bell = open_bell(composition.config.bell, services.storage)
        await stack.enter_async_context(ClosingInTime(_closing(bell), "the bell"))
        services.bell = bell
        services.outbox = JobOutbox(
            composition.jobs, bell, tracing=services.tracing, count=services.metrics.job_enqueued
        )
        services.units = UnitOfWorkFactory(services.storage, services.outbox)
        for plugin, lifespan in composition.declarations.lifespans:
            try:
                with contained():
                    await stack.enter_async_context(ClosingInTime(lifespan(services), f"the plugin {plugin.name}"))
            except Exception as error:
                raise StartupError(f"the plugin {plugin.name!r} does not start: {one_line(error)}") from error
        yield


@asynccontextmanager
async def _closing(bell: Bell) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await bell.close()


def _observed(services: Services, port: str, adapter: Any) -> Any:
    """Put spans around every port but the store, whose calls are too many and too short for one each."""
    return adapter if port == "storage" else traced_port(port, adapter, services.tracing)


def freeze_collector() -> None:
    """Take everything that lives until exit out of the collector's sight; pauses were most of a request's tail."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
