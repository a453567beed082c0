"""A database with jobs, and worker processes over it that may be killed: what the tests of the queue work with."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from adapters.storage.asyncpg_storage import PoolSizes, open_storage
from core.failpoints import VARIABLE
from core.jobs.bells import open_bell
from core.jobs.declare import Job
from core.jobs.ledger import LIVENESS
from core.jobs.outbox import JobOutbox
from core.testing.waiting import until
from core.unit_of_work import UnitOfWorkFactory
from ports.secrets import Secret
from tests.faults.kit.nursery import PACKAGES, ROOT, Nursery
from tests.faults.kit.processes import Program, at_work, environment

PLUGINS = ("labour.plugin", "leisure.plugin", "metronome.plugin")
VARIABLES = ("HEXASTAR_", "METRONOME_")
PATIENCE = 60.0
AT_WORK_SINCE = f"""
SELECT EXISTS (
    SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND classid = {LIVENESS} AND objsubid = 2 AND granted
        AND datname = current_database() AND backend_start > $1
)
"""
STATES = "SELECT state, count(*) FROM core.jobs WHERE name NOT LIKE 'core.%' GROUP BY state"

EXECUTIONS = """
SELECT jobs.id, jobs.name, jobs.state, jobs.attempts, count(starts.job) AS starts
FROM core.jobs LEFT JOIN labour.starts ON starts.job = jobs.id
WHERE jobs.name LIKE 'labour.%' GROUP BY jobs.id
"""


class Jobsite:
    """One database and the workers over it, which are all gone when the site is closed."""

    def __init__(
        self,
        nursery: Nursery,
        folder: Path,
        dsn: Secret,
        bell: str,
        connection: asyncpg.Connection,
        units: UnitOfWorkFactory,
        outbox: JobOutbox,
    ) -> None:
        self.dsn = dsn
        self.bell = bell
        self.folder = folder
        self.connection = connection
        self.units = units
        self.outbox = outbox
        self.programs: list[Program] = []
        self.defaults: dict[str, str] = {}
        self._nursery = nursery
        self._numbers = itertools.count(1)

    def environ(self, *plugins: str, dsn: Secret | None = None, **given: str) -> dict[str, str]:
        """Return the environment of one of its processes: keys of the configuration, or variables in full.

        `defaults` are given to all.
        """
        keys = self.defaults | given
        own = {key: keys.pop(key) for key in list(keys) if key.startswith(VARIABLES)}
        return {
            **{name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ},
            **environment(dsn or self.dsn, *PLUGINS, *plugins, bell=self.bell, **keys),
            "HEXASTAR_CONFIG": str(self.folder / "plugins.toml"),
            "PYTHONPATH": os.pathsep.join([str(ROOT), str(PACKAGES)]),
            **own,
        }

    async def worker(
        self, *plugins: str, failpoint: str = "", dsn: Secret | None = None, wait: bool = True, **keys: str
    ) -> Program:
        """Start a worker; with `wait`, return once it claims jobs, or has died on the way."""
        if failpoint:
            keys[VARIABLE] = failpoint
        began = await self.connection.fetchval("SELECT clock_timestamp()")
        program = await self.command(*plugins, arguments=("workers", "run"), dsn=dsn, **keys)
        if wait:
            await self.until(lambda: self._started(program, began))
        return program

    async def command(
        self, *plugins: str, arguments: tuple[str, ...], dsn: Secret | None = None, **keys: str
    ) -> Program:
        """Start a command of this deployment."""
        log = self.folder / f"process-{next(self._numbers)}.log"
        environ = self.environ(*plugins, dsn=dsn, **keys)
        program = Program(await self._nursery.start(self.folder, environ, log, *arguments), log)  # type: ignore[arg-type]
        self.programs.append(program)
        return program

    async def run(self, *arguments: str) -> tuple[int, str]:
        """Run a command to its end; return its exit code and what it printed."""
        program = await self.command(arguments=arguments)
        return await program.ended(), program.output()

    async def _started(self, program: Program, began: datetime) -> bool:
        return not program.running or bool(await self.connection.fetchval(AT_WORK_SINCE, began))

    async def at_work(self, workers: int) -> None:
        """Wait until that many workers claim jobs."""
        await at_work(self.dsn, workers)

    async def enqueue(self, job: Job[Any], *payloads: msgspec.Struct, **options: Any) -> list[UUID]:
        """Enqueue one job for each payload, all in one transaction that rings the bell."""
        async with self.units() as uow:
            return [job_id for one in payloads if (job_id := await uow.enqueue(job, one, **options)) is not None]

    async def flood(self, job: Job[Any], payload: msgspec.Struct, count: int) -> None:
        """Enqueue `count` jobs in one round trip."""
        rows = [self.outbox.row(job, payload, None, None, None) for _ in range(count)]
        await self.connection.executemany(self.outbox.insert_sql, rows)
        self.outbox.ring([job.name])

    async def states(self) -> dict[str, int]:
        """Return how many jobs there are in each state, the core's own left out."""
        return {row["state"]: row["count"] for row in await self.connection.fetch(STATES)}

    async def settled(self, seconds: float = PATIENCE) -> None:
        """Wait until every job is done or dead."""

        async def all_over() -> bool:
            return not set(await self.states()) - {"done", "dead"}

        await self.until(all_over, seconds)

    async def in_state(self, state: str, count: int = 1, seconds: float = PATIENCE) -> None:
        """Wait until at least `count` jobs are in this state."""

        async def reached() -> bool:
            return (await self.states()).get(state, 0) >= count

        await self.until(reached, seconds)

    async def until(self, condition: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> None:
        """Wait until `condition` holds, or fail with the states of the jobs and the end of each log."""
        try:
            await until(condition, seconds, interval=0.02)
        except TimeoutError:
            logs = "\n".join(f"{one.log.name}: {one.output()[-1500:]}" for one in self.programs[-4:])
            raise AssertionError(f"not in {seconds:g} s; jobs: {await self.states()}\n{logs}") from None

    async def row(self, job_id: UUID) -> asyncpg.Record:
        """Return a job's row."""
        return await self.connection.fetchrow("SELECT * FROM core.jobs WHERE id = $1", job_id)

    async def effects(self) -> dict[UUID, int]:
        """Return how many effects each job has had."""
        rows = await self.connection.fetch("SELECT job, count(*) FROM labour.effects GROUP BY job")
        return {row["job"]: row["count"] for row in rows}

    async def check(self, count: int) -> int:
        """Assert that of `count` jobs none is lost, stuck or doubled; return how many attempts there were."""
        rows = await self.connection.fetch(EXECUTIONS)
        effects = await self.effects()
        assert len(rows) == count, f"{len(rows)} jobs of {count}"
        assert {row["state"] for row in rows} == {"done"}
        for row in rows:
            if row["name"] == "labour.nothing":
                continue
            assert 1 <= row["starts"] <= row["attempts"], f"more executions than attempts: {row}"
            if row["name"] == "labour.errand":
                assert 1 <= effects[row["id"]] <= row["starts"]
            else:
                assert effects[row["id"]] == 1, f"{effects.get(row['id'])} effects of {row}"
        return sum(row["attempts"] for row in rows)

    async def close(self) -> None:
        """Kill what still runs."""
        for program in self.programs:
            if program.running:
                await program.kill()


@asynccontextmanager
async def jobsite(
    nursery: Nursery, folder: Path, dsn: Secret, *jobs: Job[Any], bell: str = "storage"
) -> AsyncIterator[Jobsite]:
    """A site over the migrated database at `dsn`, which may enqueue `jobs`."""
    await asyncio.to_thread((folder / "plugins.toml").touch)
    connection = await asyncpg.connect(dsn.reveal())
    try:
        async with open_storage(dsn, PoolSizes(2, 1, 10.0)) as storage:
            rung = open_bell(bell, storage)
            outbox = JobOutbox(jobs, rung)
            site = Jobsite(nursery, folder, dsn, bell, connection, UnitOfWorkFactory(storage, outbox), outbox)
            try:
                yield site
            finally:
                await site.close()
                await rung.close()
    finally:
        await connection.close()
