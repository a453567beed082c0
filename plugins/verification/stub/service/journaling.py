"""Keeping a journal while the application runs, and how its parts come by it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from core.injection import Services
from plugins.verification.settings import Settings
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
