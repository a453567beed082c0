"""A workshop: a real database with the table of jobs, and workers over it."""

import asyncio
import importlib.util
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from adapters.storage.asyncpg_storage import AsyncpgStorage
from core.jobs.bell import Bell, SilentBell
from core.jobs.declare import Job
from core.jobs.ledger import Ledger
from core.jobs.outbox import JobOutbox
from core.jobs.runner import JobContext
from core.jobs.worker import Worker
from core.testing.database import drop_database, with_database
from core.testing.waiting import until
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from ports.secrets import Secret

ROOT = Path(__file__).parents[2]
EFFECTS = "CREATE TABLE effects (job uuid, attempt integer, note text, at timestamptz DEFAULT clock_timestamp())"


def schema() -> Iterable[str]:
    """Return the statements that make a database ready for jobs."""
    made, extended = _revision("0001_jobs"), _revision("0006_job_trace_state")
    return ("CREATE SCHEMA core", made.JOBS, *made.INDEXES, extended.COLUMN, EFFECTS)


def _revision(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"core_{name}", ROOT / f"migrations/core/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class ByName:
    """Injects by name: what differs from attempt to attempt, and these units."""

    def __init__(self, units: UnitOfWorkFactory) -> None:
        self._units = units

    def bind(self, job: Job[Any]) -> Callable[[JobContext], dict[str, Any]]:
        return lambda context: {
            name: self._units if name == "units" else getattr(context, name) for name in job.parameters
        }


class Workshop:
    """One database, its jobs, and whatever the test declares."""

    def __init__(self, storage: AsyncpgStorage, connection: asyncpg.Connection) -> None:
        self.storage = storage
        self.connection = connection
        self.bell: Bell = SilentBell()
        self.use()

    def use(self, *jobs: Job[Any], bell: Bell | None = None) -> None:
        """Declare these jobs, and have commits ring this bell."""
        self.bell = bell or self.bell
        self.jobs = jobs
        self.outbox = JobOutbox(jobs, self.bell)
        self.units = UnitOfWorkFactory(self.storage, self.outbox)

    async def enqueue(self, job: Job[Any], payload: msgspec.Struct, **options: Any) -> UUID | None:
        async with self.units() as uow:
            return await uow.enqueue(job, payload, **options)

    def worker(self, **options: Any) -> Worker:
        defaults: dict[str, Any] = {"units": self.units, "signals": False, "grace": 5.0}
        return Worker(self.storage, self.jobs, ByName(self.units), self.bell, **(defaults | options))

    @asynccontextmanager
    async def working(self, **options: Any) -> AsyncIterator[Worker]:
        worker = self.worker(**options)
        running = asyncio.create_task(worker.run())
        try:
            yield worker
        finally:
            worker.request_stop()
            async with asyncio.timeout(20):
                await running

    async def drain(self, *, ahead: timedelta = timedelta(0), limit: int = 1000) -> int:
        worker = self.worker()
        try:
            return await worker.run_until_idle(ahead=ahead, limit=limit)
        finally:
            await worker.close()

    @asynccontextmanager
    async def ledger(self, number: int = 1, lease: float = 30.0) -> AsyncIterator[Ledger]:
        """The connection of a worker, without the worker."""
        ledger = await Ledger.open(self.storage, number, lease)
        assert ledger is not None
        try:
            yield ledger
        finally:
            with suppress(asyncpg.PostgresError, OSError):
                await ledger.connection.close()

    async def row(self, job_id: UUID | None) -> asyncpg.Record:
        return await self.connection.fetchrow("SELECT * FROM core.jobs WHERE id = $1", job_id)

    async def states(self) -> dict[str, int]:
        rows = await self.connection.fetch("SELECT state, count(*) FROM core.jobs GROUP BY state")
        return {row["state"]: row["count"] for row in rows}

    async def effects(self) -> list[str]:
        return [row["note"] for row in await self.connection.fetch("SELECT note FROM effects ORDER BY at")]

    async def in_state(self, state: str, count: int = 1) -> None:
        """Return as soon as `count` jobs are in this state."""

        async def reached() -> bool:
            return (await self.states()).get(state, 0) >= count

        await until(reached)


@asynccontextmanager
async def jobs_database(server: Secret, name: str) -> AsyncIterator[Secret]:
    """A database with nothing but the core's first revision and a table of effects."""
    connection = await asyncpg.connect(server.reveal())
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    connection = await asyncpg.connect(with_database(server, name).reveal())
    for statement in schema():
        await connection.execute(statement)
    await connection.close()
    yield with_database(server, name)
    await drop_database(server, name)


@asynccontextmanager
async def open_shop(storage: AsyncpgStorage, dsn: Secret) -> AsyncIterator[Workshop]:
    """A workshop over an empty table, which it leaves empty."""
    connection = await asyncpg.connect(dsn.reveal())
    try:
        yield Workshop(storage, connection)
    finally:
        await connection.execute("TRUNCATE core.jobs, effects")
        await connection.close()


async def note(uow: UnitOfWork, text: str) -> None:
    """Have an effect in the database."""
    await (await uow.connection()).execute("INSERT INTO effects (note) VALUES ($1)", text)
