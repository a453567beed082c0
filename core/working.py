"""Running the background jobs: a worker over the application's services, alone or beside the server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core.faults import StartupError
from core.injection import JobInjector, Services
from core.jobs.worker import Worker


def make_worker(services: Services, *, signals: bool) -> Worker:
    """Return a worker for every job of this deployment, ready to run; `signals` says whether it heeds them."""
    settings = services.config.jobs
    return Worker(
        services.storage,
        services.outbox.jobs.values(),
        JobInjector(services),
        services.bell,
        units=services.units,
        concurrency=settings.concurrency,
        lease=settings.lease,
        grace=settings.grace,
        plugin_share=settings.plugin_share,
        keep_done=settings.keep_done,
        keep_dead=settings.keep_dead,
        signals=signals,
        tracing=services.tracing,
        metrics=services.metrics,
    )


async def require_tables(services: Services) -> None:
    """Make sure that jobs find the tables that they were written for, and use up no attempts on old ones.

    Raises:
        StartupError: migrations are due.
    """
    if behind := await services.migrator.behind():
        owners = ", ".join(behind)
        raise StartupError(f"no jobs run on a database that is behind ({owners}): run `hexastar database upgrade`")


@asynccontextmanager
async def working(services: Services) -> AsyncIterator[None]:
    """Run the jobs beside the server, in this process. Raises as `require_tables`."""
    await require_tables(services)
    worker = make_worker(services, signals=False)
    task = asyncio.create_task(worker.run(), name="hexastar-worker")
    try:
        yield
    finally:
        worker.request_stop()
        await task
