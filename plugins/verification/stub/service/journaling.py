"""Keeping a journal while the application runs, and how its parts come by it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from core.http.health import HealthCheck
from core.injection import Services
from plugins.verification.settings import Settings
from plugins.verification.stub.queries.journal import COUNT
from plugins.verification.stub.service.journal import Journal

OPENED: Final = "verification.journal"
"""The journal's name among what this plugin keeps open."""


@asynccontextmanager
async def journaling(services: Services) -> AsyncIterator[None]:
    """Open the journal of this process; write what is left of it at the end."""
    settings: Settings = services.of("verification", "settings")
    journal = Journal(services.storage, max_rows=settings.stub.journal_max_rows)
    services.opened[OPENED] = journal
    try:
        yield
    finally:
        del services.opened[OPENED]
        await journal.close()


def journal_of(services: Services) -> Journal:
    """Return the journal of this process; there is one while the control plane is on."""
    journal: Journal = services.opened[OPENED]
    return journal


async def _count(services: Services) -> int:
    """Return how many requests the journal holds. Raises where they cannot be written, or not be read."""
    if journal_of(services).failing:
        raise RuntimeError("requests cannot be written to the journal")
    return await services.storage.fetch_one(COUNT) or 0


JOURNAL_CHECK: Final = HealthCheck("journal", _count, required=False)
"""Whether what is asked is kept. Answers do not depend on it."""
