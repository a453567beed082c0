"""A schedule runs each tick once, whoever dies and whoever has the wrong time: the database's clock decides."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from ports.secrets import Secret
from tests.faults.kit.jobsite import jobsite
from tests.faults.kit.nursery import Nursery
from tests.peers.redis import bell_address

TICKS = (
    "SELECT tick, told - at AS misled, extract(epoch FROM at - tick)::float8 AS late FROM labour.ticks ORDER BY tick"
)
SKEWS = (0.0, -3.0, 3.0)


@pytest.mark.bells(briefly="storage")
async def test_each_tick_runs_once_over_a_kill_and_workers_with_the_wrong_time(
    nursery: Nursery,
    labour_database: Callable[[], Awaitable[Secret]],
    folder: Path,
    bell: str,
    full: bool,
    figure: Callable[..., None],
) -> None:
    count, seconds = (30, 2) if full else (5, 1)
    period = timedelta(seconds=seconds)
    async with (
        bell_address(bell) as address,
        jobsite(nursery, folder, await labour_database(), bell=address) as site,
    ):
        site.defaults = {"METRONOME_CRON": f"*/{seconds} * * * * *"}
        right, *wrong = [await site.worker(METRONOME_SKEW=str(skew)) for skew in SKEWS]
        after = await site.connection.fetchval("SELECT clock_timestamp()")

        async def ran(ticks: int) -> bool:
            newest = await site.connection.fetchval("SELECT max(tick) FROM labour.ticks")
            return bool(newest is not None and newest > after + ticks * period)

        await site.until(lambda: ran(count // 3))
        await right.kill()
        await site.until(lambda: ran(count))
        for worker in wrong:
            assert await worker.stop() == 0
        rows = [row for row in await site.connection.fetch(TICKS) if row["tick"] > after][:count]
        ticks = [row["tick"] for row in rows]
        assert ticks == [ticks[0] + number * period for number in range(count)]
        assert {round(row["misled"].total_seconds()) for row in rows} & {-3, 3}, "no worker had the wrong time"
    figure("G6", f"runs of {count} ticks, bell {bell}", len(rows), at_least=count, at_most=count)
    figure("G6", f"latest run of {count} ticks, bell {bell}", max(row["late"] for row in rows), "s", at_most=3)


async def test_of_ticks_that_came_while_nobody_worked_one_is_caught_up(
    nursery: Nursery, labour_database: Callable[[], Awaitable[Secret]], folder: Path
) -> None:
    async with jobsite(nursery, folder, await labour_database()) as site:
        site.defaults = {"METRONOME_CRON": "* * * * * *"}
        worker = await site.worker()

        async def ran(ticks: int) -> bool:
            return bool(await site.connection.fetchval("SELECT count(*) FROM labour.ticks") >= ticks)

        await site.until(lambda: ran(2))
        await worker.kill()
        killed = await site.connection.fetchval("SELECT clock_timestamp()")

        async def ticks_have_passed() -> bool:
            return bool(await site.connection.fetchval("SELECT clock_timestamp() > $1", killed + timedelta(seconds=4)))

        await site.until(ticks_have_passed)
        returned = await site.connection.fetchval("SELECT clock_timestamp()")
        await site.worker()

        async def again() -> bool:
            newest = await site.connection.fetchval("SELECT max(tick) FROM labour.ticks")
            return bool(newest > returned + timedelta(seconds=2))

        await site.until(again)
        ticks = [row["tick"] for row in await site.connection.fetch(TICKS)]
        assert len(ticks) == len(set(ticks))
        second = timedelta(seconds=1)
        missed = [tick for tick in ticks if killed + second < tick < returned - second]
        assert missed == [], "only the latest of what was missed is caught up"
