"""The database goes away for a while: the worker waits quietly and loses nothing."""

import asyncio
from typing import Any

import msgspec
from structlog.typing import EventDict

from core.jobs.declare import job
from core.testing.waiting import until
from core.unit_of_work import UnitOfWork
from ports.errors import Unavailable
from ports.storage import Connection
from tests.jobs.workshop import Workshop, note


class Nothing(msgspec.Struct):
    pass


class Flaky:
    """The workshop's storage, whose dedicated connections can be refused."""

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        self.down = False
        self.refused = 0

    async def connect(self, **options: Any) -> Connection:
        if self.down:
            self.refused += 1
            raise Unavailable("the server does not answer")
        connection: Connection = await self._storage.connect(**options)
        return connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)


async def test_an_outage_is_lived_through_with_one_line_at_each_end(shop: Workshop, logs: list[EventDict]) -> None:
    started, finish = asyncio.Event(), asyncio.Event()

    @job("shop.outlast")
    async def outlast(payload: Nothing) -> None:
        del payload
        started.set()
        await finish.wait()

    @job("shop.work")
    async def work(payload: Nothing, uow: UnitOfWork) -> None:
        del payload
        await note(uow, "ran")

    flaky: Any = Flaky(shop.storage)
    shop.storage = flaky
    shop.use(outlast, work)
    async with shop.working():
        outlasting = await shop.enqueue(outlast, Nothing())
        await started.wait()
        flaky.down = True
        await shop.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hexastar worker'"
        )

        async def noticed() -> bool:
            return bool(flaky.refused >= 2)

        await until(noticed)
        finish.set()  # its outcome cannot be written down now
        waiting = await shop.enqueue(work, Nothing())
        flaky.down = False
        await shop.in_state("done", 2)
    assert {(await shop.row(one))["attempts"] for one in (outlasting, waiting)} == {1}
    events = [record["event"] for record in logs if record.get("what") == "the queue"]
    assert events == ["connection lost, reconnecting", "connection is back"]


async def test_an_outcome_that_falls_into_an_outage_is_written_down_after_it(shop: Workshop) -> None:
    killer = await shop.storage.connect(application_name="killer")

    @job("shop.cut")
    async def cut(payload: Nothing) -> None:
        del payload
        await killer.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'hexastar worker'"
        )

    shop.use(cut)
    job_id = await shop.enqueue(cut, Nothing())
    async with shop.working():
        await shop.in_state("done")
    await killer.close()
    assert (await shop.row(job_id))["attempts"] == 1
