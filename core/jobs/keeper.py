"""The claim loop: one task and one connection feed all slots of a worker and write down what became of the jobs.

A slot asks for a claim and waits; the loop claims exactly as many jobs as slots wait, so nothing is prefetched and a
crash burns no attempt of a job that was not started. Outcomes are written in batches, before the next claim.
"""

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from core.failpoints import Failpoint
from core.jobs.chores import Chore
from core.jobs.declare import Job
from core.jobs.endings import hang_up
from core.jobs.lanes import Lanes
from core.jobs.ledger import Claim, Ledger, Outcome
from core.jobs.outage import Outage
from ports.storage import Storage

POLL: Final = 1.0
"""Seconds between looks at the table when no bell rings."""

CLOCK_GRAIN: Final = 0.002
"""Seconds by which the loop's timers may run ahead of the database's clock."""

_CLAIMED: Final = Failpoint("jobs.claimed")
_BEFORE_OUTCOMES: Final = Failpoint("jobs.before_outcomes")
_OUTCOMES_WRITTEN: Final = Failpoint("jobs.outcomes_written")


def give_back(claim: Claim) -> Outcome:
    """Return the outcome of an attempt that does not count: the job is due again at once."""
    return Outcome(claim.id, claim.attempts, "queued", forgiven=1)


class Keeper:
    """Hands claims to slots and takes outcomes back; reconnects by itself and loses neither."""

    def __init__(self, storage: Storage, jobs: Mapping[str, Job[Any]], lanes: Lanes, lease: float) -> None:
        self._storage = storage
        self._jobs = jobs
        self._lanes = lanes
        self._lease = lease
        self._waiting: deque[asyncio.Future[Claim | None]] = deque()
        self._held: dict[tuple[UUID, int], Claim] = {}
        self._outcomes: list[Outcome] = []
        self._wake = asyncio.Event()
        self._claimable = True
        self._closed = False
        self.chores = [Chore(self._heartbeat), Chore(self._poll)]

    async def next(self) -> Claim | None:
        """Wait for a job to run; None once no more jobs are claimed."""
        if self._closed:
            return None
        waiter: asyncio.Future[Claim | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._wake.set()
        try:
            return await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled() and (claim := waiter.result()) is not None:
                self.settle(claim, give_back(claim))
            raise

    def settle(self, claim: Claim, outcome: Outcome | None) -> None:
        """Take note of what became of a claim; None where the attempt has settled or lost its job already."""
        if self._held.pop((claim.id, claim.attempts), None) is not None:
            self._lanes.leave(claim.lane)
        if outcome is not None:
            self._outcomes.append(outcome)
        self._wake.set()

    def hint(self) -> None:
        """Look at the table soon: something may be due."""
        self._claimable = True
        self._wake.set()

    def close(self) -> None:
        """Claim no more, and let whoever waits go."""
        self._closed = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(None)
        self._wake.set()

    def abandon(self) -> None:
        """Forget the attempts that are still running; their leases end or another worker misses this one."""
        self._held.clear()
        self._wake.set()

    async def run(self) -> None:
        """Claim and settle until closed and everything is written down."""
        outage = Outage("the queue")
        while not self._finished:
            ledger: Ledger | None = None
            try:
                ledger = await self._open()
                await self._tend(ledger, outage)
            except Exception as error:  # noqa: BLE001 - whatever it was, jobs must go on being worked on
                await asyncio.sleep(outage.failed(error))
            finally:
                if ledger is not None:
                    await hang_up(ledger.connection)

    @property
    def _finished(self) -> bool:
        return self._closed and not self._outcomes and not self._held

    async def _open(self) -> Ledger:
        ledger = None
        while ledger is None:
            ledger = await Ledger.open(self._storage, 1 + secrets.randbelow(2**31 - 1), self._lease)
        await ledger.extend(self._held.values())
        await ledger.park(self._jobs)
        self._claimable = True
        return ledger

    async def _tend(self, ledger: Ledger, outage: Outage) -> None:
        while not self._finished:
            self._wake.clear()
            await self._write_down(ledger)
            for chore in self.chores:
                await chore.run_if_due(ledger)
            await self._claim(ledger)
            outage.over()
            await self._rest()

    async def _write_down(self, ledger: Ledger) -> None:
        if not self._outcomes:
            return
        batch, self._outcomes = self._outcomes, []
        try:
            _BEFORE_OUTCOMES()
            await ledger.settle(batch)
            _OUTCOMES_WRITTEN()
        except BaseException:
            self._outcomes = batch + self._outcomes
            raise
        for outcome in batch:
            if outcome.state == "queued" and outcome.delay < POLL:
                asyncio.get_running_loop().call_later(outcome.delay + CLOCK_GRAIN, self.hint)

    async def _claim(self, ledger: Ledger) -> None:
        free = sum(not waiter.done() for waiter in self._waiting)
        rooms = self._lanes.rooms()
        if not self._claimable or not free or not rooms:
            return
        self._claimable = False  # before the statement, so that a bell which rings meanwhile is not lost
        claims = await ledger.claim(rooms, free)
        if claims:
            _CLAIMED()
        for claim in claims:
            self._hand_over(claim)
        if len(claims) == free or self._lanes.left_some(rooms, (claim.lane for claim in claims)):
            self._claimable = True

    def _hand_over(self, claim: Claim) -> None:
        self._held[claim.id, claim.attempts] = claim
        self._lanes.enter(claim.lane)
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(claim)
                return
        self.settle(claim, give_back(claim))

    async def _rest(self) -> None:
        due = min(chore.due for chore in self.chores) - asyncio.get_running_loop().time()
        if due <= 0 or self._wake.is_set():
            return
        try:
            async with asyncio.timeout(due):
                await self._wake.wait()
        except TimeoutError:
            pass

    async def _heartbeat(self, ledger: Ledger) -> float:
        if self._held:
            await ledger.extend(self._held.values())
        return self._lease / 3

    async def _poll(self, ledger: Ledger) -> float:  # noqa: ARG002 - a chore like the others
        self._claimable = True
        return POLL
