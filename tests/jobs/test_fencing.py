"""An attempt that lost its job changes nothing; a job whose worker is lost runs again."""

import asyncio

import asyncpg
import msgspec
import pytest

from core.jobs.admin import JobAdmin
from core.jobs.declare import JobAttempt, LeaseLostError, job
from core.jobs.keeper import give_back
from core.jobs.ledger import LIVENESS, Claim, Ledger, Outcome, mark_done
from core.testing.waiting import until
from core.unit_of_work import UnitOfWork
from ports.secrets import Secret
from tests.jobs.workshop import Workshop, note


class Nothing(msgspec.Struct):
    pass


@job("shop.effect", attempts=3)
async def effect(payload: Nothing, uow: UnitOfWork, attempt: JobAttempt) -> None:
    del payload
    await note(uow, f"attempt {attempt.number}")


async def claim_one(ledger: Ledger) -> Claim:
    (claim,) = await ledger.claim({"shop": 1}, 1)
    return claim


async def end_leases(shop: Workshop) -> None:
    await shop.connection.execute("UPDATE core.jobs SET lease_until = now() - interval '1 s' WHERE state = 'running'")


async def test_a_frozen_worker_that_wakes_after_its_lease_has_no_effect(shop: Workshop) -> None:
    """The first attempt freezes before its commit, a second worker does the job, the first wakes up."""
    frozen, thaw = asyncio.Event(), asyncio.Event()

    @job("shop.freeze")
    async def freeze(payload: Nothing, uow: UnitOfWork, attempt: JobAttempt) -> None:
        del payload
        await note(uow, f"attempt {attempt.number}")
        if attempt.number == 1:
            frozen.set()
            await thaw.wait()

    shop.use(freeze)
    job_id = await shop.enqueue(freeze, Nothing())
    async with shop.working():
        await frozen.wait()
        await end_leases(shop)
        async with shop.working():
            await shop.in_state("done")
        thaw.set()
    row = await shop.row(job_id)
    assert (row["state"], row["attempts"]) == ("done", 2)
    assert await shop.effects() == ["attempt 2"]


async def test_each_way_to_settle_needs_the_current_token(shop: Workshop) -> None:
    shop.use(effect)
    job_id = await shop.enqueue(effect, Nothing())
    async with shop.ledger() as ledger:
        stale = await claim_one(ledger)
        await end_leases(shop)
        await ledger.rescue([])
        current = await claim_one(ledger)
        for state in ("done", "dead", "queued", "parked"):
            await ledger.settle([Outcome(stale.id, stale.attempts, state)])
        with pytest.raises(LeaseLostError):
            await mark_done(shop.connection, stale)
        before = await shop.row(job_id)
        await ledger.extend([stale])
        after = await shop.row(job_id)
        assert (after["state"], after["attempts"]) == ("running", current.attempts)
        assert after["lease_until"] == before["lease_until"]
        await mark_done(shop.connection, current)
        assert (await shop.row(job_id))["state"] == "done"


async def test_a_mark_that_is_never_committed_lets_go_of_its_row(shop: Workshop) -> None:
    """A worker stopped between its done mark and COMMIT holds the row's lock, which every rescuer skips."""
    shop.use(effect)
    job_id = await shop.enqueue(effect, Nothing())
    stopped = await shop.storage.connect(application_name="stopped worker")
    async with shop.ledger() as ledger:
        claim = await claim_one(ledger)
        await stopped.execute("BEGIN")
        await mark_done(stopped, claim)
        assert await stopped.fetchval("SHOW idle_in_transaction_session_timeout") == "5s"
        # In place of waiting for five seconds:
        await stopped.execute("SET LOCAL idle_in_transaction_session_timeout = '10ms'")

        async def rescued() -> bool:
            await ledger.rescue([ledger.worker])
            return bool((await shop.row(job_id))["state"] == "queued")

        await until(rescued)
    stopped.terminate()


async def test_a_worker_that_died_is_missed_without_waiting_for_its_lease(shop: Workshop) -> None:
    shop.use(effect)
    await shop.enqueue(effect, Nothing())
    async with shop.ledger(number=77, lease=3600) as dying:
        await claim_one(dying)
        assert 77 not in (await dying.look()).absent
    async with shop.working():
        await shop.in_state("done")
    assert await shop.effects() == ["attempt 2"]


async def test_a_worker_of_the_same_number_on_another_database_is_no_sign_of_life(
    shop: Workshop, server: Secret
) -> None:
    shop.use(effect)
    await shop.enqueue(effect, Nothing())
    async with shop.ledger(number=77) as dying:
        await claim_one(dying)
    elsewhere = await asyncpg.connect(server.reveal())
    async with shop.ledger(number=78) as ledger:
        assert await elsewhere.fetchval("SELECT pg_try_advisory_lock($1, 77)", LIVENESS)

        async def missed() -> bool:
            return (await ledger.look()).absent == {77}

        await until(missed)
    await elsewhere.close()


async def test_a_worker_that_reconnects_at_once_keeps_its_jobs(shop: Workshop) -> None:
    """Its session ends, as when the server restarts; its number changes, its job goes on, once."""
    started, finish = asyncio.Event(), asyncio.Event()

    @job("shop.outlast")
    async def outlast(payload: Nothing, uow: UnitOfWork, attempt: JobAttempt) -> None:
        del payload
        started.set()
        await finish.wait()
        await note(uow, f"attempt {attempt.number}")

    shop.use(outlast)
    job_id = await shop.enqueue(outlast, Nothing())
    async with shop.working():
        await started.wait()
        number = (await shop.row(job_id))["worker"]
        await shop.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hexastar worker'"
        )

        async def adopted() -> bool:
            return bool((await shop.row(job_id))["worker"] not in {None, number})

        await until(adopted)
        finish.set()
        await shop.in_state("done")
    assert await shop.effects() == ["attempt 1"]


async def test_a_job_that_kills_every_worker_is_dead_after_its_attempts(shop: Workshop) -> None:
    shop.use(effect)
    poison = await shop.enqueue(effect, Nothing())
    async with shop.ledger() as rescuer:
        for attempt in (1, 2, 3):
            async with shop.ledger(number=100 + attempt) as victim:
                (claim,) = await victim.claim({"shop": 1}, 1, ahead=60)
                assert claim.number == attempt
            await rescuer.rescue([100 + attempt])
    row = await shop.row(poison)
    assert (row["state"], row["attempts"]) == ("dead", 3)
    assert row["error"] == "WorkerLost: the worker died or froze during attempt 3"


async def test_an_attempt_that_was_given_back_is_not_counted_by_a_rescue(shop: Workshop) -> None:
    shop.use(effect)
    job_id = await shop.enqueue(effect, Nothing())
    async with shop.ledger() as ledger:
        for _ in range(3):
            await ledger.settle([give_back(await claim_one(ledger))])
        await claim_one(ledger)
        await end_leases(shop)
        assert await ledger.rescue([]) == [(job_id, "shop.effect", "queued")]


async def test_the_first_rescue_is_immediate_and_later_ones_part_neighbours(shop: Workshop) -> None:
    shop.use(effect)
    for _ in range(20):
        await shop.enqueue(effect, Nothing())
    async with shop.ledger() as ledger:
        await ledger.claim({"shop": 20}, 20)
        await end_leases(shop)
        await ledger.rescue([])
        assert len(await ledger.claim({"shop": 20}, 20)) == 20
        await end_leases(shop)
        await ledger.rescue([])
        assert await shop.connection.fetchval("SELECT count(DISTINCT run_at) FROM core.jobs") == 20


async def test_leases_are_extended_while_a_job_runs(shop: Workshop) -> None:
    finish = asyncio.Event()

    @job("shop.long", timeout=60)
    async def long(payload: Nothing, attempt: JobAttempt) -> None:
        del payload, attempt
        await finish.wait()

    shop.use(long)
    job_id = await shop.enqueue(long, Nothing())
    async with shop.working(lease=0.3):
        await shop.in_state("running")
        first = (await shop.row(job_id))["lease_until"]

        async def extended() -> bool:
            row = await shop.row(job_id)
            return bool((row["lease_until"] - first).total_seconds() > 0.5)

        await until(extended)
        finish.set()
        await shop.in_state("done")
    assert (await shop.row(job_id))["attempts"] == 1


async def test_cancelling_a_running_job_by_hand_rolls_it_back(shop: Workshop) -> None:
    started, finish = asyncio.Event(), asyncio.Event()

    @job("shop.regret")
    async def regret(payload: Nothing, uow: UnitOfWork) -> None:
        del payload
        await note(uow, "done")
        started.set()
        await finish.wait()

    shop.use(regret)
    job_id = await shop.enqueue(regret, Nothing())
    async with shop.working():
        await started.wait()
        assert job_id is not None
        assert await JobAdmin(shop.storage).cancel(job_id)
        finish.set()
    row = await shop.row(job_id)
    assert (row["state"], row["error"]) == ("dead", "Cancelled: by hand")
    assert await shop.effects() == []
