"""`jobs list | show | retry | cancel`: looking after the queue by hand."""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import click
import msgspec

from core.cli.deployment import Failure, composed, run_async
from core.jobs.admin import JobAdmin, JobView, KeyTakenError
from core.jobs.bells import open_bell
from core.lifespan import opened_storage

R = TypeVar("R")
STATES = ("queued", "running", "done", "dead", "parked")


@click.group
def jobs() -> None:
    """List, show, retry and cancel background jobs."""


@jobs.command("list")
@click.option("--state", type=click.Choice(STATES), help="Only jobs in this state.")
@click.option("--plugin", help="Only jobs of this plugin.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 1000))
def list_jobs(state: str | None, plugin: str | None, limit: int) -> None:
    """List the newest jobs, one a line."""
    found = _administering(lambda admin: admin.page(state=state, plugin=plugin, limit=limit))
    for job in found:
        click.echo(_line(job))
    if not found:
        click.echo("There are none.")


@jobs.command
@click.argument("job_id", type=click.UUID)
def show(job_id: UUID) -> None:
    """Show everything about one job, as JSON."""
    job = _administering(lambda admin: admin.show(job_id))
    if job is None:
        raise Failure(f"there is no job {job_id}")
    click.echo(msgspec.json.format(msgspec.json.encode(job), indent=2).decode())


@jobs.command
@click.argument("job_ids", type=click.UUID, nargs=-1)
@click.option("--dead", is_flag=True, help="Every dead job.")
@click.option("--plugin", help="With --dead: only those of this plugin.")
def retry(job_ids: tuple[UUID, ...], *, dead: bool, plugin: str | None) -> None:
    """Queue dead jobs again, with all their attempts."""
    if dead == bool(job_ids) or (plugin and not dead):
        raise click.UsageError("name the jobs, or say --dead, where --plugin may stand beside it")
    refused = _retry_dead(plugin) if dead else _retry_named(job_ids)
    if refused:
        raise Failure("\n".join(refused))


def _retry_dead(plugin: str | None) -> list[str]:
    retried, held = _administering(lambda admin: admin.retry_dead(plugin=plugin))
    click.echo(f"{retried} jobs are queued again.")
    return [f"another job holds the key of {job_id}" for job_id in held]


def _retry_named(job_ids: tuple[UUID, ...]) -> list[str]:
    async def retry(admin: JobAdmin) -> list[str]:
        refused = []
        for job_id in job_ids:
            try:
                if await admin.retry(job_id):
                    click.echo(f"{job_id} is queued again.")
                else:
                    refused.append(f"there is no dead job {job_id}")
            except KeyTakenError as error:
                refused.append(str(error))
        return refused

    return _administering(retry)


@jobs.command
@click.argument("job_id", type=click.UUID)
def cancel(job_id: UUID) -> None:
    """Make a job that waits or runs dead."""
    if not _administering(lambda admin: admin.cancel(job_id)):
        raise Failure(f"no job {job_id} waits or runs")
    click.echo(f"{job_id} is cancelled.")


def _administering(work: Callable[[JobAdmin], Awaitable[R]]) -> R:
    composition = composed()

    async def run() -> R:
        async with opened_storage(composition) as storage:
            bell = open_bell(composition.config.bell, storage)
            try:
                return await work(JobAdmin(storage, bell))
            finally:
                await bell.close()

    return run_async(run)


def _line(job: JobView) -> str:
    attempts = f"{job.attempts - job.forgiven}/{job.max_attempts}"
    return f"{job.id}  {job.state:<8} {attempts:>5}  {job.name}  {job.error or ''}".rstrip()
