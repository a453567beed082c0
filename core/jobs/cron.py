"""Schedules: each tick is a row with a unique key, so any number of workers may insert it and it runs once.

Ticks are counted on the database's clock. What was missed while every worker was down is caught up by one run at
most; a schedule that never ran starts with its next tick.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any, Final

import msgspec
from cronsim import CronSim

from core.clock import new_id
from core.failpoints import Failpoint
from core.jobs.declare import Job, Tick
from core.jobs.ledger import Ledger

PATIENCE: Final = timedelta(minutes=1)
"""Ticks that a running worker finds no later than this each run; older ones count as missed."""

LONGEST_NAP: Final = 5.0
"""Seconds between looks at the clock at most, since the database's clock may be set."""

_BEFORE_TICK: Final = Failpoint("jobs.before_tick")
_TICK_INSERTED: Final = Failpoint("jobs.tick_inserted")

INSERT_TICK: Final = """
INSERT INTO core.jobs (id, name, lane, payload, priority, run_at, max_attempts, key, uniqueness)
VALUES ($1, $2, $3, $4::text::jsonb, $5, $6, $7, $8, 'tick')
ON CONFLICT DO NOTHING
RETURNING id
"""


class Schedule:
    """One job's cron line and how far its ticks have been inserted."""

    def __init__(self, job: Job[Any], after: datetime) -> None:
        self.job = job
        self._line = job.cron or ""
        self._after = after

    def due(self, now: datetime, patience: timedelta) -> list[datetime]:
        """Return the ticks that have come and are not inserted yet.

        Of those older than `patience` only the latest counts, and only where there is no younger one.
        """
        young = CronSim(self._line, max(self._after, now - patience))
        due = list(takewhile(lambda tick: tick <= now, young))
        return due or [tick for tick in self._latest(now) if tick > self._after]

    def inserted(self, tick: datetime) -> None:
        """Advance to `tick`."""
        self._after = tick

    def next(self, now: datetime) -> datetime:
        """Return the first tick after `now`, or the end of time where the line has no more."""
        return next(CronSim(self._line, now), datetime.max.replace(tzinfo=UTC))

    def _latest(self, now: datetime) -> Iterable[datetime]:
        # A tick that falls on this very second has come.
        return islice(CronSim(self._line, now.replace(microsecond=0) + timedelta(seconds=1), reverse=True), 1)


class Crontab:
    """Inserts the ticks of every scheduled job."""

    def __init__(self, jobs: Iterable[Job[Any]]) -> None:
        self._jobs = [job for job in jobs if job.cron is not None]
        self._schedules: list[Schedule] = []

    async def run(self, ledger: Ledger) -> float:
        """Insert the ticks that are due and return the seconds until this is to be called again."""
        if not self._jobs:
            return LONGEST_NAP
        now = await ledger.now()
        patience = PATIENCE if self._schedules else timedelta(0)
        self._schedules = self._schedules or await self._resume(ledger, now)
        for schedule in self._schedules:
            for tick in schedule.due(now, patience):
                _BEFORE_TICK()
                await ledger.insert(INSERT_TICK, *_row(schedule.job, tick))
                _TICK_INSERTED()
                schedule.inserted(tick)
        until = min(schedule.next(now) for schedule in self._schedules) - now
        return min(until.total_seconds(), LONGEST_NAP)

    async def _resume(self, ledger: Ledger, now: datetime) -> list[Schedule]:
        keys = await ledger.latest_ticks([job.name for job in self._jobs])
        return [Schedule(job, _tick_of(keys[job.name]) if job.name in keys else now) for job in self._jobs]


def _row(job: Job[Any], tick: datetime) -> tuple[Any, ...]:
    payload = msgspec.json.encode(Tick(tick)).decode()
    return (new_id(), job.name, job.lane, payload, job.priority, tick, job.attempts, _key_of(job, tick))


def _key_of(job: Job[Any], tick: datetime) -> str:
    return f"cron:{job.name}:{tick.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _tick_of(key: str) -> datetime:
    return datetime.fromisoformat(key.split(":", 2)[2])
