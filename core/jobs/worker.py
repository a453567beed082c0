"""The worker: SAQ's engine (start, signals, slots, draining, hooks) over a claim loop on our own table."""

import asyncio
import signal
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import saq
from saq.types import Context

from core.jobs.bell import Bell
from core.jobs.chores import Chore, Rescuer, measuring, pruning, unparking
from core.jobs.cron import Crontab
from core.jobs.declare import Job
from core.jobs.drain import Drain
from core.jobs.endings import wind_up
from core.jobs.keeper import Keeper, give_back
from core.jobs.lanes import PLUGIN_SHARE, Lanes
from core.jobs.ledger import Outcome
from core.jobs.outbox import JobOutbox
from core.jobs.queue import DurableQueue
from core.jobs.runner import Injector, JobContext, JobMetrics, Runner, Units
from core.telemetry.tracing import Tracing
from ports.storage import Storage

__all__ = ["Injector", "JobContext", "JobMetrics", "Units", "Worker"]

DAY: Final = 86_400.0

QUIT: Final = getattr(signal, "SIGQUIT", None)
"""The signal that stops a worker without a grace; Windows has none."""


class Worker(saq.Worker[Context]):
    """Runs the jobs of this deployment until told to stop.

    SIGTERM or SIGINT stops claiming, waits `grace` seconds for what runs, then cancels it and gives the attempts
    back; a second signal, or SIGQUIT as the first, skips the wait. Kill it in any other way and its jobs are back
    within a second or two.

    Args:
        storage: where the jobs are.
        jobs: every job that this deployment declares; rows of others are parked.
        injector: resolves what jobs ask for by name.
        bell: tells when to look at the table.
        units: opens the unit of work of a transactional job.
        concurrency: how many jobs run at a time.
        lease: seconds without a heartbeat after which another worker takes a job over.
        grace: seconds that running jobs have to finish at a stop.
        plugin_share: the part of the slots that one plugin may fill.
        keep_done: seconds for which done rows are kept.
        keep_dead: seconds for which dead rows are kept.
        signals: whether to stop on signals; no inside a server, which has its own.
        tracing: opens the span of each attempt.
        metrics: counts attempts.
    """

    def __init__(
        self,
        storage: Storage,
        jobs: Iterable[Job[Any]],
        injector: Injector,
        bell: Bell,
        *,
        units: Units,
        concurrency: int = 20,
        lease: float = 30.0,
        grace: float = 25.0,
        plugin_share: float = PLUGIN_SHARE,
        keep_done: float = DAY,
        keep_dead: float = 30 * DAY,
        signals: bool = True,
        tracing: Tracing | None = None,
        metrics: JobMetrics | None = None,
    ) -> None:
        declared = {job.name: job for job in jobs}
        lanes = Lanes(declared.values(), concurrency, plugin_share)
        keeper = Keeper(storage, declared, lanes, lease)
        keeper.chores += _chores(declared, keeper.hint, keep_done, keep_dead, metrics)
        self._runner = Runner(declared.values(), injector, units, tracing or Tracing(), metrics)
        self._drain = Drain(storage, declared, self._runner, lease)
        self._grace = grace
        self._stop_requested = False
        self._stopping = asyncio.Lock()
        self._slots: set[asyncio.Task[Any] | None] = set()
        self._durable = DurableQueue(storage, JobOutbox(declared.values(), bell), keeper)
        super().__init__(
            self._durable,
            [],
            concurrency=concurrency,
            startup=self._open,
        )
        self.SIGNALS = [*self.SIGNALS, *filter(None, [QUIT])] if signals else []

    async def run(self) -> None:
        """Work until a signal comes, or `request_stop` or `stop` is called; return when all is written down."""
        await self.start()
        for signal_number in self.SIGNALS:  # a process that is on its way out is not to be hurried into a bad exit
            signal.signal(signal_number, signal.SIG_IGN)

    def request_stop(self) -> None:
        """Stop as on the first signal, also before `run` has got going; `run` returns when it is done."""
        self._stop_requested = True
        self.event.set()

    async def stop(self) -> None:
        """Claim no more, wait for what runs, cut off what outlasts the grace, write everything down.

        In place of SAQ's own, which waits for ever for a job that does not heed its cancellation.
        """
        self.request_stop()
        async with self._stopping:
            self._durable.stop_claiming()
            await wind_up(self.tasks, self._grace)
            await self._durable.disconnect()
            self.pool.shutdown(wait=False, cancel_futures=True)

    async def run_until_idle(self, *, ahead: timedelta = timedelta(0), limit: int = 10_000) -> int:
        """Run what is due, or will be within `ahead`, one after the other until nothing is; return how many ran.

        For tests: needs no started worker, and `close` afterwards.

        Raises:
            RuntimeError: more than `limit` jobs were due; some job must be enqueueing itself.
        """
        return await self._drain.run(ahead, limit)

    async def close(self) -> None:
        """Release what `run_until_idle` keeps."""
        await self._drain.close()

    async def process(self) -> bool:
        """Wait for one job, run it and settle it. SAQ calls this again and again, once for each slot."""
        claim = await self._durable.next_claim()
        if claim is None:
            return False
        slot = asyncio.current_task()
        outcome: Outcome | None = None
        try:
            self._slots.add(slot)
            outcome = await self._runner.run(claim)
        except asyncio.CancelledError:
            outcome = give_back(claim)
        finally:
            self._slots.discard(slot)
            self._durable.settle(claim, outcome)
        return True

    async def upkeep(self) -> list[asyncio.Task[None]]:
        """Return no tasks: SAQ's timers would be waited for at a stop, and the claim loop does their work."""
        return []

    async def _open(self, _context: Context) -> None:
        if self._stop_requested:
            self.event.set()
        loop = asyncio.get_running_loop()
        for signal_number in self.SIGNALS:
            hurries = signal_number == QUIT
            loop.add_signal_handler(signal_number, self._on_signal, hurries)
        await self._durable.connect()

    def _on_signal(self, hurries: bool) -> None:  # noqa: FBT001 - the loop calls it by position
        if hurries or self.event.is_set():
            for slot in filter(None, self._slots):
                slot.cancel()
        self.event.set()


def _chores(
    jobs: Mapping[str, Job[Any]],
    hint: Callable[[], None],
    keep_done: float,
    keep_dead: float,
    metrics: JobMetrics | None,
) -> list[Chore]:
    rescued = metrics.job_rescued if metrics else _ignore
    work = [
        Rescuer(hint, rescued).run,
        Crontab(jobs.values()).run,
        unparking(jobs, hint),
        pruning(keep_done, keep_dead),
    ]
    if metrics:
        work.append(measuring((job.lane for job in jobs.values()), metrics.queue_measured))
    return [Chore(run) for run in work]


def _ignore(_job: str) -> None:
    """Count nothing."""
