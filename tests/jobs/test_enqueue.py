"""A job exists exactly if the transaction that enqueued it commits, and once where it is unique."""

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from core.jobs.declare import Job, job, subscriber
from core.jobs.outbox import JobOutbox
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from tests.jobs.workshop import Workshop, note


class Numbered(msgspec.Struct):
    number: int


class Registered(msgspec.Struct):
    user_id: int
    email: str


class Welcomed(msgspec.Struct):
    user_id: int


@job("shop.plain")
async def plain(payload: Numbered, uow: UnitOfWork) -> None:
    await note(uow, str(payload.number))


@job("shop.until_done", unique="until_done")
async def until_done(payload: Numbered) -> None:
    del payload


@job("shop.for_ever", unique="for_ever")
async def for_ever(payload: Numbered) -> None:
    del payload


@subscriber("shop.registered", name="shop.welcome")
async def welcome(payload: Welcomed, uow: UnitOfWork) -> None:
    await note(uow, f"welcome {payload.user_id}")


@subscriber("shop.registered", name="shop.count")
async def count(payload: Welcomed, uow: UnitOfWork) -> None:
    await note(uow, f"count {payload.user_id}")


async def test_of_1000_transactions_half_of_them_rolled_back_the_jobs_are_those_of_the_commits(shop: Workshop) -> None:
    shop.use(plain)

    async def transact(number: int) -> None:
        with suppress(LookupError):
            async with shop.units() as uow:
                await note(uow, f"row {number}")
                await uow.enqueue(plain, Numbered(number))
                if number % 2:
                    raise LookupError

    await asyncio.gather(*map(transact, range(1000)))
    jobs = {row[0] for row in await shop.connection.fetch("SELECT (payload->>'number')::integer FROM core.jobs")}
    rows = {int(text.removeprefix("row ")) for text in await shop.effects()}
    assert jobs == rows == set(range(0, 1000, 2))


async def test_through_the_session_door_a_job_shares_the_transaction_too(shop: Workshop) -> None:
    shop.use(plain)
    with suppress(LookupError):
        async with shop.units() as uow:
            await uow.session.connection()
            await uow.enqueue(plain, Numbered(1))
            raise LookupError
    async with shop.units() as uow:
        await uow.session.connection()
        kept = await uow.enqueue(plain, Numbered(2))
    assert [row["id"] for row in await shop.connection.fetch("SELECT id FROM core.jobs")] == [kept]


@pytest.mark.parametrize("through_session", [False, True])
async def test_jobs_are_counted_by_their_names_once_their_transaction_has_committed(
    shop: Workshop, *, through_session: bool
) -> None:
    counted: list[str] = []
    shop.use(plain, welcome, count)
    units = UnitOfWorkFactory(shop.storage, JobOutbox(shop.jobs, shop.bell, count=counted.append))

    async def transact(*, fail: bool) -> None:
        async with units() as uow:
            if through_session:
                await uow.session.connection()
            await uow.enqueue(plain, Numbered(1))
            await uow.publish("shop.registered", Registered(1, "a@example.com"))
            assert counted == []
            if fail:
                raise LookupError

    with pytest.raises(LookupError):
        await transact(fail=True)
    await transact(fail=False)
    assert sorted(counted) == ["shop.count", "shop.plain", "shop.welcome"]


@pytest.mark.parametrize("declared", [until_done, for_ever])
async def test_of_200_concurrent_enqueues_of_one_key_one_wins(shop: Workshop, declared: Job[Any]) -> None:
    shop.use(declared)
    ids = await asyncio.gather(*(shop.enqueue(declared, Numbered(n), key="one") for n in range(200)))
    winners = [job_id for job_id in ids if job_id is not None]
    assert len(winners) == 1
    assert await shop.connection.fetchval("SELECT count(*) FROM core.jobs") == 1


async def test_a_key_is_free_again_when_its_job_is_done_unless_it_is_held_for_ever(shop: Workshop) -> None:
    shop.use(until_done, for_ever)
    for declared, free_again in ((until_done, True), (for_ever, False)):
        first = await shop.enqueue(declared, Numbered(1), key="k")
        assert await shop.enqueue(declared, Numbered(2), key="k") is None
        await shop.drain()
        assert (await shop.row(first))["state"] == "done"
        assert (await shop.enqueue(declared, Numbered(3), key="k") is not None) is free_again


async def test_a_key_is_held_while_its_job_waits_for_another_attempt(shop: Workshop) -> None:
    @job("shop.failing", unique="until_done", backoff=(60,))
    async def failing(payload: Numbered) -> None:
        raise RuntimeError(payload.number)

    shop.use(failing)
    await shop.enqueue(failing, Numbered(1), key="k")
    await shop.drain()
    assert await shop.enqueue(failing, Numbered(1), key="k") is None


async def test_without_a_key_a_unique_job_is_unique_by_its_payload(shop: Workshop) -> None:
    shop.use(until_done)
    assert await shop.enqueue(until_done, Numbered(1)) is not None
    assert await shop.enqueue(until_done, Numbered(1)) is None
    assert await shop.enqueue(until_done, Numbered(2)) is not None


async def test_an_event_runs_each_of_its_subscribers_with_the_fields_that_it_wants(shop: Workshop) -> None:
    shop.use(welcome, count)
    async with shop.units() as uow:
        await uow.publish("shop.registered", Registered(user_id=7, email="a@example.org"))
        await uow.publish("shop.unheard", Numbered(1))
    assert await shop.drain() == 2
    assert sorted(await shop.effects()) == ["count 7", "welcome 7"]


async def test_a_job_for_later_waits_for_its_time(shop: Workshop) -> None:
    shop.use(plain)
    later = await shop.enqueue(plain, Numbered(1), at=datetime.now(UTC) + timedelta(hours=1))
    assert await shop.drain() == 0
    assert await shop.drain(ahead=timedelta(hours=2)) == 1
    assert isinstance(later, UUID)
    assert (await shop.row(later))["state"] == "done"
