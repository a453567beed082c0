"""Starting and stopping: what is opened in which order, and closed in reverse."""

import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final

import structlog

from core.adapters import open_adapters
from core.composition import Composition
from core.injection import JobInjector, Services
from core.jobs.bell import open_bell
from core.jobs.outbox import JobOutbox
from core.jobs.worker import Worker
from core.migrations import migrate_at_start
from core.telemetry.tracing import traced_port
from core.unit_of_work import UnitOfWorkFactory

COLLECTOR_THRESHOLDS: Final = (50_000, 20, 50)
"""How rarely the garbage collector runs once the application stands; see docs/decisions."""

logger = structlog.get_logger(__name__)


@asynccontextmanager
async def running_services(
    services: Services, composition: Composition, given: Mapping[str, Any]
) -> AsyncIterator[None]:
    """Open the ports, the queue and whatever plugins keep open; close them in reverse."""
    async with AsyncExitStack() as stack:
        services.ports = await stack.enter_async_context(open_adapters(composition.bindings, given, traced_port))
        services.storage = services.ports["storage"]
        if not composition.config.is_production:
            await migrate_at_start(services.storage, composition.declarations.histories, logger.info)
        bell = open_bell(composition.config.bell, services.storage)
        stack.push_async_callback(bell.close)
        services.outbox = JobOutbox(composition.jobs, bell)
        services.units = UnitOfWorkFactory(services.storage, services.outbox)
        for lifespan in composition.declarations.lifespans:
            await stack.enter_async_context(lifespan(services))
        yield


def make_worker(services: Services, composition: Composition) -> Worker:
    """Return a worker for every job of this deployment, ready to run."""
    settings = composition.config.jobs
    return Worker(
        services.storage,
        composition.jobs,
        JobInjector(services),
        services.outbox.bell,
        units=services.units,
        concurrency=settings.concurrency,
        lease=settings.lease,
        grace=settings.grace,
        keep_done=settings.keep_done,
    )


@asynccontextmanager
async def working(services: Services, composition: Composition) -> AsyncIterator[None]:
    """Run the jobs beside the server, in this process."""
    import asyncio

    worker = make_worker(services, composition)
    task = asyncio.create_task(worker.run(), name="hexastar-worker")
    try:
        yield
    finally:
        worker.stop()
        await task


def freeze_collector() -> None:
    """Take everything that lives until exit out of the collector's sight; pauses were most of a request's tail."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)
