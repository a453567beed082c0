"""A worker freezes for longer than its lease and wakes up: others have done its jobs, and what it did is undone."""

import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from labour.jobs import Work, errand, nothing, slow_commit, unique_effect, work

from ports.secrets import Secret
from tests.faults.kit.jobsite import jobsite
from tests.faults.kit.nursery import Nursery
from tests.peers.redis import bell_address

LEASE = "1.5"


@pytest.mark.bells(briefly="storage")
async def test_a_frozen_worker_is_overtaken_and_its_effects_are_undone_when_it_wakes(
    nursery: Nursery, labour_database: Callable[[], Awaitable[Secret]], folder: Path, bell: str
) -> None:
    async with (
        bell_address(bell) as address,
        jobsite(nursery, folder, await labour_database(), work, slow_commit, errand, nothing, bell=address) as site,
    ):
        await site.enqueue(slow_commit, *[Work(0.5)] * 4)
        await site.enqueue(work, *[Work(0.5)] * 4)
        frozen = await site.worker(JOBS__LEASE=LEASE)

        async def all_started() -> bool:
            return bool(await site.connection.fetchval("SELECT count(*) FROM labour.starts") == 8)

        await site.until(all_started)
        frozen.send(signal.SIGSTOP)
        cut_off = (await site.states()).get("running", 0)
        assert cut_off > 0
        await site.worker(JOBS__LEASE=LEASE)
        await site.settled()
        frozen.send(signal.SIGCONT)

        async def woken() -> bool:
            return sum("job overtaken, rolled back" in line for line in frozen.lines()) == cut_off

        await site.until(woken)
        await site.enqueue(work, *[Work()] * 10)
        await site.settled()
        assert frozen.running
        await site.check(18)


async def test_what_a_frozen_worker_has_locked_is_done_once_by_whoever_gets_it_in_the_end(
    nursery: Nursery, labour_database: Callable[[], Awaitable[Secret]], folder: Path
) -> None:
    """The second attempt waits for the first one's open transaction, which rolls back when the worker wakes."""
    async with jobsite(nursery, folder, await labour_database(), unique_effect) as site:
        (job_id,) = await site.enqueue(unique_effect, Work(0.5, note="only one"))
        frozen = await site.worker(JOBS__LEASE=LEASE)
        await site.in_state("running")

        async def started(count: int) -> bool:
            return bool(await site.connection.fetchval("SELECT count(*) FROM labour.starts") >= count)

        await site.until(lambda: started(1))
        frozen.send(signal.SIGSTOP)
        await site.worker(JOBS__LEASE=LEASE)
        await site.until(lambda: started(2))
        frozen.send(signal.SIGCONT)
        await site.settled()
        assert await site.connection.fetchval("SELECT count(*) FROM labour.unique_effects") == 1
        row = await site.row(job_id)
        assert (row["state"], row["attempts"] >= 2) == ("done", True)
