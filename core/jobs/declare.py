"""Declaring background jobs and subscribers of domain events.

    @job("verification.send_notification", timeout=30.0, attempts=5, backoff=(60, 300, 1800, 7200))
    async def send_notification(payload: SendNotification, uow: UnitOfWork, clock: Clock) -> None: ...

The first parameter is the payload, a Struct of ids and scalars; the others are injected by their names. A job is
`transactional` by default: it takes `uow`, and its effects and its done mark are one commit, so an effect in the
database happens once. A `stepwise` job crosses ports and takes `units`; every step of it must be re-entrant, and its
last unit may call `attempt.done(uow)`.
"""

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, Final, Generic, Literal, Protocol, TypeVar
from uuid import UUID

import msgspec

P = TypeVar("P", bound=msgspec.Struct)

Uniqueness = Literal["until_done", "for_ever"]
JobFunction = Callable[Concatenate[P, ...], Awaitable[None]]

DEFAULT_BACKOFF: Final = (5.0, 30.0, 120.0, 600.0)


class Tick(msgspec.Struct, frozen=True):
    """The payload of a scheduled job: the instant, in UTC, at which this run was due."""

    tick: datetime


class Retry(Exception):
    """Raised by a job to be tried again in `after` seconds; the attempt counts."""

    def __init__(self, reason: str = "the job asked to be tried again", *, after: float) -> None:
        super().__init__(reason)
        self.after = after


class Discard(Exception):
    """Raised by a job that can never succeed: it becomes dead at once, with this reason."""


class LeaseLostError(Exception):
    """This attempt no longer owns its job: it was rescued, cancelled or finished elsewhere. Its effects roll back."""


class Statement(Protocol):
    """The part of a driver connection that a done mark needs."""

    async def fetchval(self, query: str, *parameters: Any) -> Any:
        """Return the first column of the first row, or None where there is no row."""


class Unit(Protocol):
    """The part of a unit of work that a done mark needs."""

    async def connection(self) -> Statement:
        """Return the driver connection of the open transaction, which begins if it has not."""


@dataclass(frozen=True, slots=True, eq=False)
class JobAttempt:
    """One run of a job, injected as `attempt`.

    Attributes:
        id: the job's id, the same for all its attempts; a good idempotency key towards ports.
        number: which attempt this is, from 1; attempts cut off by a shutdown do not count.
        max_attempts: how many there will be at most.
        trace: the W3C traceparent that the job was enqueued under, where there was one.
    """

    id: UUID
    number: int
    max_attempts: int
    trace: str | None
    mark_done: Callable[[Statement], Awaitable[None]]

    @property
    def last(self) -> bool:
        """Tell whether the job is dead if this attempt fails."""
        return self.number >= self.max_attempts

    async def done(self, uow: Unit) -> None:
        """Mark the job done in `uow`, so that the mark and the unit's effects are one commit.

        Raises:
            LeaseLostError: another worker owns the job by now; the unit must roll back.
        """
        await self.mark_done(await uow.connection())


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Job(Generic[P]):
    """A declared background job. Calling it calls the function, which is how unit tests use it.

    Attributes:
        name: `<plugin>.<job>`.
        payload_type: the Struct that the payload is decoded into; unknown fields are ignored unless it forbids them.
        parameters: names of what is injected after the payload.
        timeout: seconds after which an attempt is cancelled and counts as failed.
        attempts: how often the job is tried at most.
        backoff: seconds before the second attempt, the third and so on; the last figure repeats.
        stepwise: the job crosses ports and marks itself done; otherwise it is one transaction.
        priority: smaller runs first, within a plugin.
        unique: how long a key keeps a second job of this name out; without a key, the payload is the key.
        cron: five fields, or six with seconds first, in UTC; `payload_type` must accept a `tick`.
        concurrency_cap: how many of this job one worker process runs at a time.
        event: the domain event that enqueues this job, for a subscriber.
    """

    name: str
    function: JobFunction[P]
    payload_type: type[P]
    parameters: tuple[str, ...]
    timeout: float
    attempts: int
    backoff: tuple[float, ...]
    stepwise: bool = False
    priority: int = 0
    unique: Uniqueness | None = None
    cron: str | None = None
    concurrency_cap: int | None = None
    event: str | None = None

    @property
    def plugin(self) -> str:
        """Return the plugin that the job belongs to."""
        return self.name.partition(".")[0]

    @property
    def lane(self) -> str:
        """Return what the job shares its slots with: its plugin, or nothing where it has a cap of its own."""
        return self.name if self.concurrency_cap is not None else self.plugin

    def delay_after(self, attempt: int) -> float:
        """Return the seconds to wait after the failed attempt of this number."""
        return self.backoff[min(attempt, len(self.backoff)) - 1] if self.backoff else 0.0

    def __call__(self, payload: P, /, **injected: Any) -> Awaitable[None]:
        """Return the coroutine of one run, with what is injected given by hand."""
        return self.function(payload, **injected)


def job(
    name: str,
    *,
    timeout: float = 30.0,
    attempts: int = 5,
    backoff: tuple[float, ...] = DEFAULT_BACKOFF,
    stepwise: bool = False,
    priority: int = 0,
    unique: Uniqueness | None = None,
    cron: str | None = None,
    concurrency_cap: int | None = None,
    event: str | None = None,
) -> Callable[[JobFunction[P]], Job[P]]:
    """Declare the decorated coroutine function a background job; see `Job` for what the arguments mean.

    Nothing is registered: the plugin returns the result from `register_jobs`, where it is validated.
    """

    def declare(function: JobFunction[P]) -> Job[P]:
        parameters = list(inspect.signature(function).parameters.values())
        payload_type: Any = parameters[0].annotation if parameters else None
        return Job(
            name=name,
            function=function,
            payload_type=payload_type,
            parameters=tuple(parameter.name for parameter in parameters[1:]),
            timeout=timeout,
            attempts=attempts,
            backoff=tuple(backoff),
            stepwise=stepwise,
            priority=priority,
            unique=unique,
            cron=cron,
            concurrency_cap=concurrency_cap,
            event=event,
        )

    return declare


def subscriber(
    event: str,
    *,
    name: str,
    timeout: float = 30.0,
    attempts: int = 5,
    backoff: tuple[float, ...] = DEFAULT_BACKOFF,
    stepwise: bool = False,
    priority: int = 0,
    unique: Uniqueness | None = None,
) -> Callable[[JobFunction[P]], Job[P]]:
    """Declare the decorated coroutine function a job that runs whenever `event` is published.

    Its payload is the subscriber's own Struct, which names those fields of the event that it wants.
    """
    return job(
        name,
        timeout=timeout,
        attempts=attempts,
        backoff=backoff,
        stepwise=stepwise,
        priority=priority,
        unique=unique,
        event=event,
    )
