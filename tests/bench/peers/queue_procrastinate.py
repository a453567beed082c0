"""Jobs on procrastinate. Run as `queue_procrastinate <command> …`; see `commands`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import procrastinate
from commands import CONCURRENCY, DSN, NOTE, main
from stopwatch import stopwatch
from uuid_utils.compat import uuid7

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=DSN))
pool: asyncpg.Pool


@app.task(name="noop")
async def noop(number: int) -> None:
    """Do nothing."""
    stopwatch.mark(number)


@app.task(name="write")
async def write(number: int) -> None:
    """Write one row."""
    stopwatch.mark(number)
    await pool.execute(NOTE, uuid7(), "job", number)


TASKS: dict[str, Any] = {"noop": noop, "write": write}


@asynccontextmanager
async def opened() -> AsyncIterator[None]:
    """Open the queue, its tables made where they are missing."""
    async with app.open_async():
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()
        yield


async def preload(job: str, numbers: range) -> None:
    """Enqueue jobs, all at once."""
    await TASKS[job].batch_defer_async(*({"number": number} for number in numbers))


async def enqueue(number: int) -> None:
    """Enqueue one job that does nothing."""
    await noop.defer_async(number=number)


async def work() -> None:
    """Run jobs until a signal."""
    global pool
    async with asyncpg.create_pool(DSN, min_size=8, max_size=8) as pool:
        await app.run_worker_async(concurrency=CONCURRENCY)


if __name__ == "__main__":
    main(opened, preload, enqueue, work)
