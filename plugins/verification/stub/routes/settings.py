"""The routes of the settings."""

from typing import Final

from litestar import get, put
from litestar.handlers import HTTPRouteHandler
from litestar.params import JSONBody

from core.http.injected import Injected
from core.unit_of_work import UnitOfWork
from plugins.verification.stub.rules.chaos import ChaosSettings
from plugins.verification.stub.schemas.settings import SettingsOut
from plugins.verification.stub.service import settings as service
from ports.storage import Storage


@get("/settings", summary="Show what happens to every request")
async def show_settings(storage: Injected[Storage]) -> SettingsOut:
    """Return the delay of every answer, and how often which faults strike."""
    return await service.show(storage)


@put("/settings", summary="Delay every answer, or have some fail")
async def put_settings(data: JSONBody[ChaosSettings], uow: Injected[UnitOfWork]) -> SettingsOut:
    """Replace the settings; a seed has each process play its sequence of faults from the start."""
    return await service.put(uow, data)


SETTINGS_ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (show_settings, put_settings)
