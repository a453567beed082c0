"""Running one attempt at a job: payload, deadline, transaction, span, log record; and what follows from its end."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any, Final, Protocol

import msgspec
import structlog

from core.containment import contained
from core.failpoints import Failpoint
from core.jobs.declare import Discard, Job, JobAttempt, LeaseLostError, Retry, Unit
from core.jobs.ledger import Claim, Outcome, mark_done
from core.telemetry import failures, names
from core.telemetry.activity import JobActivity, current_activity
from core.telemetry.tracing import Tracing

ERROR_LENGTH: Final = 300

_BEFORE_EFFECT: Final = Failpoint("jobs.before_effect")
_AFTER_EFFECT: Final = Failpoint("jobs.after_effect")
_MARKED_DONE: Final = Failpoint("jobs.marked_done")
_COMMITTED: Final = Failpoint("jobs.committed")

logger: Any = structlog.get_logger(__name__)


class OpenUnit(Unit, Protocol):
    """What the runner needs of a unit of work."""

    @property
    def used(self) -> bool:
        """Tell whether a commit may have something to write."""


Units = Callable[[], AbstractAsyncContextManager[OpenUnit]]
"""Opens a unit of work that commits on a clean exit and rolls back on an exception."""


class JobMetrics(Protocol):
    """Where attempts are counted."""

    def job_completed(self, job: str, seconds: float) -> None:
        """Count a job that is done."""

    def job_retried(self, job: str, seconds: float) -> None:
        """Count a failed attempt that will be repeated."""

    def job_dead(self, job: str, seconds: float) -> None:
        """Count a job that was given up."""

    def job_rescued(self, job: str) -> None:
        """Count a job taken over from a lost worker."""

    def queue_measured(self, lane: str, depth: int, oldest_age: float) -> None:
        """Report the jobs of one lane that are due and waiting, and the age of the oldest in seconds."""


@dataclass(frozen=True, slots=True)
class JobContext:
    """What differs from attempt to attempt among the things that a job is handed."""

    attempt: JobAttempt
    uow: OpenUnit | None = None


class Injector(Protocol):
    """Knows what a job's parameters mean."""

    def bind(self, job: Job[Any]) -> Callable[[JobContext], dict[str, Any]]:
        """Resolve the job's parameters once; the result gives the keyword arguments of one attempt."""


class Runner:
    """Runs attempts. Everything about a job that can be known beforehand is worked out once, here."""

    def __init__(
        self,
        jobs: Iterable[Job[Any]],
        injector: Injector,
        units: Units,
        tracing: Tracing,
        metrics: JobMetrics | None,
    ) -> None:
        self._bound = {job.name: _Bound(job, injector, units) for job in jobs}
        self._tracing = tracing
        self._metrics = metrics

    async def run(self, claim: Claim) -> Outcome | None:
        """Run one attempt and return what became of it; None where it lost its job to another worker.

        Raises:
            CancelledError: the worker is shutting down; the attempt does not count.
        """
        bound = self._bound.get(claim.name)
        if bound is None:
            return Outcome(claim.id, claim.attempts, "parked", forgiven=1)
        activity = JobActivity(
            job=claim.name,
            job_id=str(claim.id),
            attempt=claim.number,
            request_id=claim.request_id or "",
            payload=claim.payload,
        )
        before = current_activity.set(activity)
        started = perf_counter()
        failure: Exception | None = None
        try:
            with self._tracing.processing(claim.name, _carrier(claim), _attributes(claim, activity)), contained():
                await bound.attempt(claim)
        except Exception as error:  # noqa: BLE001 - any failure of a job is an outcome
            failure = error
        try:
            return self._conclude(claim, bound.job, failure, perf_counter() - started)
        finally:
            current_activity.reset(before)

    def _conclude(self, claim: Claim, job: Job[Any], failure: Exception | None, seconds: float) -> Outcome | None:
        took = round(seconds * 1000, 1)
        if failure is None:
            logger.info("job done", duration_ms=took, wait_ms=round(claim.waited * 1000, 1))
            if self._metrics:
                self._metrics.job_completed(claim.name, seconds)
            return Outcome(claim.id, claim.attempts, "done")
        if isinstance(failure, LeaseLostError):
            logger.warning("job overtaken, rolled back", duration_ms=took)
            return None
        outcome = outcome_of(claim, job, failure)
        trace = None if isinstance(failure, Retry | Discard) else failure
        if outcome.state == "dead":
            logger.error("job dead", duration_ms=took, reason=outcome.error, exc_info=trace)
        else:
            logger.warning("job failed", duration_ms=took, reason=outcome.error, again_in=outcome.delay, exc_info=trace)
        if self._metrics:
            count = self._metrics.job_dead if outcome.state == "dead" else self._metrics.job_retried
            count(claim.name, seconds)
        return outcome


class _Bound:
    """A job with its decoder and its arguments resolved."""

    __slots__ = ("_arguments", "_decode", "_function", "_transactional", "_units", "job")

    def __init__(self, job: Job[Any], injector: Injector, units: Units) -> None:
        self.job = job
        self._decode = msgspec.json.Decoder(job.payload_type).decode
        self._arguments = injector.bind(job)
        self._function = job.function
        self._units = units
        self._transactional = "uow" in job.parameters

    async def attempt(self, claim: Claim) -> None:
        """Run the job within its deadline; a transactional one commits its effects together with its done mark."""
        try:
            payload = self._decode(claim.payload)
        except msgspec.ValidationError as error:
            raise Discard(f"the payload does not fit {self.job.payload_type.__name__}: {error}") from error
        attempt = JobAttempt(claim.id, claim.number, claim.max_attempts, claim.trace, partial(mark_done, claim=claim))
        deadline = asyncio.timeout(self.job.timeout)
        try:
            async with deadline:
                await self._run(claim, payload, attempt)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise TimeoutError(f"the job ran into its deadline of {self.job.timeout:g} s") from error

    async def _run(self, claim: Claim, payload: msgspec.Struct, attempt: JobAttempt) -> None:
        _BEFORE_EFFECT()
        if not self._transactional:
            await self._function(payload, **self._arguments(JobContext(attempt)))
            _AFTER_EFFECT()
            return
        async with self._units() as uow:
            await self._function(payload, **self._arguments(JobContext(attempt, uow)))
            _AFTER_EFFECT()
            if uow.used:
                await mark_done(await uow.connection(), claim)
                _MARKED_DONE()
        _COMMITTED()


def outcome_of(claim: Claim, job: Job[Any], failure: Exception) -> Outcome:
    """Return what follows from a failed attempt: another one after a while, or none."""
    error = describe(failure)
    if isinstance(failure, Discard) or claim.number >= claim.max_attempts:
        return Outcome(claim.id, claim.attempts, "dead", error)
    delay = failure.after if isinstance(failure, Retry) else job.delay_after(claim.number)
    return Outcome(claim.id, claim.attempts, "queued", error, delay)


def describe(failure: Exception) -> str:
    """Return kind and first line of the message, capped; nothing in it repeats the payload or quotes a row."""
    return failures.describe(failure).partition("\n")[0].encode("utf-8", "replace").decode()[:ERROR_LENGTH]


def _carrier(claim: Claim) -> dict[str, str]:
    if claim.trace is None:
        return {}
    carrier = {"traceparent": claim.trace}
    return carrier if claim.trace_state is None else carrier | {"tracestate": claim.trace_state}


def _attributes(claim: Claim, activity: JobActivity) -> dict[str, str | int | float | bool]:
    fields = activity.log_fields()
    return {
        names.MESSAGING_MESSAGE_ID: fields["job_id"],
        names.JOB_NAME: claim.name,
        names.JOB_ATTEMPT: claim.number,
        names.JOB_WAIT_MS: round(claim.waited * 1000, 3),
        names.PLUGIN: fields["plugin"],
    }
