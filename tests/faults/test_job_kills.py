"""Workers are killed at random and at every failpoint: no job is lost or stuck, no effect happens twice."""

import asyncio
import json
import random
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
from labour.jobs import Work, errand, nothing, poison, slow_commit, work
from redis.asyncio import Redis

from core import failpoints
from core.working import make_worker
from ports.secrets import Secret
from tests.faults.kit.bells import BELLS
from tests.faults.kit.history import percentile
from tests.faults.kit.jobsite import Jobsite, jobsite
from tests.faults.kit.nursery import Nursery
from tests.faults.kit.processes import Program
from tests.peers.redis import RedisPeer, redis_peer

assert make_worker  # loads every module that registers a failpoint of the jobs

PLACES = [name for name in failpoints.names() if name.startswith(("jobs.", "unit_of_work."))]
WAITING = "SELECT count(*) FROM core.jobs WHERE state = 'queued' AND name LIKE 'labour.%'"
ENOUGH = 80
BRIEFLY = {
    "storage": ["jobs.claimed", "jobs.marked_done", "jobs.committed", "jobs.rescued"],
    "redis": ["jobs.before_outcomes"],
}
NEEDS_A_DEATH = {"jobs.before_rescue", "jobs.rescued"}
RESCUE_TIMES = """
SELECT cut_off.job, killed.at AS killed_at, extract(epoch FROM next.at - killed.at)::float8 AS seconds
FROM unnest($1::integer[], $2::timestamptz[]) AS killed (pid, at)
JOIN labour.starts AS cut_off ON cut_off.pid = killed.pid
CROSS JOIN LATERAL (
    SELECT min(starts.at) AS at FROM labour.starts
    WHERE starts.job = cut_off.job AND starts.attempt > cut_off.attempt
) AS next
WHERE next.at IS NOT NULL
"""


@asynccontextmanager
async def opened_site(
    nursery: Nursery, labour_database: Callable[[], Awaitable[Secret]], folder: Path, bell: str
) -> AsyncIterator[tuple[Jobsite, RedisPeer | None]]:
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(redis_peer()) if bell == "redis" else None
        address = redis.address if redis else "storage"
        jobs = (work, slow_commit, errand, nothing, poison)
        site = await stack.enter_async_context(jobsite(nursery, folder, await labour_database(), *jobs, bell=address))
        yield site, redis


class Killings:
    """Who was killed when, by the clock of the database."""

    def __init__(self, site: Jobsite) -> None:
        self.site = site
        self.deaths: list[tuple[int, datetime]] = []

    async def note(self, worker: Program) -> None:
        self.deaths.append((worker.pid, await self.site.connection.fetchval("SELECT clock_timestamp()")))

    async def kill(self, worker: Program) -> None:
        """Kill a worker that has jobs in its hands."""
        await self.note(worker)
        await worker.kill()

    async def rescue_times(self) -> tuple[list[float], list[float]]:
        """Return for the attempts that were cut off the seconds until the job was queued again, and until it ran."""
        rows = await self.site.connection.fetch(RESCUE_TIMES, *map(list, zip(*self.deaths, strict=True)))
        rescues = self._logged_rescues()
        queued = []
        for row in rows:
            later = [at for at in rescues.get(str(row["job"]), []) if at > row["killed_at"]]
            if later:  # a rescuer that was killed itself at once has not said so
                queued.append((min(later) - row["killed_at"]).total_seconds())
        return queued, [row["seconds"] for row in rows]

    def _logged_rescues(self) -> dict[str, list[datetime]]:
        rescues: dict[str, list[datetime]] = {}
        for line in (line for program in self.site.programs for line in program.lines()):
            if '"job rescued from a lost worker"' in line:
                record = json.loads(line)
                rescues.setdefault(record["job_id"], []).append(datetime.fromisoformat(record["timestamp"]))
        return rescues

    async def at_failpoint(self, place: str, other: Program) -> Program:
        """Have one worker die at this place; return the worker that is at work beside it afterwards."""
        doomed = await self.site.worker(failpoint=place)
        if place in NEEDS_A_DEATH and doomed.running:
            await self.kill(other)

        async def dead() -> bool:
            return not doomed.running

        await self.site.until(dead)
        assert doomed.process.returncode == -signal.SIGKILL, f"{place}: {doomed.output()}"
        await self.note(doomed)
        return other if other.running else await self.site.worker()


async def enqueue_a_mixture(site: Jobsite, count: int, seconds: float) -> None:
    """Enqueue this many jobs of four kinds, of which none takes longer than `seconds`."""
    for number, job in enumerate((work, slow_commit, errand, nothing)):
        share = count // 4 + (number < count % 4)
        await site.enqueue(job, *(Work(seconds * random.random()) for _ in range(share)))


@asynccontextmanager
async def kept_busy(site: Jobsite, count: int, seconds: float) -> AsyncIterator[list[int]]:
    """Enqueue `count` jobs, and more whenever workers might run out of them; yield how many each time."""
    enqueued, enough = [count], asyncio.Event()
    await enqueue_a_mixture(site, count, seconds)

    async def top_up() -> None:
        while not enough.is_set():
            async with site.units() as uow:
                waiting = await (await uow.connection()).fetchval(WAITING)
            if waiting < ENOUGH:
                await enqueue_a_mixture(site, ENOUGH, seconds)
                enqueued.append(ENOUGH)
            await asyncio.sleep(0.05)

    topping_up = asyncio.create_task(top_up())
    try:
        yield enqueued
    finally:
        enough.set()
        await topping_up  # not cancelled, which would leave open how many it has enqueued


@pytest.mark.parametrize("bell", BELLS)
async def test_jobs_outlive_kills_at_random_and_at_every_failpoint(
    nursery: Nursery,
    labour_database: Callable[[], Awaitable[Secret]],
    folder: Path,
    bell: str,
    full: bool,
    figure: Callable[..., None],
) -> None:
    seed = secrets.randbelow(10**9)
    print(f"seed {seed}")
    random.seed(seed)
    count, kills, longest = (1000, 5, 2.0) if full else (100, 1, 2.0)
    places = PLACES if full else BRIEFLY[bell]
    async with opened_site(nursery, labour_database, folder, bell) as (site, redis):
        killings = Killings(site)
        site.defaults = {"METRONOME_CRON": "* * * * * *"}
        async with kept_busy(site, count, longest) as enqueued:
            other = await site.worker()
            for place in places:
                other = await killings.at_failpoint(place, other)
            for number in range(kills):
                beside = await site.worker()
                await asyncio.sleep(random.random())
                await killings.kill(other)
                other = beside
                if redis is not None and number == kills // 2:
                    await wipe(redis)
        count = sum(enqueued)
        await site.settled(240)
        attempts = await site.check(count)
        rescues, restarts = await killings.rescue_times()
        ticks = await site.connection.fetch("SELECT tick, count(*) FROM labour.ticks GROUP BY tick HAVING count(*) > 1")
        assert not ticks
    figure("G2", f"jobs lost, stuck or doubled of {count}, bell {bell}", 0, at_most=0)
    figure("G2", f"attempts at {count} jobs over {len(killings.deaths)} kills, bell {bell}", attempts)
    if rescues:
        figure("G2", f"rescue p95 of {len(rescues)}, bell {bell}", percentile(rescues, 0.95), "s", at_most=15)
        figure(
            "G2",
            f"started again p95 of {len(restarts)}, behind the others, bell {bell}",
            percentile(restarts, 0.95),
            "s",
        )


async def wipe(redis: RedisPeer) -> None:
    """Throw away all that Redis holds, and restart it empty."""
    async with Redis.from_url(redis.address) as client:
        await client.flushall()
    await redis.stop()
    await redis.start()


@pytest.mark.bells(briefly="storage")
async def test_a_job_that_kills_its_worker_is_dead_after_its_attempts_and_holds_nobody_up(
    nursery: Nursery, labour_database: Callable[[], Awaitable[Secret]], folder: Path, bell: str
) -> None:
    async with opened_site(nursery, labour_database, folder, bell) as (site, _):
        await poison_a_worker(site, folder / "drop")


async def poison_a_worker(site: Jobsite, drop: Path) -> None:
    """The job can be seen and queued again from the command line."""
    await asyncio.to_thread(drop.touch)
    poisoned = await site.enqueue(poison, Work(note=str(drop)))
    await enqueue_a_mixture(site, 60, 0.2)
    deaths = 0
    while (await site.row(poisoned[0]))["state"] != "dead":
        deaths += await dies_or_survives(site, poisoned[0])
    assert deaths == 3
    await site.in_state("done", 60)
    row = await site.row(poisoned[0])
    assert (row["state"], row["attempts"], row["error"]) == (
        "dead",
        3,
        "WorkerLost: the worker died or froze during attempt 3",
    )
    code, listed = await site.run("jobs", "list", "--state", "dead")
    assert code == 0
    assert str(poisoned[0]) in listed
    assert "WorkerLost" in listed
    await asyncio.to_thread(drop.unlink)
    code, said = await site.run("jobs", "retry", str(poisoned[0]))
    assert (code, said) == (0, f"{poisoned[0]} is queued again.\n")
    await site.settled()
    assert (await site.row(poisoned[0]))["state"] == "done"


async def dies_or_survives(site: Jobsite, job_id: UUID) -> bool:
    """Start a worker; wait until it has died, or the job has; tell whether the worker has."""
    worker = await site.worker()

    async def over() -> bool:
        return not worker.running or (await site.row(job_id))["state"] == "dead"

    await site.until(over)
    return not worker.running
