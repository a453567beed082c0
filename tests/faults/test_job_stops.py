"""A worker is stopped by every signal there is: what it does, what it leaves, and with which code it ends."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import asyncpg
import pytest
from labour.jobs import Work, work

from ports.secrets import Secret
from tests.faults.kit.bells import BELLS
from tests.faults.kit.jobsite import Jobsite, jobsite
from tests.faults.kit.nursery import Nursery
from tests.peers.redis import bell_address

GRACE = 3.0
SLOTS = 12
SHORT = 0.5
ROWS = """
SELECT state, attempts, forgiven, error, (payload->>'seconds')::float8 > 1 AS long FROM core.jobs
WHERE name = 'labour.work' AND attempts > 0
"""


class Stop(NamedTuple):
    """A way to stop: its signals, how the worker ends, whether it waits for what runs, whether attempts come back."""

    signals: tuple[int, ...]
    code: int
    waits: bool
    gives_back: bool


STOPS = {
    "TERM": Stop((signal.SIGTERM,), 0, waits=True, gives_back=True),
    "INT": Stop((signal.SIGINT,), 0, waits=True, gives_back=True),
    "TERM five times": Stop((signal.SIGTERM,) * 5, 0, waits=False, gives_back=True),
    "TERM, then INT": Stop((signal.SIGTERM, signal.SIGINT), 0, waits=False, gives_back=True),
    "QUIT": Stop((signal.SIGQUIT,), 0, waits=False, gives_back=True),
    "KILL": Stop((signal.SIGKILL,), -signal.SIGKILL, waits=False, gives_back=False),
}
BRIEFLY = [("TERM", "storage"), ("QUIT", "redis")]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Stop in every way with each bell, or in some ways with one bell each."""
    if "name" in metafunc.fixturenames:
        every = [(name, bell) for name in STOPS for bell in BELLS]
        metafunc.parametrize(("name", "bell"), every if metafunc.config.getoption("full") else BRIEFLY)


async def test_a_worker_stops_as_the_signal_says_and_every_job_is_done_once_in_the_end(
    nursery: Nursery,
    labour_database: Callable[[], Awaitable[Secret]],
    folder: Path,
    name: str,
    bell: str,
    figure: Callable[..., None],
) -> None:
    stop = STOPS[name]
    async with (
        bell_address(bell) as address,
        jobsite(nursery, folder, await labour_database(), work, bell=address) as site,
    ):
        await site.enqueue(work, Work(60), Work(60), priority=-1)
        await site.enqueue(work, *[Work(SHORT)] * 40)
        worker = await site.worker(JOBS__GRACE=str(GRACE), JOBS__CONCURRENCY=str(SLOTS * 4 // 3))
        await site.in_state("running", SLOTS)
        began = time.monotonic()
        for number in stop.signals:
            worker.send(number)
            await asyncio.sleep(0.1)
        code = await worker.ended()
        took = time.monotonic() - began
        assert code == stop.code, worker.output()
        rows = await site.connection.fetch(ROWS)
        check_rows(rows, stop)
        await finish(site)
        effects = await site.effects()
        assert len(effects) == 42
        assert set(effects.values()) == {1}
    if stop.gives_back:
        bound = (GRACE if stop.waits else 0) + 2
        figure("G3", f"from {name} to the exit, all jobs given back, bell {bell}", took, "s", at_most=bound)


def check_rows(rows: list[asyncpg.Record], stop: Stop) -> None:
    """Assert what a stop leaves of the attempts that it met."""
    long = [row for row in rows if row["long"]]
    short = [row for row in rows if not row["long"]]
    if not stop.gives_back:
        assert {(row["state"], row["attempts"], row["forgiven"]) for row in long} == {("running", 1, 0)}
        return
    assert {(row["state"], row["attempts"], row["forgiven"], row["error"]) for row in long} == {("queued", 1, 1, None)}
    if stop.waits:
        assert {(row["state"], row["attempts"], row["forgiven"]) for row in short} == {("done", 1, 0)}
    else:
        assert {(row["state"], row["forgiven"]) for row in short} <= {("done", 0), ("queued", 1)}


async def finish(site: Jobsite) -> None:
    """Have another worker do what is left, the long jobs in no time."""
    await site.connection.execute("UPDATE core.jobs SET payload = '{}' WHERE state IN ('queued', 'running')")
    await site.worker()
    await site.settled()
