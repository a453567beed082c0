"""The network between a worker and its database is bad in every way: nothing is lost or doubled, and it recovers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from labour.jobs import Work, errand, nothing, slow_commit, work

from ports.secrets import Secret
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.jobsite import Jobsite, jobsite
from tests.faults.kit.nursery import Nursery
from tests.faults.kit.processes import Program
from tests.faults.kit.proxy import proxied
from tests.faults.kit.toxics import Bandwidth, Down, Latency, ResetPeer, Slicer, Timeout

JOBS = (work, slow_commit, errand, nothing)
TOXICS = {
    "latency": Latency(0.1, 0.05),
    "bandwidth": Bandwidth(20_000),
    "slicer": Slicer(40, 30, 0.001),
    "reset_peer": ResetPeer(0.05),
    "down": Down(),
    "timeout": Timeout(),
}


async def enqueue_some(site: Jobsite, count: int) -> None:
    for job in JOBS:
        await site.enqueue(job, *[Work(0.3)] * (count // len(JOBS)))


async def test_a_bad_network_loses_and_doubles_nothing_and_is_recovered_from(
    nursery: Nursery,
    labour_database: Callable[[], Awaitable[Secret]],
    postgres: Cluster,
    folder: Path,
    full: bool,
    figure: Callable[..., None],
) -> None:
    dsn = await labour_database()
    count = 200 if full else 24
    async with proxied("127.0.0.1", postgres.port) as proxy, jobsite(nursery, folder, dsn, *JOBS) as site:
        database = dsn.reveal().rpartition("/")[2]
        worker = await site.worker(dsn=postgres.dsn(database, port=proxy.port), JOBS__CONCURRENCY="10")
        for name, toxic in TOXICS.items():
            await enqueue_some(site, count)
            await site.in_state("running", 4)
            heard = len(worker.lines())
            began = time.monotonic()
            async with proxy.poisoned(toxic):
                await enqueue_some(site, count)
                if isinstance(toxic, ResetPeer | Down | Timeout):
                    await site.until(lambda heard=heard: says(worker, heard, "connection lost"), 40)
                    noticed = time.monotonic() - began
                else:
                    await asyncio.sleep(2.0)
            if isinstance(toxic, Timeout):
                figure("G2", "until a worker notices a network that swallows everything", noticed, "s", at_most=15)
            began = time.monotonic()
            await site.settled()
            figure("G2", f"until all is done after {name} on the database's network", time.monotonic() - began, "s")
            assert worker.running
        await site.check(2 * count * len(TOXICS))


async def says(worker: Program, since: int, words: str) -> bool:
    return any(words in line for line in worker.lines()[since:])


async def test_what_a_silent_network_holds_is_taken_over_and_done_once(
    nursery: Nursery, labour_database: Callable[[], Awaitable[Secret]], postgres: Cluster, folder: Path
) -> None:
    """The first worker's lock is still held by a session that the server believes to be alive: the lease decides."""
    dsn = await labour_database()
    async with proxied("127.0.0.1", postgres.port) as proxy, jobsite(nursery, folder, dsn, *JOBS) as site:
        database = dsn.reveal().rpartition("/")[2]
        await site.enqueue(slow_commit, *[Work(2.0)] * 5)
        await site.enqueue(work, *[Work(2.0)] * 5)
        first = await site.worker(dsn=postgres.dsn(database, port=proxy.port), JOBS__LEASE="3")
        await site.in_state("running", 10)
        async with proxy.poisoned(Timeout()):
            await site.worker(JOBS__LEASE="3")
            await site.settled()
        assert first.running
        await site.enqueue(work, Work(0.0))
        await site.settled()
        await site.check(11)
