"""`workers run`: run the background jobs, and nothing else. `workers check`: see whether somebody does."""

import sys

import click

from core.cli.deployment import with_services
from core.cli.probe import check_workers
from core.injection import Services
from core.lifespan import freeze_collector
from core.liveness import showing_life
from core.telemetry.process import take_output
from core.working import make_worker, require_tables


@click.group
def workers() -> None:
    """Run workers."""


@workers.command
def check() -> None:
    """Look for a worker of this state folder: exit 0 where one is at work, 1 where none is or one is stuck."""
    sys.exit(check_workers())


@workers.command
def run() -> None:
    """Run the background jobs until a signal: TERM or INT drains, a second one hurries, and so does QUIT."""
    take_output()
    with_services(_work)


async def _work(services: Services) -> None:
    await require_tables(services)
    worker = make_worker(services, signals=True)
    freeze_collector()
    async with showing_life(services.config.workers_path):
        await worker.run()
