"""What workers do for the queue beside running jobs. All do all of it; rows that another holds are skipped."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

import structlog

from core.failpoints import Failpoint
from core.jobs.declare import Job
from core.jobs.ledger import Ledger

LOOK_INTERVAL: Final = 1.0
SECOND_LOOK: Final = 0.3
UNPARK_INTERVAL: Final = 10.0
PRUNE_INTERVAL: Final = 60.0
PRUNE_BATCH: Final = 1000
MEASURE_INTERVAL: Final = 10.0

_BEFORE_RESCUE: Final = Failpoint("jobs.before_rescue")
_RESCUED: Final = Failpoint("jobs.rescued")

logger: Any = structlog.get_logger(__name__)

Work = Callable[[Ledger], Awaitable[float]]
"""Does something and returns the seconds after which it is to be done again."""


class Chore:
    """Work that is done again and again between claims."""

    def __init__(self, run: Work) -> None:
        self._run = run
        self.due = 0.0

    async def run_if_due(self, ledger: Ledger) -> None:
        """Do it if it is time."""
        loop = asyncio.get_running_loop()
        if loop.time() >= self.due:
            self.due = loop.time() + await self._run(ledger)


class Rescuer:
    """Takes jobs back from workers that died or froze."""

    def __init__(self, found: Callable[[], None], rescued: Callable[[str], None]) -> None:
        self._found = found
        self._rescued = rescued
        self._suspects: frozenset[int] = frozenset()

    async def run(self, ledger: Ledger) -> float:
        """Rescue what a worker holds that was missing at two looks in a row, and what has an ended lease.

        The second look spares workers that are just reconnecting after the server restarted.
        """
        sighting = await ledger.look()
        gone = sighting.absent & self._suspects
        self._suspects = sighting.absent - gone
        if gone or sighting.expired:
            _BEFORE_RESCUE()
            rescued = await ledger.rescue(gone)
            _RESCUED()
            for job_id, name, state in rescued:
                logger.warning("job rescued from a lost worker", job=name, job_id=str(job_id), state=state)
                self._rescued(name)
            self._found()
        return SECOND_LOOK if self._suspects else LOOK_INTERVAL


def unparking(jobs: Mapping[str, Job[Any]], found: Callable[[], None]) -> Work:
    """Return the chore that queues parked jobs whose plugin is enabled again."""

    async def unpark(ledger: Ledger) -> float:
        if await ledger.unpark(jobs):
            found()
        return UNPARK_INTERVAL

    return unpark


def pruning(keep_done: float, keep_dead: float) -> Work:
    """Return the chore that deletes finished rows after that many seconds, in batches."""

    async def prune(ledger: Ledger) -> float:
        full = await ledger.prune(keep_done, keep_dead, PRUNE_BATCH) == PRUNE_BATCH
        return 0.05 if full else PRUNE_INTERVAL

    return prune


def measuring(lanes: Iterable[str], report: Callable[[str, int, float], None]) -> Work:
    """Return the chore that reports of each lane how many jobs wait, and for how long the oldest has."""
    known = sorted(set(lanes))

    async def measure(ledger: Ledger) -> float:
        backlog = await ledger.backlog()
        for lane in known:
            report(lane, *backlog.get(lane, (0, 0.0)))
        return MEASURE_INTERVAL

    return measure
