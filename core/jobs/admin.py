"""Looking after the queue by hand: list, show, retry, cancel, counts. The CLI and the console are made of it."""

from datetime import datetime
from functools import cache
from typing import Any, Final, Protocol, TypeVar
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Integer, bindparam, func, literal_column, select, update

from core.jobs.bell import Bell
from core.jobs.tables import STATES, jobs
from ports.storage import Command, Query

T = TypeVar("T")

COLUMNS: Final = (
    jobs.c.id,
    jobs.c.name,
    jobs.c.state,
    jobs.c.priority,
    jobs.c.payload,
    jobs.c.run_at,
    jobs.c.attempts,
    jobs.c.forgiven,
    jobs.c.max_attempts,
    jobs.c.key,
    jobs.c.error,
    jobs.c.trace,
    jobs.c.created_at,
    jobs.c.started_at,
    jobs.c.finished_at,
)


class JobView(msgspec.Struct, frozen=True):
    """A job as people see it. `attempts - forgiven` are the attempts that count."""

    id: UUID
    name: str
    state: str
    priority: int
    payload: Any
    run_at: datetime
    attempts: int
    forgiven: int
    max_attempts: int
    key: str | None
    error: str | None
    trace: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class JobCounts(msgspec.Struct, frozen=True):
    """How many jobs are due and waiting, waiting for their time, running, done, dead and parked."""

    queued: int
    scheduled: int
    running: int
    done: int
    dead: int
    parked: int


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.count().filter(condition)


class KeyTakenError(Exception):
    """The job cannot be queued again while another one holds its unique key."""


class Statements(Protocol):
    """Whatever runs statements: the store, or a unit of work."""

    async def fetch_one(self, query: Query[T], /, **parameters: Any) -> T | None:
        """Return the first row, or None."""

    async def fetch_all(self, query: Query[T], /, **parameters: Any) -> list[T]:
        """Return every row."""

    async def execute(self, command: Query[Any], /, **parameters: Any) -> int:
        """Return how many rows were affected."""


class JobAdmin:
    """What an operator can see of the queue and do to it.

    `bell` wakes the workers after a retry; within a unit of work they find the job with their next poll at the latest.
    """

    def __init__(self, storage: Statements, bell: Bell | None = None) -> None:
        self._storage = storage
        self._bell = bell

    async def page(
        self,
        *,
        state: str | None = None,
        plugin: str | None = None,
        name: str | None = None,
        before: UUID | None = None,
        limit: int = 20,
    ) -> list[JobView]:
        """Return jobs, the newest first, that are older than `before`, the last id of the page before.

        Raises:
            ValueError: there is no such state.
        """
        if state is not None and state not in STATES:
            raise ValueError(f"there is no state {state!r}; there are {', '.join(STATES)}")
        given = {"prefix": f"{plugin}." if plugin else None, "name": name, "before": before}
        chosen = {key: value for key, value in given.items() if value is not None}
        return await self._storage.fetch_all(_page_query(state, frozenset(chosen)), **chosen, count=limit)

    async def show(self, job_id: UUID) -> JobView | None:
        """Return one job, or None where there is none with this id."""
        return await self._storage.fetch_one(SHOW, job_id=job_id)

    async def retry(self, job_id: UUID) -> bool:
        """Queue a dead job again with all its attempts; tell whether there was one.

        Raises:
            KeyTakenError: another job holds its unique key meanwhile.
        """
        try:
            changed = await self._storage.execute(RETRY, job_id=job_id)
        except Exception as error:
            if getattr(error, "sqlstate", None) == UNIQUE_VIOLATION:
                raise KeyTakenError(f"another job holds the key of {job_id}") from error
            raise
        if changed and self._bell is not None:
            self._bell.ring()
        return bool(changed)

    async def retry_dead(self, *, plugin: str | None = None) -> tuple[int, list[UUID]]:
        """Queue every dead job again, or those of one plugin.

        Returns how many, and the ids of those whose unique key another job holds meanwhile; they stay dead.
        """
        retried, held, before = 0, [], None
        while page := await self.page(state="dead", plugin=plugin, before=before, limit=PAGE):
            for job in page:
                try:
                    retried += await self.retry(job.id)
                except KeyTakenError:
                    held.append(job.id)
            before = page[-1].id
        return retried, held

    async def cancel(self, job_id: UUID) -> bool:
        """Make a job that waits or runs dead; tell whether there was one.

        A running transactional job rolls back. Ports that a stepwise job has called have been called.
        """
        return bool(await self._storage.execute(CANCEL, job_id=job_id))

    async def counts(self) -> JobCounts:
        """Return how many jobs there are in each state."""
        counted = await self._storage.fetch_one(COUNTS)
        assert counted is not None, "an aggregate answers one row"  # noqa: S101 - for the type checker
        return counted


UNIQUE_VIOLATION: Final = "23505"

PAGE: Final = 500
"""Jobs that are looked at together where all are to be retried."""

SHOW: Final = Query(select(*COLUMNS).where(jobs.c.id == bindparam("job_id")), into=JobView)

RETRY: Final = Command(
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"), jobs.c.state == "dead")
    .values(state="queued", forgiven=jobs.c.attempts, run_at=func.now(), error=None, finished_at=None)
)

CANCEL: Final = Command(
    update(jobs)
    .where(jobs.c.id == bindparam("job_id"), jobs.c.state.in_(("queued", "running", "parked")))
    .values(state="dead", error="Cancelled: by hand", finished_at=func.now(), worker=None, lease_until=None)
)

COUNTS: Final = Query(
    select(
        _count((jobs.c.state == "queued") & (jobs.c.run_at <= func.now())).label("queued"),
        _count((jobs.c.state == "queued") & (jobs.c.run_at > func.now())).label("scheduled"),
        *(_count(jobs.c.state == state).label(state) for state in ("running", "done", "dead", "parked")),
    ),
    into=JobCounts,
)


@cache
def _page_query(state: str | None, chosen: frozenset[str]) -> Query[JobView]:
    """Return the query with just these conditions, so that each can use its index."""
    conditions: dict[str, ColumnElement[bool]] = {
        "prefix": jobs.c.name.startswith(bindparam("prefix"), autoescape=False),
        "name": jobs.c.name == bindparam("name"),
        "before": jobs.c.id < bindparam("before"),
    }
    query = select(*COLUMNS).where(*(conditions[key] for key in sorted(chosen)))
    if state is not None:
        query = query.where(jobs.c.state == literal_column(f"'{state}'"))
    return Query(query.order_by(jobs.c.id.desc()).limit(bindparam("count", type_=Integer)), into=JobView)
