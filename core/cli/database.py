"""`database upgrade | downgrade | check | status | drop | sql`: the migrations of the enabled owners."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from core.cli.deployment import Failure, composed, migrator, run_async
from core.lifespan import opened_storage
from core.migrations import MigrationStatus, Migrator

R = TypeVar("R")


@click.group
def database() -> None:
    """Migrate and inspect the database."""


@database.command
def upgrade() -> None:
    """Bring every enabled owner's tables up to date; a second migrator waits for the first.

    A step that meets a table in use gives up after a second and comes back, ten times at most.
    """
    _migrating(lambda migrator: migrator.upgrade(click.echo))


@database.command
@click.argument("owner")
@click.argument("revision", default="-1")
def downgrade(owner: str, revision: str) -> None:
    """Take OWNER's tables down to REVISION (default: one step; `base` for nothing)."""
    _migrating(lambda migrator: migrator.downgrade(owner, revision, click.echo))


@database.command
def status() -> None:
    """Show where each owner's history stands; exit 1 where something is to be done."""
    found = _migrating(lambda migrator: migrator.status())
    for item in found:
        click.echo(f"{item.owner}: {item.current or 'nothing'} ({_mark(item)})")
    if any(item.is_behind for item in found):
        raise SystemExit(1)


@database.command
def check() -> None:
    """Compare the tables in the database with the models; exit 1 where they differ."""
    differences = _migrating(lambda migrator: migrator.differences())
    for owner, found in differences.items():
        for difference in found:
            click.echo(f"{owner}: {difference}")
    if differences:
        raise Failure("the database differs from the models; write a migration")
    click.echo("The database is as the models say.")


@database.command
@click.argument("owner")
@click.option("--yes", is_flag=True, help="Do not ask.")
def drop(owner: str, *, yes: bool) -> None:
    """Drop OWNER's tables with all their data."""
    if not yes:
        click.confirm(f"Drop every table of {owner} with all its data?", abort=True)
    _migrating(lambda migrator: migrator.drop(owner, click.echo))


@database.command
@click.argument("owner")
def sql(owner: str) -> None:
    """Print the SQL of OWNER's whole history, for review."""
    click.echo(_migrating(lambda migrator: _immediately(migrator.sql(owner))))


def _mark(status: MigrationStatus) -> str:
    if status.is_ahead:
        return f"ahead: this version knows {status.head}"
    return f"behind: head is {status.head}" if status.is_behind else "up to date"


async def _immediately(value: R) -> R:
    return value


def _migrating(work: Callable[[Migrator], Awaitable[R]]) -> R:
    composition = composed()

    async def run() -> R:
        async with opened_storage(composition) as storage:
            return await work(migrator(storage, composition))

    try:
        return run_async(run)
    except (LookupError, ValueError) as error:
        raise Failure(str(error)) from None
