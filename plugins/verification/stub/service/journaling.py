"""Keeping a journal while the application runs, and how its parts come by it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from core.http.health import HealthCheck
from core.injection import Services
from plugins.verification.settings import Settings
from plugins.verification.stub.queries.journal import COUNT
from plugins.verification.stub.service.circle import JournalCircle
from plugins.verification.stub.service.journal import Journal

OPENED: Final = "verification.journal"
"""The journal's name among what this plugin keeps open."""


@asynccontextmanager
async def journaling(services: Services) -> AsyncIterator[None]:
    """Open the journal of this process; write what is left of it at the end."""
    settings: Settings = services.of("verification", "settings")
    circle = JournalCircle(services.storage, settings.stub.journal_max_rows)
    services.opened[OPENED] = circle
    try:
        yield
    finally:
        del services.opened[OPENED]
        await circle.close()


def circle_of(services: Services) -> JournalCircle:
    """Return this process's place among the journal's writers; there is one while the control plane is on."""
    circle: JournalCircle = services.opened[OPENED]
    return circle


def journal_of(services: Services) -> Journal:
    """Return the journal of this process."""
    return circle_of(services).journal


async def _count(services: Services) -> int:
    """Return how many requests the journal holds. Raises where they cannot be written, or not be read."""
    if journal_of(services).failing:
        raise RuntimeError("requests cannot be written to the journal")
    return await services.storage.fetch_one(COUNT) or 0


JOURNAL_CHECK: Final = HealthCheck("journal", _count, required=False)
"""Whether what is asked is kept. Answers do not depend on it."""
