"""Running what is due, one job after the other, until nothing is: how tests take background work in their stride."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from core.jobs.declare import Job
from core.jobs.endings import hang_up
from core.jobs.ledger import Ledger
from core.jobs.runner import Runner
from ports.storage import Storage


class Drain:
    """Claims, runs and settles without slots, bell or timers; keeps its connection until closed."""

    def __init__(self, storage: Storage, jobs: Mapping[str, Job[Any]], runner: Runner, lease: float) -> None:
        self._storage = storage
        self._jobs = jobs
        self._runner = runner
        self._lease = lease
        self._ledger: Ledger | None = None

    async def run(self, ahead: timedelta, limit: int) -> int:
        """Run every job that is due, or will be within `ahead`, those that they enqueue included; return how many.

        Raises:
            RuntimeError: more than `limit` jobs were due; some job must be enqueueing itself.
        """
        ledger = await self._open()
        await ledger.unpark(self._jobs)
        rooms = {job.lane: 1 for job in self._jobs.values()}
        ran = 0
        while claims := await ledger.claim(rooms, 1, ahead.total_seconds()):
            if ran == limit:
                raise RuntimeError(f"{limit} jobs ran and more are due; the next is {claims[0].name}")
            outcome = await self._runner.run(claims[0])
            if outcome is not None:
                await ledger.settle([outcome])
            ran += 1
        return ran

    async def close(self) -> None:
        """Close the connection."""
        if self._ledger is not None:
            await hang_up(self._ledger.connection)
            self._ledger = None

    async def _open(self) -> Ledger:
        while self._ledger is None or self._ledger.connection.is_closed():
            self._ledger = await Ledger.open(self._storage, 1 + secrets.randbelow(2**31 - 1), self._lease)
        return self._ledger
