"""The control plane of one running application: opened with it, closed with it, and found by its parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from core.clock import Clock
from core.injection import Services
from core.unit_of_work import UnitOfWorkFactory
from plugins.verification.settings import Settings
from plugins.verification.stub.service.circle import JournalCircle
from plugins.verification.stub.service.keeper import RuleKeeper
from plugins.verification.stub.service.search_room import SearchRoom
from plugins.verification.stub.service.turnstile import Turnstile
from plugins.verification.stub.settings import StubSettings
from ports.storage import Storage

NAME: Final = "verification.stub"
"""Where the application's services keep it."""


class StubControl:
    """What answers are overlaid with, and where requests are noted."""

    def __init__(self, services: Services, settings: StubSettings) -> None:
        self.is_closed = False
        self.settings = settings
        self.clock: Clock = services.clock
        self.storage: Storage = services.storage
        self.units: UnitOfWorkFactory = services.units
        self.keeper = RuleKeeper(services.storage)
        self.circle = JournalCircle(services.storage, settings.journal_max_rows)
        self.journal = self.circle.journal
        self.search_room = SearchRoom()
        self.turnstile = Turnstile()

    async def close(self) -> None:
        """Stop following the rules, and write what is left of the journal."""
        self.is_closed = True
        await self.keeper.close()
        await self.circle.close()


@asynccontextmanager
async def controlling(services: Services) -> AsyncIterator[None]:
    """Keep the control plane open."""
    settings: Settings = services.of("verification", "settings")
    control = StubControl(services, settings.stub)
    services.opened[NAME] = control
    try:
        yield
    finally:
        del services.opened[NAME]
        await control.close()


def control_of(services: Services) -> StubControl:
    """Return the control plane of a running application."""
    control: StubControl = services.opened[NAME]
    return control
