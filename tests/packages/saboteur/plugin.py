"""Its hooks: any of them raises where the settings name it."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
from litestar.types import ControllerRouterHandler

from core.auth import Authenticator, Principal
from core.hookspecs import hookimpl
from core.http.health import HealthCheck
from core.injection import Services
from core.jobs.declare import Job
from core.manifest import PluginManifest
from saboteur import jobs, routes
from saboteur.ways import fail


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What goes wrong.

    Attributes:
        hook: the hook that raises; none: none does.
        start: how its lifespan fails at the start, and `stop` how at the stop; see `ways`.
        health: how its health check fails.
    """

    hook: str = ""
    start: str = ""
    stop: str = ""
    health: str = ""


manifest = PluginManifest(
    name="saboteur",
    version="1.0.0",
    summary="Fails where it is told to",
    ports=("storage", "mail"),
    settings=Settings,
)


def _declare(settings: Settings, hook: str, declared: Any) -> Any:
    if settings.hook == hook:
        raise RuntimeError(f"no {hook} today")
    return declared


@hookimpl
def register_routes(settings: Settings) -> Sequence[ControllerRouterHandler]:
    """Routes that fail as their path says."""
    return _declare(settings, "register_routes", routes.ROUTES)


@hookimpl
def register_jobs(settings: Settings) -> Sequence[Job[Any]]:
    """Jobs that fail as their payload says."""
    return _declare(settings, "register_jobs", jobs.ALL)


@hookimpl
def register_health_checks(settings: Settings) -> Sequence[HealthCheck]:
    """One check, which nobody depends on."""

    async def ask(_services: Services) -> None:
        await fail(settings.health, "the check")

    return _declare(settings, "register_health_checks", [HealthCheck("sabotage", ask, required=False)])


@hookimpl
def register_authenticators(settings: Settings) -> dict[str, Callable[[Services], Authenticator]]:
    """Bearer tokens: `fail-<way>` fails, anything else is nobody's."""

    async def judge(credential: str) -> Principal | None:
        await fail(credential.removeprefix("fail-") if credential.startswith("fail-") else "", credential)
        return None

    return _declare(settings, "register_authenticators", {"bearer": lambda _services: judge})


@hookimpl
def register_lifespan(settings: Settings) -> Sequence[Callable[[Services], AbstractAsyncContextManager[None]]]:
    """Something that is open while the application runs."""

    @asynccontextmanager
    async def opened(_services: Services) -> AsyncIterator[None]:
        await fail(settings.start, "the start")
        yield
        await fail(settings.stop, "the stop")

    return _declare(settings, "register_lifespan", [opened])
