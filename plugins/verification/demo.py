"""`litestar verification seed-demo`: the same people and claims each time, on every branch of the rules.

Each group offers one `seed(uow, clock)` that writes its share within the given unit of work, may be repeated, and
returns one line that says what it wrote.
"""

from collections.abc import Awaitable, Callable
from typing import Final

import click

from core.cli.deployment import with_services
from core.clock import Clock
from core.injection import Services
from core.unit_of_work import UnitOfWork
from plugins.verification.academic.demo import seed as seed_academic
from plugins.verification.doctors.demo import seed as seed_doctors
from plugins.verification.insurance.demo import seed as seed_insurance

Seed = Callable[[UnitOfWork, Clock], Awaitable[str]]

SEEDS: Final[tuple[Seed, ...]] = (seed_doctors, seed_academic, seed_insurance)


@click.command("seed-demo")
def seed_demo() -> None:
    """Register demonstration data; a second run brings the doctors up to the day and leaves the rest as it is."""
    with_services(seed_all)


async def seed_all(services: Services) -> None:
    """Run every group's seed, each in a unit of work of its own."""
    for seed in SEEDS:
        async with services.units() as uow:
            line = await seed(uow, services.clock)
        click.echo(line)
