"""Dead jobs are found, looked at and queued again, one or many, from the command line and over HTTP."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import httpx
from labour.jobs import Work, work

from core.clock import new_id
from ports.secrets import Secret
from tests.faults.kit.jobsite import Jobsite, jobsite
from tests.faults.kit.nursery import Nursery
from tests.faults.kit.processes import server

MANY = 25
ADMIN_KEY = "an admin key for the tests of dead jobs"
KILL_OFF = """
UPDATE core.jobs SET state = 'dead', attempts = max_attempts, error = 'RuntimeError: of old', finished_at = now()
WHERE state = 'queued' AND name = 'labour.work'
"""
ADD_DEAD = """
INSERT INTO core.jobs (id, name, lane, payload, state, attempts, max_attempts, finished_at)
VALUES ($1, 'leisure.rest', 'leisure', '{}', 'dead', 1, 1, now())
"""


async def dead_jobs(site: Jobsite) -> list[UUID]:
    """Have many dead jobs."""
    ids = await site.enqueue(work, *[Work()] * MANY)
    await site.connection.execute(KILL_OFF)
    return ids


async def test_dead_jobs_are_seen_and_retried_from_the_command_line(
    nursery: Nursery, labour_database: Callable[[], Awaitable[Secret]], folder: Path
) -> None:
    async with jobsite(nursery, folder, await labour_database(), work) as site:
        first, second, *_ = ids = await dead_jobs(site)
        others = new_id()
        await site.connection.execute(ADD_DEAD, others)
        code, listed = await site.run("jobs", "list", "--state", "dead", "--plugin", "labour", "--limit", "1000")
        assert code == 0
        assert [line.split()[0] for line in listed.splitlines()] == [str(job_id) for job_id in reversed(ids)]
        code, shown = await site.run("jobs", "show", str(first))
        assert json.loads(shown)["error"] == "RuntimeError: of old"
        code, said = await site.run("jobs", "retry", str(first), str(UUID(int=0)), str(second))
        assert code == 1
        assert said.startswith(f"{first} is queued again.\n{second} is queued again.\n")
        assert f"there is no dead job {UUID(int=0)}" in said
        code, said = await site.run("jobs", "retry", "--dead", "--plugin", "labour")
        assert (code, said) == (0, f"{MANY - 2} jobs are queued again.\n")
        assert (await site.run("jobs", "retry"))[0] == 2
        await site.worker()
        await site.settled()
        assert await site.check(MANY)
        assert (await site.row(others))["state"] == "dead"


async def test_dead_jobs_are_seen_and_retried_over_http_all_at_once(
    nursery: Nursery, labour_database: Callable[[], Awaitable[Secret]], folder: Path
) -> None:
    async with jobsite(nursery, folder, await labour_database(), work) as site:
        site.defaults = {"HEXASTAR__ADMIN_KEY": ADMIN_KEY}
        ids = await dead_jobs(site)
        async with (
            server(folder, site.environ()) as serving,
            httpx.AsyncClient(base_url=serving.url, headers={"X-API-Key": ADMIN_KEY}, timeout=30) as client,
        ):
            page = (await client.get("/api/v1/jobs?state=dead&limit=100")).json()["data"]
            assert {job["id"] for job in page} == {str(job_id) for job_id in ids}
            assert {job["error"] for job in page} == {"RuntimeError: of old"}
            retries = [client.post(f"/api/v1/jobs/{job_id}/retry") for job_id in [*ids, *ids]]
            statuses = [answer.status_code for answer in await asyncio.gather(*retries)]
            assert sorted(statuses) == [200] * MANY + [409] * MANY
            await site.worker()
            await site.settled()
        assert await site.check(MANY)
