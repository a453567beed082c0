"""Jobs of every kind. Each notes its start at once, in a transaction of its own, and its effect as its kind does."""

import asyncio
import os
import signal
from typing import Any, Final
from uuid import UUID

import msgspec

from core.jobs.declare import Job, JobAttempt, job
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory

STARTED: Final = "INSERT INTO labour.starts (job, attempt, pid) VALUES ($1, $2, $3)"
EFFECT: Final = "INSERT INTO labour.effects (job, note) VALUES ($1, $2)"
UNIQUE_EFFECT: Final = "INSERT INTO labour.unique_effects (note) VALUES ($1)"


class Work(msgspec.Struct, frozen=True):
    """How long it takes, and what its effect says."""

    seconds: float = 0.0
    note: str = ""


async def started(units: UnitOfWorkFactory, attempt: JobAttempt) -> None:
    """Note that an attempt has started, whatever becomes of it."""
    async with units() as uow:
        await (await uow.connection()).execute(STARTED, attempt.id, attempt.number, os.getpid())


async def effect(uow: UnitOfWork, job_id: UUID, note: str) -> None:
    """Note an effect with whatever else the unit does."""
    await (await uow.connection()).execute(EFFECT, job_id, note)


@job("labour.work", attempts=30, backoff=(0.1,), timeout=120)
async def work(payload: Work, uow: UnitOfWork, units: UnitOfWorkFactory, attempt: JobAttempt) -> None:
    """Take a while, then have an effect in the same transaction as the done mark."""
    await started(units, attempt)
    await asyncio.sleep(payload.seconds)
    await effect(uow, attempt.id, payload.note)


@job("labour.slow_commit", attempts=30, backoff=(0.1,), timeout=120)
async def slow_commit(payload: Work, uow: UnitOfWork, units: UnitOfWorkFactory, attempt: JobAttempt) -> None:
    """Have an effect, then take a while: the effect waits for its commit."""
    await started(units, attempt)
    await effect(uow, attempt.id, payload.note)
    await asyncio.sleep(payload.seconds)


@job("labour.unique_effect", attempts=30, backoff=(0.1,), timeout=120)
async def unique_effect(payload: Work, uow: UnitOfWork, units: UnitOfWorkFactory, attempt: JobAttempt) -> None:
    """Have an effect that nobody else can have before it is committed or undone, then take a while."""
    await started(units, attempt)
    await (await uow.connection()).execute(UNIQUE_EFFECT, payload.note)
    await asyncio.sleep(payload.seconds if attempt.number == 1 else 0)


@job("labour.errand", attempts=30, backoff=(0.1,), timeout=120, stepwise=True)
async def errand(payload: Work, units: UnitOfWorkFactory, attempt: JobAttempt) -> None:
    """Have an effect in a step of its own, which a crash may have repeated."""
    await started(units, attempt)
    await asyncio.sleep(payload.seconds)
    async with units() as uow:
        await effect(uow, attempt.id, payload.note)


@job("labour.poison", attempts=3, backoff=(0.0,))
async def poison(payload: Work, units: UnitOfWorkFactory, attempt: JobAttempt) -> None:
    """Kill the worker, as long as the file named by `note` is there."""
    await started(units, attempt)
    if await asyncio.to_thread(os.path.exists, payload.note):
        os.kill(os.getpid(), signal.SIGKILL)


@job("labour.nothing")
async def nothing(payload: Work) -> None:
    """Do nothing."""


running = 0


@job("labour.neighbour")
async def neighbour(payload: Work, units: UnitOfWorkFactory, attempt: JobAttempt) -> None:
    """Note how many of this plugin's jobs run in this process, this one included."""
    global running  # noqa: PLW0603 - the process is what is counted
    running += 1
    try:
        beside = running
        await asyncio.sleep(payload.seconds)
        async with units() as uow:
            await effect(uow, attempt.id, str(beside))
    finally:
        running -= 1


ALL: Final[tuple[Job[Any], ...]] = (
    work,
    slow_commit,
    unique_effect,
    errand,
    poison,
    nothing,
    neighbour,
)
