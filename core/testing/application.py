"""A running application for tests: real adapters where it matters, fakes where they are handed in."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
from litestar import Litestar

from core.application import build_application
from core.composition import compose
from core.injection import Services
from core.jobs.worker import Worker
from core.keys import admin_key
from core.testing.fakes import RecordingMail, SettableClock
from core.working import make_worker

BASE_URL = "http://testserver"


class RunningApplication:
    """An application whose lifespan has been entered, and what tests need to steer it."""

    def __init__(self, app: Litestar, worker: Worker, clock: SettableClock, mail: RecordingMail) -> None:
        self.app = app
        self.worker = worker
        self.clock = clock
        self.mail = mail

    @property
    def services(self) -> Services:
        """What the application works with."""
        services: Services = self.app.state.services
        return services

    def reset(self) -> None:
        """Set the clock back, and forget mails and counts, as tests expect that follow."""
        self.clock.reset()
        self.mail.reset()
        self.app.state.rate_limiter.forget()

    def client(self, headers: Mapping[str, str] | None = None) -> httpx.AsyncClient:
        """Return a client of the application, without a network between."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)  # type: ignore[arg-type] # two spellings of ASGI
        return httpx.AsyncClient(transport=transport, base_url=BASE_URL, headers=headers)

    def admin_client(self) -> httpx.AsyncClient:
        """Return a client that shows the admin key."""
        return self.client({"X-API-Key": admin_key(self.services.config)})


@asynccontextmanager
async def running_application(
    path: str, environ: Mapping[str, str], fakes: Mapping[str, Any] | None = None
) -> AsyncIterator[RunningApplication]:
    """Compose the configuration at `path`, overridden by `environ`, and run it with a settable clock and kept mail.

    `fakes` serve ports in the place of their adapters. Jobs do not run by themselves: `worker.run_until_idle()` runs
    those that are due.
    """
    clock, mail = SettableClock(), RecordingMail()
    app = build_application(compose(path, environ), ports={"mail": mail, **(fakes or {})}, clock=clock, works=False)
    async with _within_one_task(app.lifespan()):
        worker = make_worker(app.state.services, signals=False)
        try:
            yield RunningApplication(app, worker, clock, mail)
        finally:
            await worker.close()


@asynccontextmanager
async def _within_one_task(context: AbstractAsyncContextManager[object]) -> AsyncIterator[None]:
    """Enter and leave `context` in one task of its own: pytest tears a fixture down in another than it set up."""
    entered, leaving = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with context:
            entered.set()
            await leaving.wait()

    holder = asyncio.create_task(hold())
    waiter = asyncio.create_task(entered.wait())
    await asyncio.wait([holder, waiter], return_when=asyncio.FIRST_COMPLETED)
    try:
        if entered.is_set():
            yield
    finally:
        waiter.cancel()
        leaving.set()
        await holder
