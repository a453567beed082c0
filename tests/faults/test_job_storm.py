"""Thousands of jobs of one plugin at once: they drain fast, what is urgent goes first, other plugins do not wait."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from uuid import UUID

import pytest
from labour.jobs import Work, neighbour, nothing
from leisure.plugin import Rest, rest

from ports.secrets import Secret
from tests.faults.kit.history import percentile
from tests.faults.kit.jobsite import Jobsite, jobsite
from tests.faults.kit.nursery import Nursery
from tests.peers.redis import bell_address

SLOTS = 20
SHARE = 15
RATE = """
SELECT count(*) / extract(epoch FROM max(finished_at) - min(started_at))::float8
FROM core.jobs WHERE name = 'labour.nothing' AND priority = 0
"""
WAIT = "SELECT extract(epoch FROM started_at - created_at)::float8 FROM core.jobs WHERE id = ANY ($1::uuid[])"
CLAIMS_BEFORE = """
SELECT count(DISTINCT crowd.started_at) FROM core.jobs AS crowd JOIN core.jobs AS waiting ON waiting.id = $1
WHERE crowd.name = 'labour.nothing' AND crowd.priority = 0
    AND crowd.started_at > $2 AND crowd.started_at < waiting.started_at
"""

Noted = list[tuple[UUID, datetime]]


async def enqueue_and_note(site: Jobsite, urgent: Noted, others: Noted) -> None:
    """Enqueue an urgent job of the crowding plugin and a plain one of another; note when their commits were over."""
    (first,) = await site.enqueue(nothing, Work(), priority=-10)
    (second,) = await site.enqueue(rest, Rest())
    committed = await site.connection.fetchval("SELECT clock_timestamp()")
    urgent.append((first, committed))
    others.append((second, committed))


@pytest.mark.bells(briefly="redis")
async def test_in_a_storm_what_is_urgent_comes_first_and_another_plugin_second_at_the_latest(
    nursery: Nursery,
    labour_database: Callable[[], Awaitable[Secret]],
    folder: Path,
    bell: str,
    full: bool,
    figure: Callable[..., None],
) -> None:
    count = 20_000 if full else 2000
    urgent: Noted = []
    others: Noted = []
    async with (
        bell_address(bell) as address,
        jobsite(nursery, folder, await labour_database(), nothing, rest, bell=address) as site,
    ):
        await site.flood(nothing, Work(), count)
        await site.worker(JOBS__CONCURRENCY=str(SLOTS))
        while (await site.states()).get("queued", 0) > count // 10:
            await enqueue_and_note(site, urgent, others)
            await asyncio.sleep(0.02)
        await site.settled()
        assert len(urgent) >= 3
        for job_id, committed in urgent:
            assert await site.connection.fetchval(CLAIMS_BEFORE, job_id, committed) == 0
        for job_id, committed in others:  # plugins take turns at being first
            assert await site.connection.fetchval(CLAIMS_BEFORE, job_id, committed) <= 1
        rate = await site.connection.fetchval(RATE)
        waits = {}
        for name, noted in (("urgent", urgent), ("other", others)):
            rows = await site.connection.fetch(WAIT, [job_id for job_id, _ in noted])
            waits[name] = [row[0] for row in rows]
    figure("G7", f"no-op jobs of {count} drained by one worker, bell {bell}", rate, "/s", at_least=400)
    figure("G7", f"pick-up p99 of urgent jobs, bell {bell}", percentile(waits["urgent"], 0.99), "s", at_most=2)
    figure("G7", f"longest wait of another plugin, bell {bell}", max(waits["other"]), "s", at_most=5)


async def test_one_plugin_fills_its_share_of_a_worker_and_no_more(
    nursery: Nursery, labour_database: Callable[[], Awaitable[Secret]], folder: Path
) -> None:
    async with jobsite(nursery, folder, await labour_database(), neighbour) as site:
        await site.enqueue(neighbour, *[Work(0.3)] * 40)
        await site.worker(JOBS__CONCURRENCY=str(SLOTS))
        await site.settled()
        most = await site.connection.fetchval("SELECT max(note::int) FROM labour.effects")
        assert most == SHARE
        await site.connection.execute("TRUNCATE labour.effects")
        await site.programs[-1].stop()
        await site.enqueue(neighbour, *[Work(0.3)] * 40)
        await site.worker(JOBS__CONCURRENCY=str(SLOTS), JOBS__PLUGIN_SHARE="0.25")
        await site.settled()
        most = await site.connection.fetchval("SELECT max(note::int) FROM labour.effects")
        assert most == SLOTS // 4
