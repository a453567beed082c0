"""What becomes of an attempt, and that its effects and its done mark are one."""

import asyncio
from datetime import timedelta

import msgspec
import pytest

from core.jobs.declare import Discard, JobAttempt, Retry, job
from core.testing.waiting import until
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from tests.jobs.workshop import Workshop, note


class Wish(msgspec.Struct):
    wish: str


@job("shop.obey", attempts=3, backoff=(60, 600), timeout=0.2)
async def obey(payload: Wish, uow: UnitOfWork, attempt: JobAttempt) -> None:
    await note(uow, f"{payload.wish} {attempt.number}/{attempt.max_attempts}{' last' if attempt.last else ''}")
    match payload.wish:
        case "fail":
            raise RuntimeError("no use\nDETAIL: secrets of a row")
        case "retry":
            raise Retry(after=7)
        case "discard":
            raise Discard("never mind")
        case "hang":
            await asyncio.Event().wait()
        case "leave":
            raise SystemExit(3)
        case "stray":
            raise asyncio.CancelledError


@job("shop.steps", stepwise=True, backoff=(0,), attempts=2)
async def steps(payload: Wish, units: UnitOfWorkFactory, attempt: JobAttempt) -> None:
    async with units() as uow:
        await note(uow, "intent")
    async with units() as uow:
        await note(uow, "outcome")
        await attempt.done(uow)
        if payload.wish == "fail":
            raise RuntimeError("before the commit of the last unit")
    if payload.wish == "fail after":
        raise RuntimeError("after it")


@pytest.mark.parametrize(
    ("wish", "state", "delay", "error", "effects"),
    [
        ("succeed", "done", None, None, ["succeed 1/3"]),
        ("fail", "queued", 60, "RuntimeError: no use", []),
        ("retry", "queued", 7, "Retry: the job asked to be tried again", []),
        ("discard", "dead", None, "Discard: never mind", []),
        ("hang", "queued", 60, "TimeoutError: the job ran into its deadline of 0.2 s", []),
        ("leave", "queued", 60, "StrayError: it tried to exit the process with 3", []),
        ("stray", "queued", 60, "StrayError: it awaited something that was cancelled", []),
    ],
)
async def test_the_end_of_an_attempt_decides_what_follows(
    shop: Workshop, wish: str, state: str, delay: float | None, error: str | None, effects: list[str]
) -> None:
    shop.use(obey)
    job_id = await shop.enqueue(obey, Wish(wish))
    await shop.drain()
    row = await shop.row(job_id)
    assert (row["state"], row["error"], row["attempts"]) == (state, error, 1)
    assert (row["worker"], row["lease_until"]) == (None, None)
    assert (row["finished_at"] is not None) is (state != "queued")
    assert await shop.effects() == effects
    if delay is not None:
        wait = row["run_at"] - row["started_at"]
        assert timedelta(seconds=delay) <= wait < timedelta(seconds=delay + 5)


async def test_after_its_last_attempt_a_job_is_dead_with_its_error(shop: Workshop) -> None:
    shop.use(obey)
    job_id = await shop.enqueue(obey, Wish("fail"))
    assert await shop.drain(ahead=timedelta(hours=1)) == 3
    row = await shop.row(job_id)
    assert (row["state"], row["attempts"], row["error"]) == ("dead", 3, "RuntimeError: no use")


async def test_a_payload_that_does_not_fit_makes_the_job_dead_at_once(shop: Workshop) -> None:
    shop.use(obey)
    job_id = await shop.enqueue(obey, Wish("succeed"))
    await shop.connection.execute("UPDATE core.jobs SET payload = '{}'")
    await shop.drain()
    row = await shop.row(job_id)
    assert row["state"] == "dead"
    assert row["error"].startswith("Discard: the payload does not fit Wish")


async def test_a_commit_that_fails_is_a_failed_attempt(shop: Workshop) -> None:
    @job("shop.break_promise")
    async def break_promise(payload: Wish, uow: UnitOfWork) -> None:
        connection = await uow.connection()
        await connection.execute("INSERT INTO promised VALUES ($1)", payload.wish)

    await shop.connection.execute(
        "CREATE TABLE promised (wish text, UNIQUE (wish) DEFERRABLE INITIALLY DEFERRED); "
        "INSERT INTO promised VALUES ('moon')"
    )
    shop.use(break_promise)
    try:
        job_id = await shop.enqueue(break_promise, Wish("moon"))
        await shop.drain()
        row = await shop.row(job_id)
        assert (row["state"], row["error"].split(":")[0]) == ("queued", "UniqueViolationError")
    finally:
        await shop.connection.execute("DROP TABLE promised")


@pytest.mark.parametrize(
    ("wish", "effects"),
    [
        ("succeed", ["intent", "outcome"]),
        ("fail", ["intent", "intent"]),
        ("fail after", ["intent", "outcome"]),
    ],
)
async def test_a_stepwise_job_is_done_with_the_commit_of_the_unit_that_marks_it(
    shop: Workshop, wish: str, effects: list[str]
) -> None:
    shop.use(steps)
    job_id = await shop.enqueue(steps, Wish(wish))
    await shop.drain()
    assert (await shop.row(job_id))["state"] == ("dead" if wish == "fail" else "done")
    assert await shop.effects() == effects


async def test_a_job_that_uses_its_session_is_fenced_even_if_nothing_was_flushed(shop: Workshop) -> None:
    @job("shop.session")
    async def session(payload: Wish, uow: UnitOfWork) -> None:
        del payload
        assert uow.session is not None
        await shop.connection.execute("UPDATE core.jobs SET attempts = attempts + 1")  # somebody overtakes us

    shop.use(session)
    job_id = await shop.enqueue(session, Wish(""))
    await shop.drain()
    assert (await shop.row(job_id))["state"] == "running"


async def test_a_job_that_asks_for_a_short_delay_runs_again_without_waiting_for_a_poll(shop: Workshop) -> None:
    seen: list[int] = []

    @job("shop.again", attempts=40)
    async def again(payload: Wish, attempt: JobAttempt) -> None:
        del payload
        seen.append(attempt.number)
        if not attempt.last:
            raise Retry(after=0.01)

    shop.use(again)
    async with shop.working():
        await shop.enqueue(again, Wish(""))
        await shop.in_state("done")  # forty polls would take longer than the deadline of this
    assert seen == list(range(1, 41))


async def test_running_until_idle_gives_up_on_jobs_without_end(shop: Workshop) -> None:
    @job("shop.endless")
    async def endless(payload: Wish, uow: UnitOfWork) -> None:
        await uow.enqueue(endless, payload)

    shop.use(endless)
    await shop.enqueue(endless, Wish(""))
    with pytest.raises(RuntimeError, match=r"5 jobs ran and more are due; the next is shop\.endless"):
        await shop.drain(limit=5)


async def test_a_worker_picks_up_what_was_enqueued_before_and_after_its_start(shop: Workshop) -> None:
    shop.use(obey)
    await shop.enqueue(obey, Wish("before"))
    async with shop.working():
        await shop.enqueue(obey, Wish("after"))
        await shop.in_state("done", 2)

    async def written() -> bool:
        return sorted(await shop.effects()) == ["after 1/3", "before 1/3"]

    await until(written)
