"""The core's own features, registered through the same hooks as everybody else's; its settings are the whole Config."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from litestar.types import ControllerRouterHandler

from core import adapters
from core.adapters import AdapterDeclaration
from core.auth import PUBLIC, Authenticator, scope
from core.authentication import admin_key_authenticator
from core.config import Config
from core.hookspecs import hookimpl
from core.http import health, idempotency, problem_pages, problem_types, rate_store, service
from core.http.console.guard import TEMPLATES
from core.http.console.pages import console_routes
from core.http.console.sessions import console_authenticator, prune_console_sessions
from core.http.health import HealthCheck
from core.http.jobs import jobs_routes
from core.http.problems import ProblemType
from core.http.slow_readers import cutting_slow_readers
from core.injection import Services
from core.jobs.declare import Job
from core.keys import admin_key
from core.manifest import PluginManifest
from core.migrations import ENVIRONMENT
from core.starting import ending_with_the_supervisor
from core.telemetry import metrics
from core.telemetry.siblings import sharing

manifest: Final = PluginManifest(
    name="core",
    version="0.1.0",
    summary="Health, problems, metrics, the console and the queue's own upkeep",
    settings=Config,
)


@hookimpl
def register_adapters() -> Sequence[AdapterDeclaration]:
    """Offer the adapters that come with the framework."""
    return adapters.BUILT_IN


@hookimpl
def register_routes(settings: Config) -> Sequence[ControllerRouterHandler]:
    """Serve the console, health, the index, the queue, the pages of problems, and metrics (open in development)."""
    access = scope("metrics:read") if settings.is_production else PUBLIC
    routers: list[ControllerRouterHandler] = [console_routes(), jobs_routes()]
    return [*routers, *health.ROUTES, *service.ROUTES, *problem_pages.ROUTES, metrics.route(access)]


@hookimpl
def register_problems() -> Sequence[ProblemType]:
    """Document the problems that the core itself answers with."""
    return problem_types.ALL


@hookimpl
def register_jobs() -> Sequence[Job[Any]]:
    """Prune what is kept for a while only."""
    return [idempotency.prune_idempotency_keys, rate_store.prune_rate_limits, prune_console_sessions]


@hookimpl
def register_tables() -> str:
    """Name the schema of jobs, idempotency keys, rate limits and the console's sessions."""
    from core.http import tables as http_tables  # noqa: F401 - importing it declares them
    from core.jobs import tables as job_tables  # noqa: F401

    return "core"


@hookimpl
def register_migrations() -> Path:
    """Point to the core's own history."""
    return ENVIRONMENT / "core"


@hookimpl
def register_authenticators(settings: Config) -> dict[str, Callable[[Services], Authenticator]]:
    """Accept the admin key in X-API-Key, and the console's sessions."""
    return {
        "api_key": lambda _: admin_key_authenticator(admin_key(settings)),
        "console": console_authenticator,
    }


@hookimpl
def register_templates() -> Path:
    """Point to the console's templates."""
    return TEMPLATES


@hookimpl
def register_health_checks() -> Sequence[HealthCheck]:
    """Ask after the database and its migrations."""
    return [
        HealthCheck("database", lambda services: services.storage.ping()),
        HealthCheck("migrations", _require_current_migrations),
    ]


@hookimpl
def register_lifespan() -> Sequence[Callable[[Services], AbstractAsyncContextManager[None]]]:
    """Watch the loop, slow readers and the supervising process, and share counts, while the application runs."""
    return [_watching_the_loop, _sharing_metrics, ending_with_the_supervisor, cutting_slow_readers]


async def _require_current_migrations(services: Services) -> None:
    if behind := await services.migrator.behind():
        raise RuntimeError(f"migrations are due for {', '.join(behind)}: run `hexastar database upgrade`")


def _sharing_metrics(services: Services) -> AbstractAsyncContextManager[None]:
    """Let the other processes of this server answer for this one's counts."""
    return sharing(services.metrics.registry)


@asynccontextmanager
async def _watching_the_loop(services: Services) -> AsyncIterator[None]:
    """Measure how late the event loop wakes its sleepers, while the application runs."""
    task = asyncio.create_task(services.metrics.watch_loop(), name="hexastar-loop-watch")
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
