"""The whole extension surface: every hook that a plugin can implement.

Hooks are synchronous and return declarations. They are called once, at start, in the order of the plugins'
requirements; what they return is validated, collected and frozen. No hook is called per request. Each receives
`settings`, the plugin's own section of plugins.toml decoded into its Struct, and may leave the argument out.

    from core.hookspecs import hookimpl

    @hookimpl
    def register_jobs(settings: Settings) -> list[Job]:
        return [send_notification]
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

import click
import msgspec
import pluggy
from litestar.types import ControllerRouterHandler

from core.adapters import AdapterDeclaration
from core.auth import Authenticator
from core.http.health import HealthCheck
from core.http.problems import ProblemType
from core.injection import Services
from core.jobs.declare import Job

PROJECT: Final = "hexastar"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_routes(settings: msgspec.Struct) -> Sequence[ControllerRouterHandler]:
    """Return Litestar handlers, controllers or routers with absolute paths; each route declares its access."""
    raise AssertionError(settings)


@hookspec
def register_jobs(settings: msgspec.Struct) -> Sequence[Job[Any]]:
    """Return the background jobs, scheduled ones included; each name begins with the plugin's and a dot."""
    raise AssertionError(settings)


@hookspec
def register_subscribers(settings: msgspec.Struct) -> Sequence[Job[Any]]:
    """Return the jobs that run when a domain event is published."""
    raise AssertionError(settings)


@hookspec
def register_tables(settings: msgspec.Struct) -> str:
    """Import the table modules and return the name of the Postgres schema that they live in."""
    raise AssertionError(settings)


@hookspec
def register_migrations(settings: msgspec.Struct) -> Path:
    """Return the folder of this plugin's own migration history."""
    raise AssertionError(settings)


@hookspec
def register_adapters(settings: msgspec.Struct) -> Sequence[AdapterDeclaration]:
    """Return the adapters that plugins.toml may bind to a port; nothing of theirs is imported until one is bound."""
    raise AssertionError(settings)


@hookspec
def register_commands(settings: msgspec.Struct) -> Sequence[click.Command]:
    """Return commands; they appear as `litestar <plugin> <command>`."""
    raise AssertionError(settings)


@hookspec
def register_health_checks(settings: msgspec.Struct) -> Sequence[HealthCheck]:
    """Return checks for readiness, each required or merely reported."""
    raise AssertionError(settings)


@hookspec
def register_templates(settings: msgspec.Struct) -> Path:
    """Return the folder of this plugin's page templates; they are loaded as `<plugin>/<file>`."""
    raise AssertionError(settings)


@hookspec
def register_authenticators(settings: msgspec.Struct) -> dict[str, Callable[[Services], Authenticator]]:
    """Return makers of authenticators by the kind of credential that they judge (`bearer`, `session`, `api_key`)."""
    raise AssertionError(settings)


@hookspec
def register_lifespan(
    settings: msgspec.Struct,
) -> Sequence[Callable[[Services], AbstractAsyncContextManager[None]]]:
    """Return async context managers, entered in the order of requirements at start and closed in reverse."""
    raise AssertionError(settings)


@hookspec
def register_problems(settings: msgspec.Struct) -> Sequence[ProblemType]:
    """Return the kinds of problem that this plugin answers with; their pages appear under `/problems/<code>`."""
    raise AssertionError(settings)
