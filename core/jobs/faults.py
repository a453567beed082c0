"""What can be wrong with the declaration of a job, found at start and told all at once."""

import inspect
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec
from cronsim import CronSim, CronSimError

from core.jobs.declare import Job

PRIORITIES = range(-32_768, 32_768)


def declaration_faults(job: Job[Any], plugin: str) -> list[str]:
    """Return one sentence for each thing that is wrong with the declaration of `plugin`'s job; none if it is sound."""
    return [
        f"job {job.name!r}: {fault}" for fault in (*_plain_faults(job, plugin), *_shape_faults(job), *_cron_faults(job))
    ]


def _plain_faults(job: Job[Any], plugin: str) -> Iterable[str]:
    prefix, dot, rest = job.name.partition(".")
    if prefix != plugin or not dot or not rest:
        yield f"the name must begin with {plugin + '.'!r}"
    if job.timeout <= 0:
        yield f"timeout must be more than 0 seconds, not {job.timeout}"
    if job.attempts < 1:
        yield f"attempts must be at least 1, not {job.attempts}"
    if any(delay < 0 for delay in job.backoff):
        yield "backoff must not hold a negative delay"
    if job.priority not in PRIORITIES:
        yield f"priority must fit 16 bits, not {job.priority}"
    if job.unique not in {None, "until_done", "for_ever"}:
        yield f"unique must be 'until_done', 'for_ever' or None, not {job.unique!r}"
    if job.concurrency_cap is not None and job.concurrency_cap < 1:
        yield f"concurrency_cap must be at least 1, not {job.concurrency_cap}"


def _shape_faults(job: Job[Any]) -> Iterable[str]:
    if not inspect.iscoroutinefunction(job.function):
        yield "it must be a coroutine function"
    if not (isinstance(job.payload_type, type) and issubclass(job.payload_type, msgspec.Struct)):
        yield "its first parameter must be the payload, annotated with a msgspec Struct"
    if job.stepwise and "uow" in job.parameters:
        yield "a stepwise job takes `units`, not `uow`: no transaction may stay open while a port is called"


def _cron_faults(job: Job[Any]) -> Iterable[str]:
    if job.cron is None:
        return
    now = datetime.now(UTC)
    try:
        CronSim(job.cron, now)
    except CronSimError as error:
        yield f"cron {job.cron!r} does not parse: {error}"
    try:
        msgspec.convert({"tick": now.isoformat()}, job.payload_type)
    except (msgspec.ValidationError, TypeError):
        yield "a scheduled job's payload must be `Tick`, or a Struct whose fields but `tick` all have defaults"
