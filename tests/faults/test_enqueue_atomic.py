"""Data and jobs are one transaction, whatever dies: as many jobs as commits, and each belongs to its row."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import pytest

from core.testing.waiting import until
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.history import History, check
from tests.faults.kit.processes import at_work, environment, server, worker
from tests.faults.kit.writers import Writers
from tests.peers.redis import bell_address

CLIENTS = 20
ROWS_WITHOUT_JOB = """
SELECT count(*) FROM tally.entries e
WHERE NOT EXISTS (SELECT 1 FROM core.jobs j WHERE j.name = 'tally.count' AND j.payload->>'subject' = e.id::text)
"""
JOBS_WITHOUT_ROW = """
SELECT count(*) FROM core.jobs j
WHERE j.name = 'tally.count' AND NOT EXISTS (SELECT 1 FROM tally.entries e WHERE e.id::text = j.payload->>'subject')
"""
ALL_DONE = "SELECT count(*) = 0 FROM core.jobs WHERE name = 'tally.count' AND state <> 'done'"
EFFECTS = """
SELECT (SELECT count(*) FROM tally.entries), (SELECT count(*) FROM tally.effects), (SELECT count(*) FROM core.jobs
    WHERE name = 'tally.count'), (SELECT count(DISTINCT subject) FROM tally.effects)
"""
PICK_UP = """
SELECT percentile_disc($1::float8) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - created_at))::float8
FROM core.jobs WHERE name = 'tally.count'
"""


@pytest.mark.bells(briefly="storage")
async def test_as_many_jobs_as_commits_though_the_api_is_killed(
    postgres: Cluster, folder: Path, bell: str, full: bool, figure: Callable[..., None]
) -> None:
    """Kill the API under transactions that enqueue; compare what was committed with the jobs, both ways."""
    transactions, kills = (10_000, 3) if full else (600, 1)
    dsn = await postgres.create_database(f"atomic_{bell}")
    history = History(folder / "history.jsonl")
    async with bell_address(bell) as address:
        environ = environment(dsn, "tally.plugin", bell=address)
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(worker(folder, environ))
            serving = await stack.enter_async_context(server(folder, environ))
            await at_work(dsn)
            writers = Writers(serving.url, history, refuse_half=True)
            async with writers.writing(CLIENTS):
                for kill in range(1, kills + 1):
                    await answered(history, transactions * kill // (kills + 1))
                    await serving.kill()
                    serving = await stack.enter_async_context(server(folder, environ, port=serving.port))
                await answered(history, transactions)
            unanswered = await writers.resolve()
            connection = await asyncpg.connect(dsn.reveal())
            await drained(connection)
        history.close()
        entries, effects, jobs, subjects = await connection.fetchrow(EFFECTS)
        orphans = await connection.fetchrow(f"SELECT ({ROWS_WITHOUT_JOB}), ({JOBS_WITHOUT_ROW})")
        labels = [row["label"] for row in await connection.fetch("SELECT label FROM tally.entries")]
        p50, p99 = [await connection.fetchval(PICK_UP, part) for part in (0.5, 0.99)]
        await connection.close()
    assert writers.unsound == []
    assert check(history.operations, labels).clean
    assert tuple(orphans) == (0, 0)
    assert entries == jobs == effects == subjects
    assert history.of("fail")
    figure("G4", f"transactions answered, bell {bell}", len(history.of("ok")) + len(history.of("fail")))
    figure("G4", f"committed, bell {bell}: jobs", jobs)
    figure("G4", f"unanswered at kills, settled by a retry, bell {bell}", unanswered)
    figure("G4", f"pick-up p50 under load, bell {bell}", p50 * 1000, "ms", at_most=10)
    figure("G4", f"pick-up p99 under load, bell {bell}", p99, "s", at_most=1.2)


async def answered(history: History, count: int) -> None:
    """Wait until that many requests are answered."""
    await until(lambda: len(history.of("ok")) + len(history.of("fail")) >= count, 120, interval=0.02)


async def drained(connection: asyncpg.Connection) -> None:
    """Wait until every job is done."""
    await until(lambda: connection.fetchval(ALL_DONE), 60, interval=0.05)
