"""The service itself under `/api/v1`: its health, and an index of what it serves."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from litestar import Litestar, Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import QueryParameter
from litestar.routes import HTTPRoute

from core.auth import PUBLIC
from core.clock import Clock
from core.http.health import STATE_KEY, CheckResult, Health
from core.http.injected import Injected
from core.http.problem_types import UNHEALTHY

_API: Final = "/api/v1"
Verbose = Annotated[bool, QueryParameter(description="Tell how much the plugins hold, too.")]

_UNLISTED: Final = frozenset({"OPTIONS", "HEAD"})


class Endpoint(msgspec.Struct, frozen=True):
    """What can be done at one path."""

    method: str
    path: str
    summary: str


class Index(msgspec.Struct, frozen=True):
    """What this service serves."""

    name: str
    version: str
    endpoints: tuple[Endpoint, ...]


class ServiceHealth(msgspec.Struct, frozen=True):
    """How the service is. `counts` are told on request only: how much of what the plugins hold."""

    status: Literal["healthy", "degraded", "unhealthy"]
    version: str
    uptime_seconds: int
    timestamp: datetime
    checks: dict[str, CheckResult]
    counts: dict[str, int] | msgspec.UnsetType = msgspec.UNSET


def endpoints_of(app: Litestar) -> tuple[Endpoint, ...]:
    """Return every documented endpoint under `/api/v1`, read off the routes that are really there."""
    routes = [route for route in app.routes if isinstance(route, HTTPRoute) and route.path.startswith(_API)]
    return tuple(
        endpoint for route in sorted(routes, key=lambda route: route.path_format) for endpoint in _documented(route)
    )


def _documented(route: HTTPRoute) -> Iterator[Endpoint]:
    for method, (handler, _) in sorted(route.route_handler_map.items()):
        if method not in _UNLISTED and handler.resolve_include_in_schema():
            yield Endpoint(method, route.path_format, _summary(handler))


def _summary(handler: HTTPRouteHandler) -> str:
    return (handler.summary or handler.fn.__doc__ or "").strip().partition("\n")[0]


def name_and_version(app: Litestar) -> tuple[str, str]:
    """Return what the service calls itself."""
    described = app.openapi_config
    return (described.title, described.version) if described else ("", "")


@get(_API, access=PUBLIC, tags=["service"], sync_to_thread=False)
def index(request: Request[Any, Any, Any]) -> Index:
    """List what this service serves."""
    return Index(*name_and_version(request.app), endpoints_of(request.app))


@get(f"{_API}/health", access=PUBLIC, problems=(UNHEALTHY,), tags=["service"])
async def service_health(
    request: Request[Any, Any, Any],
    clock: Injected[Clock],
    verbose: Verbose = False,  # noqa: FBT002 - a query parameter
) -> ServiceHealth:
    """Say how the service is, check by check: 503 where a required dependency is away."""
    health: Health = request.app.state[STATE_KEY]
    verdict = await health.verdict()
    verdict.require(UNHEALTHY)
    return ServiceHealth(
        status=verdict.status,
        version=name_and_version(request.app)[1],
        uptime_seconds=health.uptime,
        timestamp=clock.now(),
        checks=verdict.checks,
        counts=await health.counts() if verbose else msgspec.UNSET,
    )


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (index, service_health)
