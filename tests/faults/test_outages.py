"""The database or Redis is away for a while: workers wait quietly, the API says so or goes on, and nothing is lost."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import asyncpg
import httpx
import pytest

from core.testing.waiting import until
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import Program, at_work, environment, server, worker
from tests.peers.redis import bell_address, redis_peer

LINES_A_SECOND = 20
"""Far above what an outage may log, and far below what a loop without a pause would."""

ENTRY = {"label": "outage", "job_seconds": 0.5}
ALL_DONE = "SELECT count(*) = 0 FROM core.jobs WHERE state <> 'done'"
TWICE = "SELECT count(*) - count(DISTINCT subject) FROM tally.effects"


async def post(url: str, count: int) -> Counter[int]:
    """Write so many entries, each with its job; count the statuses."""
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        answers = [await client.post("/api/v1/tally/entries", json=ENTRY) for _ in range(count)]
    return Counter(answer.status_code for answer in answers)


def said(*programs: Program) -> int:
    """Return how many lines they have logged, but the one that each request and each attempt at a job has."""
    lines = [line for program in programs for line in program.lines()]
    return sum("/api/v1/" not in line and '"event":"job ' not in line for line in lines)


async def all_done(dsn: str) -> asyncpg.Record:
    """Wait until every job is done; return how many effects there are, and how many too many."""
    connection = await asyncpg.connect(dsn)
    try:
        await until(lambda: connection.fetchval(ALL_DONE), 60, interval=0.02)
        return await connection.fetchrow(f"SELECT count(*), ({TWICE}) FROM tally.effects")
    finally:
        await connection.close()


@pytest.mark.bells(briefly="redis")
async def test_a_worker_waits_quietly_for_a_database_that_is_away(
    postgres: Cluster, folder: Path, bell: str, full: bool, figure: Callable[..., None]
) -> None:
    seconds = 5.0
    jobs = 300 if full else 60
    dsn = await postgres.create_database(f"outage_{bell}")
    async with bell_address(bell) as address:
        environ = environment(dsn, "tally.plugin", bell=address)
        async with server(folder, environ) as serving, worker(folder, environ) as working:
            await at_work(dsn)
            assert await post(serving.url, jobs) == {201: jobs}
            lines = said(working)
            await postgres.stop("immediate")
            share = await working.cpu_share(seconds)
            lines = said(working) - lines
            ready = await postgres.start()
            effects, twice = await all_done(dsn.reveal())
            took = time.monotonic() - ready
            assert working.running
    assert (effects, twice) == (jobs, 0)
    assert lines <= LINES_A_SECOND * seconds
    figure("G8", f"worker while the database is away, bell {bell}", share * 100, "% of a core", at_most=5)
    figure("G8", f"lines of log a second, but the jobs' own, bell {bell}", lines / seconds, "/s", at_most=2)
    figure("G8", f"all done after the database was ready, bell {bell}", took, "s", at_most=10)


async def test_redis_may_be_away(postgres: Cluster, folder: Path, full: bool, figure: Callable[..., None]) -> None:
    seconds = 10.0 if full else 5.0
    dsn = await postgres.create_database("no_redis")
    async with redis_peer() as redis:
        environ = environment(dsn, "tally.plugin", bell=redis.address)
        async with server(folder, environ) as serving, worker(folder, environ) as working:
            await at_work(dsn)
            assert await post(serving.url, 20) == {201: 20}
            await redis.stop()
            lines = said(working, serving)
            statuses: Counter[int] = Counter()
            asking = asyncio.create_task(_ask(serving.url, statuses))
            share = await working.cpu_share(seconds)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            lines = said(working, serving) - lines
            assert (await all_done(dsn.reveal()))[1] == 0
            await redis.start()
            assert await post(serving.url, 20) == {201: 20}
            effects, twice = await all_done(dsn.reveal())
    assert set(statuses) == {201}
    assert twice == 0
    assert effects >= 40 + statuses[201]
    assert lines <= LINES_A_SECOND * seconds
    figure("G8", "5xx of the API while Redis is away", sum(statuses[one] for one in statuses if one >= 500), at_most=0)
    figure("G8", "worker while Redis is away", share * 100, "% of a core", at_most=20)
    figure("G8", "lines of log a second while Redis is away", lines / seconds, "/s", at_most=2)


async def _ask(url: str, statuses: Counter[int]) -> None:
    """Write an entry twenty times a second."""
    while True:
        statuses.update(await post(url, 1))
        await asyncio.sleep(0.05)
