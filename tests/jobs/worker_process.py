"""A worker in a process of its own, for tests that kill it: `worker_process.py DSN BELL GRACE CONCURRENCY`."""

import asyncio
import sys

import msgspec

from adapters.storage.asyncpg_storage import PoolSizes, open_storage
from core.jobs.bells import open_bell
from core.jobs.declare import job
from core.jobs.outbox import JobOutbox
from core.jobs.worker import Worker
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from ports.secrets import Secret
from tests.jobs.workshop import ByName, note

HOLDING = 10
"""How many jobs keep a connection while they run; with hundreds under way not each can have one."""


class Numbered(msgspec.Struct):
    number: int
    seconds: float = 0.1


@job("killed.work", attempts=10)
async def work(payload: Numbered, uow: UnitOfWork) -> None:
    """Have an effect and take a while: the first few in this order, so that their effect waits for its commit."""
    if payload.number < HOLDING:
        await note(uow, str(payload.number))
    await asyncio.sleep(payload.seconds)
    if payload.number >= HOLDING:
        await note(uow, str(payload.number))


async def main(dsn: str, bell_address: str, grace: float, concurrency: int) -> None:
    async with open_storage(Secret(dsn), PoolSizes(20, 1, 5.0)) as storage:
        bell = open_bell(bell_address, storage)
        units = UnitOfWorkFactory(storage, JobOutbox([work], bell))
        # Nobody waits for a lease of an hour: what comes back comes back because the worker was missed.
        worker = Worker(
            storage, [work], ByName(units), bell, units=units, concurrency=concurrency, lease=3600, grace=grace
        )
        await worker.run()
        await bell.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]), int(sys.argv[4])))
