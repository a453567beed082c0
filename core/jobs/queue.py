"""SAQ's public `Queue` over the table of jobs, so that SAQ's own worker, tools and web page can use it.

Our worker takes the direct way: `next_claim` and `settle`, which skip SAQ's copying of jobs. What SAQ keeps beside
its queues (results, worker statistics) lives in this process only; the table holds what must not be lost.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final, Literal
from uuid import UUID

import msgspec
import saq
from saq import Status
from saq.types import QueueInfo, WorkerInfo

from core.jobs.admin import JobAdmin, JobView
from core.jobs.declare import Job
from core.jobs.endings import wind_up
from core.jobs.keeper import Keeper
from core.jobs.ledger import Claim, Outcome
from core.jobs.outbox import JobOutbox
from core.redaction import redact_text
from ports.storage import Storage

NAME: Final = "jobs"
LAST_WORDS: Final = 5.0
"""Seconds after the last job for writing outcomes down, where the database is slow or away."""

STATUS: Final[Mapping[str, Status]] = {
    "queued": Status.QUEUED,
    "parked": Status.NEW,
    "running": Status.ACTIVE,
    "done": Status.COMPLETE,
    "dead": Status.FAILED,
}


class DurableQueue(saq.Queue):
    """The queue of this deployment, as SAQ sees it. A SAQ job's key is our job's id, its `payload` ours."""

    def __init__(self, storage: Storage, outbox: JobOutbox, keeper: Keeper) -> None:
        super().__init__(NAME, dump=None, load=None)
        self._storage = storage
        self._outbox = outbox
        self._keeper = keeper
        self._admin = JobAdmin(storage)
        self._taken: dict[str, Claim] = {}
        self._workers: dict[str, WorkerInfo] = {}
        self._tending: list[asyncio.Task[None]] = []
        self._listening: list[asyncio.Task[None]] = []

    async def connect(self) -> None:
        """Begin to claim jobs for whoever waits for one, and to listen to the bell."""
        await super().connect()
        self._tending = [asyncio.create_task(self._keeper.run(), name="hexastar-queue")]
        self._listening = [asyncio.create_task(self._listen(), name="hexastar-queue-bell")]

    def stop_claiming(self) -> None:
        """Let whoever waits for a job go without one."""
        self._keeper.close()

    async def disconnect(self) -> None:
        """Claim no more, write down what became of the claims, and close the connections."""
        self._keeper.close()
        self._keeper.abandon()
        await wind_up(self._listening, 0)
        await wind_up(self._tending, LAST_WORDS)

    async def _listen(self) -> None:
        async with self._outbox.bell.listen(self._keeper.hint):
            await asyncio.Event().wait()

    async def next_claim(self) -> Claim | None:
        """Wait for an attempt to run; None once the queue claims no more."""
        return await self._keeper.next()

    def settle(self, claim: Claim, outcome: Outcome | None) -> None:
        """Take note of what became of an attempt; it is written down within milliseconds."""
        self._keeper.settle(claim, outcome)
        if outcome is not None:
            self._count(outcome.state)

    async def dequeue(
        self,
        timeout: float = 0.0,  # noqa: ASYNC109 - SAQ's signature
        poll_interval: float = 0.0,
    ) -> saq.Job | None:
        """Wait up to `timeout` seconds, or for ever, for a job, and claim it."""
        del poll_interval
        try:
            async with asyncio.timeout(timeout or None):
                claim = await self._keeper.next()
        except TimeoutError:
            return None
        if claim is None:
            return None
        self._taken[str(claim.id)] = claim
        return self._claimed(claim)

    async def info(self, jobs: bool = False, offset: int = 0, limit: int = 10) -> QueueInfo:  # noqa: FBT001, FBT002
        """Return how many jobs wait and run, and the oldest of them."""
        counts = await self._admin.counts()
        page = await self._admin.page(limit=offset + limit) if jobs else []
        return QueueInfo(
            workers=self._workers,
            name=self.name,
            queued=counts.queued,
            active=counts.running,
            scheduled=counts.scheduled,
            jobs=[self._seen(view).to_dict() for view in page[offset:]],
        )

    async def count(self, kind: Literal["queued", "active", "incomplete"]) -> int:
        """Return how many jobs are due, running, or either of them or scheduled."""
        counts = await self._admin.counts()
        incomplete = counts.queued + counts.scheduled + counts.running
        return {"queued": counts.queued, "active": counts.running, "incomplete": incomplete}[kind]

    async def job(self, job_key: str) -> saq.Job | None:
        """Return the job with this id."""
        view = await self._admin.show(UUID(job_key))
        return self._seen(view) if view is not None else None

    async def jobs(self, job_keys: Iterable[str]) -> list[saq.Job | None]:
        """Return the jobs with these ids, in their order."""
        return [await self.job(key) for key in job_keys]

    async def iter_jobs(
        self,
        statuses: list[Status] = list(Status),  # noqa: B006 - SAQ's signature
        batch_size: int = 100,
    ) -> AsyncIterator[saq.Job]:
        """Yield every job in one of these states, the newest first."""
        before: UUID | None = None
        while page := await self._admin.page(before=before, limit=batch_size):
            for view in page:
                if STATUS[view.state] in statuses:
                    yield self._seen(view)
            before = page[-1].id

    async def abort(self, job: saq.Job, error: str, ttl: float = 5) -> None:
        """Cancel the job; if it is running, its effects in the database will roll back."""
        del error, ttl
        await self._admin.cancel(UUID(job.key))

    async def sweep(self, lock: int = 60, abort: float = 5.0) -> list[str]:
        """Return nothing: lost jobs are rescued all the time, see `chores`."""
        del lock, abort
        return []

    async def write_worker_info(self, worker_id: str, info: WorkerInfo, ttl: int) -> None:
        """Keep what a worker in this process says about itself."""
        del ttl
        self._workers[worker_id] = info

    async def _update(self, job: saq.Job, status: Status | None = None, **kwargs: Any) -> None:
        """Do nothing: a claim is already written, and the rest of SAQ's job is not kept."""

    async def _finish(self, job: saq.Job, status: Status, *, result: Any = None, error: str | None = None) -> None:
        del result
        self._settle_taken(job, "done" if status is Status.COMPLETE else "dead", error, 0.0)

    async def _retry(self, job: saq.Job, error: str | None) -> None:
        self._settle_taken(job, "queued", error, job.next_retry_delay())

    async def _enqueue(self, job: saq.Job) -> saq.Job | None:
        declared: Job[Any] = self._outbox.jobs[job.function]
        payload = msgspec.convert((job.kwargs or {})["payload"], declared.payload_type)
        row = self._outbox.row(declared, payload, None, None, None)
        transaction = self._storage.transaction()
        try:
            connection = await transaction.connection()
            inserted = await connection.fetchval(self._outbox.insert_sql, *row)
            await transaction.commit()
        finally:
            await transaction.rollback()
        self._outbox.ring([declared.name])
        job.key = str(inserted)
        return job if inserted is not None else None

    def _settle_taken(self, job: saq.Job, state: str, error: str | None, delay: float) -> None:
        claim = self._taken.pop(job.key, None)
        if claim is not None:
            last_line = redact_text((error or "").strip().rpartition("\n")[2]) or None
            self._keeper.settle(claim, Outcome(claim.id, claim.attempts, state, last_line, delay))

    def _count(self, state: str) -> None:
        self.complete += state == "done"
        self.failed += state == "dead"
        self.retried += state == "queued"

    def _claimed(self, claim: Claim) -> saq.Job:
        declared = self._outbox.jobs[claim.name]
        return saq.Job(
            function=claim.name,
            kwargs={"payload": msgspec.json.decode(claim.payload)},
            queue=self,
            key=str(claim.id),
            timeout=int(declared.timeout) or 1,
            retries=claim.max_attempts,
            retry_delay=declared.delay_after(claim.number),
            attempts=claim.number - 1,
            status=Status.QUEUED,
        )

    def _seen(self, view: JobView) -> saq.Job:
        return saq.Job(
            function=view.name,
            kwargs={"payload": view.payload},
            queue=self,
            key=str(view.id),
            retries=view.max_attempts,
            attempts=view.attempts - view.forgiven,
            status=STATUS[view.state],
            priority=view.priority,
            error=view.error,
            scheduled=int(view.run_at.timestamp()),
            queued=_millis(view.created_at.timestamp()),
            started=_millis(view.started_at.timestamp() if view.started_at else 0),
            completed=_millis(view.finished_at.timestamp() if view.finished_at else 0),
        )


def _millis(seconds: float) -> int:
    return int(seconds * 1000)
