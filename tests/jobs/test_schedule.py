"""A tick runs once, however many workers see it, whatever their clocks say."""

import random
from datetime import UTC, datetime, timedelta

import msgspec

from core.jobs.cron import Crontab
from core.jobs.declare import Tick, job
from core.jobs.ledger import Ledger
from core.unit_of_work import UnitOfWork
from tests.jobs.workshop import Workshop, note

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Report(msgspec.Struct):
    tick: datetime | None = None
    depth: int = 1


@job("shop.every_two_seconds", cron="*/2 * * * * *")
async def every_two_seconds(payload: Tick, uow: UnitOfWork) -> None:
    await note(uow, payload.tick.isoformat())


@job("shop.nightly", cron="0 3 * * *")
async def nightly(payload: Report, uow: UnitOfWork) -> None:
    await note(uow, f"{payload.tick:%d} {payload.depth}")


class TimedLedger(Ledger):
    """The connection of a worker to a database whose clock the test moves."""

    time = START

    async def now(self) -> datetime:
        return self.time


async def timed(shop: Workshop, number: int) -> TimedLedger:
    ledger = await TimedLedger.open(shop.storage, number, 30.0)
    assert ledger is not None
    return ledger


async def test_three_workers_a_kill_and_30_ticks_are_30_runs(shop: Workshop) -> None:
    shop.use(every_two_seconds)
    chance = random.Random(7)
    workers = [(Crontab([every_two_seconds]), await timed(shop, number)) for number in (1, 2, 3)]
    for crontab, ledger in workers:
        await crontab.run(ledger)
    for tenth in range(1, 601):
        if tenth == 200:
            killed = workers.pop()
            await killed[1].connection.close()
        if tenth == 400:
            workers.append((Crontab([every_two_seconds]), await timed(shop, 4)))
        crontab, ledger = chance.choice(workers)
        ledger.time = START + timedelta(seconds=tenth / 10)
        await crontab.run(ledger)
    for _, ledger in workers:
        await ledger.connection.close()
    assert await shop.drain() == 30
    assert sorted(await shop.effects()) == [(START + timedelta(seconds=2 * n)).isoformat() for n in range(1, 31)]


async def test_what_was_missed_while_every_worker_was_down_is_caught_up_by_one_run(shop: Workshop) -> None:
    shop.use(every_two_seconds)
    ledger = await timed(shop, 1)
    crontab = Crontab([every_two_seconds])
    await crontab.run(ledger)
    ledger.time += timedelta(seconds=3)
    await crontab.run(ledger)
    ledger.time += timedelta(seconds=100)
    await Crontab([every_two_seconds]).run(ledger)
    await ledger.connection.close()
    await shop.drain()
    assert sorted(await shop.effects()) == ["2026-03-01T12:00:02+00:00", "2026-03-01T12:01:42+00:00"]


async def test_a_schedule_that_never_ran_begins_with_its_next_tick(shop: Workshop) -> None:
    shop.use(nightly)
    ledger = await timed(shop, 1)
    crontab = Crontab([nightly])
    for hours in (0, 14, 16):
        ledger.time = START + timedelta(hours=hours)
        await crontab.run(ledger)
    await ledger.connection.close()
    await shop.drain()
    assert await shop.effects() == ["02 1"]


async def test_a_restart_after_pruning_does_not_repeat_the_last_tick(shop: Workshop) -> None:
    shop.use(nightly)
    ledger = await timed(shop, 1)
    await Crontab([nightly]).run(ledger)
    crontab = Crontab([nightly])
    await crontab.run(ledger)
    for days in (1, 2):
        ledger.time = START + timedelta(days=days)
        await crontab.run(ledger)
    await shop.drain()
    await shop.connection.execute(
        "UPDATE core.jobs SET finished_at = now() - interval '1 year', id = ('00000000' || substr(id::text, 9))::uuid"
    )
    assert await ledger.prune(1, 1, 1000) == 1
    await Crontab([nightly]).run(ledger)
    await ledger.connection.close()
    assert await shop.drain() == 0
    assert await shop.effects() == ["02 1", "03 1"]


async def test_a_worker_inserts_and_runs_ticks_by_itself(shop: Workshop) -> None:
    @job("shop.every_second", cron="* * * * * *")
    async def every_second(payload: Tick, uow: UnitOfWork) -> None:
        await note(uow, payload.tick.isoformat())

    shop.use(every_second)
    async with shop.working(), shop.working():
        await shop.in_state("done", 2)
    effects = await shop.effects()
    assert len(set(effects)) == len(effects)
