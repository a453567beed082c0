"""Enqueuing from the command line."""

import asyncio
from pathlib import Path

import click

from core.cli.deployment import with_services
from core.injection import Services
from tests.bench.peers.stopwatch import now, save
from tests.bench.plugins.bench import jobs
from tests.bench.plugins.bench.schemas import Numbered

BATCH = 1_000


@click.command
@click.argument("job", type=click.Choice(["noop", "write"]))
@click.argument("count", type=int)
def preload(job: str, count: int) -> None:
    """Enqueue COUNT jobs, a thousand a transaction."""
    chosen = {"noop": jobs.noop, "write": jobs.write}[job]

    async def enqueue(services: Services) -> None:
        for first in range(0, count, BATCH):
            async with services.units() as uow:
                for number in range(first, min(first + BATCH, count)):
                    await uow.enqueue(chosen, Numbered(number))

    with_services(enqueue)


@click.command
@click.argument("count", type=int)
@click.argument("interval", type=float)
@click.argument("output", type=click.Path(path_type=Path))
def trickle(count: int, interval: float, output: Path) -> None:
    """Enqueue COUNT single jobs, one each INTERVAL seconds, and save when each was committed."""

    async def enqueue(services: Services) -> None:
        committed = {}
        for number in range(count):
            async with services.units() as uow:
                await uow.enqueue(jobs.noop, Numbered(number))
            committed[number] = now()
            await asyncio.sleep(interval)
        save(output, committed)

    with_services(enqueue)
