"""Looking after the queue by hand, and through SAQ's own interface."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
import saq
from saq import Status

from core.clock import new_id
from core.jobs.admin import JobAdmin, KeyTakenError
from core.jobs.bell import SilentBell
from core.jobs.declare import job
from core.unit_of_work import UnitOfWork
from tests.jobs.workshop import Workshop, note


class Named(msgspec.Struct):
    name: str


@job("shop.work", attempts=1)
async def work(payload: Named, uow: UnitOfWork) -> None:
    await note(uow, payload.name)
    if payload.name == "fail":
        raise RuntimeError("as told")


@job("store.unique", attempts=1, unique="until_done")
async def unique(payload: Named) -> None:
    raise RuntimeError(payload.name)


@pytest.fixture
def admin(shop: Workshop) -> JobAdmin:
    shop.use(work, unique)
    return JobAdmin(shop.storage, shop.bell)


async def test_pages_are_newest_first_without_gap_or_overlap(shop: Workshop, admin: JobAdmin) -> None:
    ids = [await shop.enqueue(work, Named(str(number))) for number in range(7)]
    seen: list[UUID] = []
    before = None
    while page := await admin.page(before=before, limit=3):
        seen += [view.id for view in page]
        before = page[-1].id
    assert seen == ids[::-1]


async def test_jobs_are_found_by_state_plugin_and_name(shop: Workshop, admin: JobAdmin) -> None:
    done = await shop.enqueue(work, Named("fine"))
    dead = await shop.enqueue(work, Named("fail"))
    await shop.drain()
    waiting = await shop.enqueue(unique, Named("x"))
    assert [view.id for view in await admin.page(state="dead")] == [dead]
    assert [view.id for view in await admin.page(plugin="shop")] == [dead, done]
    assert [view.id for view in await admin.page(name="store.unique", state="queued")] == [waiting]
    with pytest.raises(ValueError, match="there is no state 'lost'"):
        await admin.page(state="lost")


async def test_counts_tell_the_states_apart(shop: Workshop, admin: JobAdmin) -> None:
    await shop.enqueue(work, Named("fine"))
    await shop.enqueue(work, Named("fail"))
    await shop.drain()
    await shop.enqueue(work, Named("now"))
    await shop.enqueue(work, Named("later"), at=datetime.now(UTC) + timedelta(days=1))
    counts = await admin.counts()
    assert msgspec.structs.asdict(counts) == {
        "queued": 1,
        "scheduled": 1,
        "running": 0,
        "done": 1,
        "dead": 1,
        "parked": 0,
    }


async def test_a_dead_job_is_retried_with_all_its_attempts(shop: Workshop, admin: JobAdmin) -> None:
    dead = await shop.enqueue(work, Named("fail"))
    assert dead is not None
    await shop.drain()
    await shop.connection.execute("""UPDATE core.jobs SET payload = '{"name": "better"}'""")
    assert await admin.retry(dead)
    await shop.drain()
    view = await admin.show(dead)
    assert view is not None
    assert (view.state, view.attempts - view.forgiven, view.payload, view.error) == (
        "done",
        1,
        {"name": "better"},
        None,
    )
    assert not await admin.retry(dead)
    assert not await admin.retry(new_id())


async def test_a_retry_wakes_the_workers_and_one_of_nothing_does_not(shop: Workshop) -> None:
    class CountingBell(SilentBell):
        rings = 0

        def ring(self) -> None:
            self.rings += 1

    bell = CountingBell()
    shop.use(work)
    admin = JobAdmin(shop.storage, bell)
    dead = await shop.enqueue(work, Named("fail"))
    assert dead is not None
    await shop.drain()
    assert await admin.retry(dead)
    assert not await admin.retry(new_id())
    assert bell.rings == 1


async def test_a_retry_is_refused_while_another_job_holds_the_key(shop: Workshop, admin: JobAdmin) -> None:
    dead = await shop.enqueue(unique, Named("x"))
    assert dead is not None
    await shop.drain()
    await shop.enqueue(unique, Named("x"))
    with pytest.raises(KeyTakenError):
        await admin.retry(dead)


async def test_a_cancelled_job_does_not_run(shop: Workshop, admin: JobAdmin) -> None:
    job_id = await shop.enqueue(work, Named("fine"))
    assert job_id is not None
    assert await admin.cancel(job_id)
    assert not await admin.cancel(job_id)
    assert await shop.drain() == 0
    assert await admin.show(new_id()) is None


async def test_saqs_own_worker_can_work_on_the_queue(shop: Workshop, admin: JobAdmin) -> None:
    """The queue keeps SAQ's public contract: enqueue, dequeue, finish, fail, look."""
    seen: list[Any] = []

    async def run(_context: saq.types.Context, payload: dict[str, Any]) -> None:
        seen.append(payload)
        if payload["name"] == "fail":
            raise RuntimeError("as told")

    queue = shop.worker().queue
    await queue.connect()
    theirs = saq.Worker(queue, [("shop.work", run)], concurrency=2, burst=True, dequeue_timeout=2.0)
    theirs.SIGNALS = []
    fine = await queue.enqueue("shop.work", payload={"name": "fine"})
    failing = await queue.enqueue("shop.work", payload={"name": "fail"})
    assert fine is not None
    assert failing is not None
    assert await queue.count("incomplete") == 2
    await theirs.start()
    await queue.disconnect()
    assert sorted(one["name"] for one in seen) == ["fail", "fine"]
    await fine.refresh()
    await failing.refresh()
    assert (fine.status, failing.status, failing.error) == (Status.COMPLETE, Status.FAILED, "RuntimeError: as told")
    listed = [one.key async for one in queue.iter_jobs([Status.COMPLETE, Status.FAILED])]
    assert listed == [failing.key, fine.key]
    assert (await admin.counts()).done == 1
    info = await queue.info(jobs=True)
    assert (info["queued"], info["active"], len(info["jobs"])) == (0, 0, 2)
