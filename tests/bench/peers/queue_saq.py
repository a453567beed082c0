"""Jobs on SAQ's own queues. Run as `queue_saq <command> …`; see `commands`. `BENCH_QUEUE` is the broker's URL."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from commands import CONCURRENCY, DSN, NOTE, main
from redis.asyncio import Redis
from saq import Queue, Worker
from saq.queue.redis import RedisQueue
from stopwatch import stopwatch
from uuid_utils.compat import uuid7

AT_ONCE = 50

ADDRESS = os.environ["BENCH_QUEUE"]

queue = RedisQueue(Redis.from_url(ADDRESS)) if ADDRESS.startswith("unix:") else Queue.from_url(ADDRESS)


async def noop(_context: Any, *, number: int) -> None:
    """Do nothing."""
    stopwatch.mark(number)


async def write(context: Any, *, number: int) -> None:
    """Write one row."""
    stopwatch.mark(number)
    await context["pool"].execute(NOTE, uuid7(), "job", number)


@asynccontextmanager
async def opened() -> AsyncIterator[None]:
    """Open the queue, its tables made where they are missing."""
    await queue.connect()
    yield
    await queue.disconnect()


async def preload(job: str, numbers: range) -> None:
    """Enqueue jobs, fifty at a time."""
    for first in range(numbers.start, numbers.stop, AT_ONCE):
        batch = numbers[first - numbers.start : first - numbers.start + AT_ONCE]
        await asyncio.gather(*(queue.enqueue(job, number=number) for number in batch))


async def enqueue(number: int) -> None:
    """Enqueue one job that does nothing."""
    await queue.enqueue("noop", number=number)


async def work() -> None:
    """Run jobs until a signal."""
    async with asyncpg.create_pool(DSN, min_size=8, max_size=8) as pool:

        async def hand_over(context: Any) -> None:
            context["pool"] = pool

        await Worker(queue, [noop, write], concurrency=CONCURRENCY, startup=hand_over).start()


if __name__ == "__main__":
    main(opened, preload, enqueue, work)
