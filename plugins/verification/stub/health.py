"""Whether what the stubs are asked is kept."""

from typing import Final

from core.http.health import HealthCheck
from core.injection import Services
from plugins.verification.stub.queries.journal import COUNT
from plugins.verification.stub.service.control import control_of


async def _count(services: Services) -> int:
    """Return how many requests the journal holds. Raises where they cannot be written, or not be read."""
    if control_of(services).journal.failing:
        raise RuntimeError("requests cannot be written to the journal")
    return await services.storage.fetch_one(COUNT) or 0


JOURNAL_CHECK: Final = HealthCheck("journal", _count, required=False)
"""Answers do not depend on it."""
