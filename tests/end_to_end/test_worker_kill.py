"""Worker processes are killed and stopped for real: nothing is lost and no effect happens twice."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.storage.asyncpg_storage import PoolSizes, open_storage
from core.jobs.bells import open_bell
from core.testing.database import embedded_server
from core.testing.waiting import until
from ports.secrets import Secret
from tests.jobs.worker_process import Numbered, work
from tests.jobs.workshop import Workshop, jobs_database, open_shop
from tests.peers.redis import bell_address

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "tests" / "jobs" / "worker_process.py"
JOBS = 200


@pytest.fixture(scope="module")
async def dsn(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secret]:
    async with embedded_server(tmp_path_factory.mktemp("killed")) as server, jobs_database(server, "killed") as dsn:
        yield dsn


@pytest.fixture
async def shop(dsn: Secret) -> AsyncIterator[Workshop]:
    async with open_storage(dsn, PoolSizes(8, 1, 5.0)) as storage, open_shop(storage, dsn) as shop:
        yield shop


@asynccontextmanager
async def worker_process(
    dsn: Secret, bell: str = "storage", grace: float = 5.0, concurrency: int = 20
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        PROGRAM,
        dsn.reveal(),
        bell,
        str(grace),
        str(concurrency),
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def enqueue(shop: Workshop, bell: str, count: int = JOBS, seconds: float = 0.1) -> None:
    shop.use(work, bell=open_bell(bell, shop.storage))
    async with shop.units() as uow:
        for number in range(count):
            await uow.enqueue(work, Numbered(number, seconds))
    await shop.bell.close()


@pytest.mark.parametrize("kind", ["storage", "redis"])
async def test_of_200_jobs_none_is_lost_or_doubled_when_their_worker_is_killed(
    shop: Workshop, dsn: Secret, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with bell_address(kind) as bell:
        async with worker_process(dsn, bell, concurrency=JOBS) as doomed:
            await enqueue(shop, bell, seconds=2.0)
            await shop.in_state("running", JOBS)
            doomed.kill()
            await doomed.wait()
        killed = await shop.connection.fetchval("SELECT clock_timestamp()")
        cut_off = (await shop.states()).get("running", 0)
        assert cut_off == JOBS
        async with worker_process(dsn, bell, concurrency=JOBS):
            await shop.in_state("done", JOBS)
    effects = sorted(map(int, await shop.effects()))
    repeated, rescued = await shop.connection.fetchrow(
        "SELECT count(*), extract(epoch FROM max(started_at) - $1)::float8 FROM core.jobs WHERE attempts > 1", killed
    )
    with capsys.disabled():
        lost, twice = JOBS - len(set(effects)), len(effects) - len(set(effects))
        print(
            f"\nbell {kind}: {cut_off} cut off, {lost} lost, {twice} twice, last rescued {rescued:.1f} s after the kill"
        )
    assert effects == list(range(JOBS))
    assert repeated == cut_off


async def test_on_term_a_worker_finishes_what_it_runs_and_leaves_the_rest(shop: Workshop, dsn: Secret) -> None:
    await enqueue(shop, "storage")
    async with worker_process(dsn) as worker:
        await shop.in_state("done", 1)
        worker.send_signal(signal.SIGTERM)
        assert await worker.wait() == 0
    states = await shop.states()
    assert states.keys() == {"done", "queued"}
    assert len(await shop.effects()) == states["done"]
    assert await shop.connection.fetchval("SELECT count(*) FROM core.jobs WHERE attempts = 1") == states["done"]


async def test_a_second_signal_skips_the_wait_and_gives_the_attempts_back(shop: Workshop, dsn: Secret) -> None:
    await enqueue(shop, "storage", count=3, seconds=600)
    async with worker_process(dsn, grace=600) as worker:
        await shop.in_state("running", 3)
        worker.send_signal(signal.SIGTERM)

        async def gone() -> bool:
            worker.send_signal(signal.SIGTERM)
            return worker.returncode is not None or not (await shop.states()).get("running")

        await until(gone)
        assert await worker.wait() == 0
    rows = await shop.connection.fetch("SELECT state, attempts, forgiven FROM core.jobs")
    assert [tuple(row) for row in rows] == [("queued", 1, 1)] * 3
    assert await shop.effects() == []
