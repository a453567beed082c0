"""Who runs first, who may run beside whom, and who waits until somebody knows it."""

import asyncio

import msgspec

from core.jobs.declare import job
from core.unit_of_work import UnitOfWork
from tests.jobs.workshop import Workshop, note


class Named(msgspec.Struct):
    name: str = ""


@job("loud.work")
async def loud(payload: Named, uow: UnitOfWork) -> None:
    await note(uow, payload.name or "loud")


@job("quiet.work")
async def quiet(payload: Named, uow: UnitOfWork) -> None:
    await note(uow, payload.name or "quiet")


@job("loud.capped", concurrency_cap=2)
async def capped(payload: Named, uow: UnitOfWork) -> None:
    await note(uow, payload.name or "capped")


async def test_smaller_priorities_run_first_and_equals_in_their_order(shop: Workshop) -> None:
    shop.use(loud)
    for name, priority in (("b", 0), ("c", 0), ("d", 5), ("a", -5), ("e", 5)):
        await shop.enqueue(loud, Named(name), priority=priority)
    await shop.drain()
    assert await shop.effects() == ["a", "b", "c", "d", "e"]


async def test_a_plugin_with_a_backlog_leaves_slots_to_the_others(shop: Workshop) -> None:
    gate = asyncio.Event()

    @job("loud.block")
    async def block(payload: Named) -> None:
        del payload
        await gate.wait()

    shop.use(block, quiet)
    for _ in range(20):
        await shop.enqueue(block, Named())
    async with shop.working(concurrency=4):
        await shop.in_state("running", 3)
        for _ in range(3):
            await shop.enqueue(quiet, Named())
        await shop.in_state("done", 3)
        assert (await shop.states())["running"] == 3
        gate.set()
        await shop.in_state("done", 23)


async def test_alone_a_plugin_may_fill_every_slot(shop: Workshop) -> None:
    gate = asyncio.Event()

    @job("loud.block")
    async def block(payload: Named) -> None:
        del payload
        await gate.wait()

    shop.use(block)
    for _ in range(4):
        await shop.enqueue(block, Named())
    async with shop.working(concurrency=4):
        await shop.in_state("running", 4)
        gate.set()


async def test_a_job_with_a_cap_of_its_own_never_runs_more_often_at_a_time(shop: Workshop) -> None:
    running, most = 0, 0

    @job("loud.few", concurrency_cap=2)
    async def few(payload: Named) -> None:
        nonlocal running, most
        del payload
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        running -= 1

    shop.use(few, loud)
    for _ in range(30):
        await shop.enqueue(few, Named())
    async with shop.working(concurrency=10):
        await shop.in_state("done", 30)
    assert most == 2


async def test_a_cap_that_is_taken_away_strands_nothing(shop: Workshop) -> None:
    shop.use(capped)
    await shop.enqueue(capped, Named())

    @job("loud.capped")
    async def uncapped(payload: Named, uow: UnitOfWork) -> None:
        del payload
        await note(uow, "ran")

    shop.use(uncapped)
    async with shop.working():
        await shop.in_state("done")


async def test_jobs_of_a_disabled_plugin_are_parked_and_come_back_with_it(shop: Workshop) -> None:
    shop.use(quiet, loud)
    await shop.enqueue(quiet, Named())
    shop.use(loud)
    async with shop.working():
        await shop.in_state("parked")
        await shop.enqueue(loud, Named())
        await shop.in_state("done")
        shop.use(quiet, loud)
        async with shop.working():
            await shop.in_state("done", 2)
    assert await shop.connection.fetchval("SELECT sum(attempts) FROM core.jobs") == 2


async def test_a_job_of_an_enabled_plugin_that_nobody_knows_is_parked_without_burning_an_attempt(
    shop: Workshop,
) -> None:
    """A newer version of the plugin enqueued it while this worker was running."""
    shop.use(loud)
    async with shop.working():
        await shop.connection.execute(
            "INSERT INTO core.jobs (id, name, lane, payload, max_attempts)"
            " VALUES (gen_random_uuid(), 'loud.newer', 'loud', '{}', 1)"
        )
        await shop.in_state("parked")
    row = await shop.connection.fetchrow("SELECT attempts, forgiven FROM core.jobs")
    assert row["attempts"] == row["forgiven"]
