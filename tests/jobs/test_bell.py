"""The bell is heard at once, may be lost, and makes no noise while it is away."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

import msgspec
import pytest
from structlog.typing import EventDict

from core.jobs.bell import Bell, CoalescingBell, Heard, StorageBell
from core.jobs.bells import open_bell
from core.jobs.declare import job
from core.jobs.outage import LONGEST_DELAY, Outage
from core.jobs.redis_bell import RedisBell
from core.testing.waiting import until
from core.unit_of_work import UnitOfWork
from tests.jobs.workshop import Workshop, note
from tests.peers.redis import RedisPeer, redis_peer


class Nothing(msgspec.Struct):
    pass


@job("shop.work")
async def work(payload: Nothing, uow: UnitOfWork) -> None:
    del payload
    await note(uow, "ran")


@pytest.fixture(scope="module")
async def redis() -> AsyncIterator[RedisPeer]:
    async with redis_peer() as peer:
        yield peer


@pytest.fixture(params=["storage", "redis"])
async def bell(request: pytest.FixtureRequest, shop: Workshop, redis: RedisPeer) -> AsyncIterator[Bell]:
    bell = open_bell("storage" if request.param == "storage" else redis.address, shop.storage)
    yield bell
    await bell.close()


async def heard_once(heard: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await heard.wait()
    heard.clear()


async def test_a_ring_is_heard_by_every_listener(bell: Bell) -> None:
    first, second = asyncio.Event(), asyncio.Event()
    async with bell.listen(first.set), bell.listen(second.set):
        for event in (first, second, first, second):  # both hear themselves connect, then the ring
            await heard_once(event)
            if event is second:
                bell.ring()


async def test_rings_of_one_process_are_coalesced(shop: Workshop, bell: Bell) -> None:
    del shop
    count = 0

    def hear() -> None:
        nonlocal count
        count += 1

    async with bell.listen(hear):

        async def connected() -> bool:
            return count > 0

        await until(connected)
        for _ in range(1000):
            bell.ring()
        await bell.close()

        async def rang() -> bool:
            return count > 1

        await until(rang)
        assert count <= 3


async def test_a_listener_finds_its_way_back_after_the_server_closed_its_connection(shop: Workshop) -> None:
    bell, heard = StorageBell(shop.storage), asyncio.Event()
    async with bell.listen(heard.set):
        await heard_once(heard)
        await shop.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'hexastar bell%'"
        )
        await heard_once(heard)
        bell.ring()
        await heard_once(heard)
    await bell.close()


class Forgetful(CoalescingBell):
    """A bell over a client that loses a cancellation which comes while it waits for an answer."""

    def __init__(self) -> None:
        super().__init__("a forgetful bell")
        self.under_way = asyncio.Event()
        self.is_disconnected = False

    async def _send(self) -> None:
        await self._forget()

    async def _hear(self, heard: Heard, connected: Callable[[], None]) -> None:
        connected()
        await self._forget()
        heard()
        await asyncio.Event().wait()

    async def _forget(self) -> None:
        self.under_way.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    async def _disconnect(self) -> None:
        self.is_disconnected = True


async def test_a_client_that_loses_a_cancellation_keeps_no_bell_from_closing() -> None:
    bell = Forgetful()
    async with asyncio.timeout(10):
        async with bell.listen(lambda: None):
            await bell.under_way.wait()
        bell.under_way.clear()
        bell.ring()
        await bell.under_way.wait()
        await bell.close()
    assert bell.is_disconnected


async def test_redis_may_lose_everything_and_go_away_and_every_job_runs(
    shop: Workshop, redis: RedisPeer, logs: list[EventDict]
) -> None:
    bell = RedisBell(redis.address)
    shop.use(work, bell=bell)
    async with shop.working():
        await shop.enqueue(work, Nothing())
        await shop.in_state("done", 1)
        await redis.stop()
        for _ in range(50):
            await shop.enqueue(work, Nothing())
        await shop.in_state("done", 51)
        lines = [record for record in logs if record["event"] == "connection lost, reconnecting"]
        assert 1 <= len(lines) <= 2, "one line for ringing, one for listening, however long it lasts"
        await redis.start()

        async def back() -> bool:
            return any(record["event"] == "connection is back" for record in logs)

        await until(back)
        await shop.enqueue(work, Nothing())
        await shop.in_state("done", 52)
    await bell.close()


async def test_a_database_that_cannot_be_reached_is_tried_less_and_less_often() -> None:
    """So that an outage costs neither a core nor a disk full of logs."""
    outage = Outage("the queue")
    delays = [outage.failed(ConnectionError("refused")) for _ in range(8)]
    assert delays == sorted(delays)
    assert delays[0] <= 0.1
    assert delays[-1] == LONGEST_DELAY
    outage.over()
    assert outage.failed(ConnectionError("refused")) == delays[0]
