"""What every queue of the peers is asked to do, by its command line.

prepare                         make what the queue needs
preload <job> <count>           enqueue many jobs while no worker runs
trickle <count> <interval> <file>   enqueue single jobs and save when each was committed
work                            run jobs until a signal
"""

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

import uvloop
from stopwatch import now, save

DSN: Final = os.environ["BENCH_DSN"]
CONCURRENCY: Final = 20
BATCH: Final = 1_000
NOTE: Final = "INSERT INTO bench.notes (id, label, number) VALUES ($1, $2, $3)"


def main(
    opened: Callable[[], AbstractAsyncContextManager[None]],
    preload: Callable[[str, range], Awaitable[None]],
    enqueue: Callable[[int], Awaitable[None]],
    work: Callable[[], Awaitable[None]],
) -> None:
    """Do what the command line says."""

    async def obey() -> None:
        async with opened():
            match sys.argv[1:]:
                case ["prepare"]:
                    pass
                case ["preload", job, count]:
                    for first in range(0, int(count), BATCH):
                        await preload(job, range(first, min(first + BATCH, int(count))))
                case ["trickle", count, interval, file]:
                    await _trickle(enqueue, int(count), float(interval), Path(file))
                case ["work"]:
                    await work()
                case unknown:
                    raise SystemExit(f"unknown command: {unknown}")

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(obey())


async def _trickle(enqueue: Callable[[int], Awaitable[None]], count: int, interval: float, file: Path) -> None:
    committed = {}
    for number in range(count):
        await enqueue(number)
        committed[number] = now()
        await asyncio.sleep(interval)
    save(file, committed)
