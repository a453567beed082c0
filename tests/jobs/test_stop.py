"""A stop waits for what runs, gives back what it cuts off, and loses nothing."""

import asyncio

import msgspec
import pytest
from structlog.typing import EventDict

from core.jobs.declare import JobAttempt, job
from core.jobs.keeper import Keeper, give_back
from core.jobs.lanes import Lanes
from core.testing.waiting import until
from core.unit_of_work import UnitOfWork
from tests.jobs.workshop import Workshop, note


class Nothing(msgspec.Struct):
    pass


async def test_a_stop_claims_no_more_and_waits_for_what_runs(shop: Workshop) -> None:
    gate = asyncio.Event()

    @job("shop.wait")
    async def wait(payload: Nothing, uow: UnitOfWork) -> None:
        del payload
        await gate.wait()
        await note(uow, "ran")

    shop.use(wait)
    for _ in range(5):
        await shop.enqueue(wait, Nothing())
    async with shop.working(concurrency=2) as worker:
        await shop.in_state("running", 2)
        worker.request_stop()
        gate.set()
    assert await shop.states() == {"done": 2, "queued": 3}
    assert await shop.effects() == ["ran", "ran"]


async def test_after_the_grace_a_job_is_cut_off_and_its_attempt_does_not_count(shop: Workshop) -> None:
    @job("shop.linger", attempts=1)
    async def linger(payload: Nothing, uow: UnitOfWork, attempt: JobAttempt) -> None:
        del payload
        await note(uow, f"attempt {attempt.number}")
        if not finishing.is_set():
            await asyncio.Event().wait()

    finishing = asyncio.Event()
    shop.use(linger)
    job_id = await shop.enqueue(linger, Nothing())
    for _ in range(2):
        async with shop.working(grace=0.05):
            await shop.in_state("running")
        assert (await shop.row(job_id))["state"] == "queued"
    finishing.set()
    assert await shop.drain() == 1
    row = await shop.row(job_id)
    assert (row["state"], row["attempts"], row["forgiven"]) == ("done", 3, 2)
    assert await shop.effects() == ["attempt 1"]


async def test_a_job_that_refuses_to_be_cut_off_is_missed_like_one_of_a_dead_worker(
    shop: Workshop, logs: list[EventDict]
) -> None:
    stubborn = asyncio.Event()

    @job("shop.refuse")
    async def refuse(payload: Nothing, uow: UnitOfWork, attempt: JobAttempt) -> None:
        del payload
        await note(uow, f"attempt {attempt.number}")
        while attempt.number == 1 and not stubborn.is_set():
            try:
                await stubborn.wait()
            except asyncio.CancelledError:
                continue

    shop.use(refuse)
    await shop.enqueue(refuse, Nothing())
    async with shop.working(grace=0.05):
        await shop.in_state("running")
    async with shop.working():
        await shop.in_state("done")
    stubborn.set()

    async def overtaken() -> bool:
        return any(record["event"] == "job overtaken, rolled back" for record in logs)

    await until(overtaken)
    assert await shop.effects() == ["attempt 2"]


async def test_a_stop_before_the_start_is_not_lost(shop: Workshop) -> None:
    worker = shop.worker()
    worker.request_stop()
    async with asyncio.timeout(5):
        await worker.run()


async def test_an_idle_worker_stops_at_once_whatever_its_grace(shop: Workshop) -> None:
    async with shop.working(grace=3600):
        await asyncio.sleep(0)


async def test_a_claim_handed_to_a_slot_that_is_leaving_goes_to_the_next_one_uncounted(shop: Workshop) -> None:
    class Handing(Lanes):
        """Cancels the waiting slot in the very moment in which it is handed a claim."""

        def enter(self, lane: str) -> None:
            super().enter(lane)
            asyncio.get_running_loop().call_soon(leaving.cancel)

    @job("shop.idle")
    async def idle(payload: Nothing) -> None:
        del payload

    shop.use(idle)
    job_id = await shop.enqueue(idle, Nothing())
    keeper = Keeper(shop.storage, shop.outbox.jobs, Handing(shop.jobs, 1), 30.0)
    running = asyncio.create_task(keeper.run())
    leaving = asyncio.create_task(keeper.next())
    try:
        with pytest.raises(asyncio.CancelledError):
            await leaving
        async with asyncio.timeout(5):
            claim = await keeper.next()
        assert claim is not None
        keeper.settle(claim, give_back(claim))
    finally:
        keeper.close()
        keeper.abandon()
        await running
    assert (claim.id, claim.number) == (job_id, 1)
    assert (await shop.states()) == {"queued": 1}
