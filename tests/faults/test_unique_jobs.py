"""A unique job: however many ask for it at once and wherever, there is one; its key is free when its policy says so."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx

from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import Server, environment, server, worker

REQUESTS = 200


async def enqueue(serving: Server, key: str, *, for_ever: bool) -> Counter[bool]:
    """Enqueue one key many times at once, each on a connection of its own; count who got a job and who did not."""
    limits = httpx.Limits(max_connections=None)
    body = {"key": key, "for_ever": for_ever}
    async with httpx.AsyncClient(base_url=serving.url, timeout=60, limits=limits) as client:
        answers = await asyncio.gather(*(client.post("/api/v1/tally/unique", json=body) for _ in range(REQUESTS)))
    assert {answer.status_code for answer in answers} == {201}
    return Counter(answer.json()["job"] is not None for answer in answers)


async def rows(connection: asyncpg.Connection, key: str, state: str) -> int:
    return await connection.fetchval("SELECT count(*) FROM core.jobs WHERE key = $1 AND state = $2", key, state)


async def test_200_that_enqueue_one_key_at_once_make_one_job(
    postgres: Cluster, folder: Path, full: bool, figure: Callable[..., None]
) -> None:
    processes = 4 if full else 2
    dsn = await postgres.create_database("unique")
    environ = environment(dsn, "tally.plugin")
    until_done, for_ever = f"until-done-{uuid4()}", f"for-ever-{uuid4()}"
    async with AsyncExitStack() as stack:
        serving = await stack.enter_async_context(server(folder, environ, "--workers", str(processes)))
        connection = await asyncpg.connect(dsn.reveal())
        stack.push_async_callback(connection.close)
        for key, lasting in ((until_done, False), (for_ever, True)):
            assert (await enqueue(serving, key, for_ever=lasting))[True] == 1
            assert await rows(connection, key, "queued") == 1
            assert (await enqueue(serving, key, for_ever=lasting))[True] == 0
        async with worker(folder, environ), asyncio.timeout(30):
            while await rows(connection, until_done, "done") + await rows(connection, for_ever, "done") < 2:  # noqa: ASYNC110 - a worker is awaited
                await asyncio.sleep(0.05)
        assert (await enqueue(serving, until_done, for_ever=False))[True] == 1
        assert (await enqueue(serving, for_ever, for_ever=True))[True] == 0
        assert await connection.fetchval("SELECT count(*) FROM tally.effects") == 2
    figure("G5", f"jobs of {REQUESTS} enqueues of one key at once, {processes} processes", 1, at_most=1)
