"""Writing job rows: what a unit of work sends through its own transaction, and the bell that follows the commit."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from opentelemetry import trace

from core.clock import new_id
from core.jobs.bell import Bell
from core.jobs.declare import Job, P
from core.telemetry.activity import current_activity
from core.telemetry.tracing import Tracing

PAYLOAD_LIMIT: Final = 64 * 1024
"""Bytes above which a payload is refused. Aim at 4 KiB: a payload holds ids and scalars, the rest is in tables."""

INSERT: Final = """
INSERT INTO core.jobs
    (id, name, lane, payload, priority, run_at, max_attempts, key, uniqueness, trace, trace_state, request_id)
VALUES ($1, $2, $3, $4::text::jsonb, $5, coalesce($6, now()), $7, $8, $9, $10, $11, $12)
ON CONFLICT DO NOTHING
RETURNING id
"""

JobRow = tuple[
    UUID, str, str, str, int, datetime | None, int, str | None, str | None, str | None, str | None, str | None
]


class UndeclaredJobError(LookupError):
    """A job was enqueued that no enabled plugin has registered; no worker would ever run it."""


class JobOutbox:
    """Builds the rows of jobs and events; the caller inserts them in its own transaction.

    So a job exists exactly if the transaction that enqueued it commits. `insert_sql` takes the members of `row` as
    its parameters and returns the id, or no row where a unique key already holds a job.

    Args:
        jobs: every job that this deployment declares.
        bell: wakes the workers.
        tracing: opens the span that a job's trace goes on from.
        count: hears the name of each job whose row was committed.
    """

    insert_sql: Final = INSERT

    def __init__(
        self,
        jobs: Iterable[Job[Any]],
        bell: Bell,
        *,
        tracing: Tracing | None = None,
        count: Callable[[str], None] = lambda _name: None,
    ) -> None:
        self._tracing = tracing or Tracing()
        self._count = count
        self.jobs: Mapping[str, Job[Any]] = {job.name: job for job in jobs}
        self.bell = bell
        self._subscribers: dict[str, tuple[Job[Any], ...]] = {}
        for job in self.jobs.values():
            if job.event is not None:
                self._subscribers[job.event] = (*self.subscribers(job.event), job)

    def row(self, job: Job[P], payload: P, key: str | None, at: datetime | None, priority: int | None) -> JobRow:
        """Return the parameters of `insert_sql` for one job that is due `at`, or now.

        The payload of a subscriber is the event itself, of whatever type its publisher gave it.

        Raises:
            TypeError: the payload is not of the job's type, or a key is given to a job that declares no uniqueness.
            ValueError: the payload is larger than `PAYLOAD_LIMIT`, or `at` is not aware.
            UndeclaredJobError: no enabled plugin has registered the job.
        """
        if job.event is None and not isinstance(payload, job.payload_type):
            raise TypeError(f"{job.name} takes a {job.payload_type.__name__}, not a {type(payload).__name__}")
        if self.jobs.get(job.name) is not job:
            raise UndeclaredJobError(f"the job {job.name!r} is not registered by an enabled plugin")
        encoded = msgspec.json.encode(payload)
        if len(encoded) > PAYLOAD_LIMIT:
            raise ValueError(f"the payload of {job.name} has {len(encoded)} bytes; the limit is {PAYLOAD_LIMIT}")
        if at is not None and at.tzinfo is None:
            raise ValueError("`at` must be an aware datetime")
        job_id = new_id()
        with self._tracing.enqueued(job.name, str(job_id), job.name):
            traceparent, trace_state = current_trace()
        return (
            job_id,
            job.name,
            job.lane,
            encoded.decode(),
            job.priority if priority is None else priority,
            at,
            job.attempts,
            _key(job, key, encoded),
            job.unique,
            traceparent,
            trace_state,
            _current_request(),
        )

    def subscribers(self, event: str) -> tuple[Job[Any], ...]:
        """Return the jobs that run when the event of this name is published."""
        return self._subscribers.get(event, ())

    def ring(self, names: Iterable[str]) -> None:
        """Count what was enqueued, by the jobs' names, and wake the workers.

        To be called after the commit, never inside the transaction. Does not raise or wait.
        """
        for name in names:
            self._count(name)
        self.bell.ring()


def _key(job: Job[Any], key: str | None, encoded: bytes) -> str | None:
    if job.unique is None:
        if key is not None:
            raise TypeError(f"{job.name} declares no `unique`, so a key would not keep a second one out")
        return None
    return hashlib.sha256(encoded).hexdigest() if key is None else key


def _current_request() -> str | None:
    activity = current_activity.get()
    return str(activity.log_fields().get("request_id", "")) or None if activity is not None else None


def current_trace() -> tuple[str | None, str | None]:
    """Return the current span's context as W3C `traceparent` and `tracestate`; None for what there is not."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None, None
    traceparent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    return traceparent, context.trace_state.to_header() if context.trace_state else None
