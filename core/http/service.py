"""The service itself under `/api/v1`: its health, and an index of what it serves."""

from typing import Any, Final

import msgspec
from litestar import Litestar, Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from core.auth import PUBLIC
from core.http.health import STATE_KEY, Readiness, require_readiness

_API: Final = "/api/v1"
_UNLISTED: Final = frozenset({"OPTIONS", "HEAD"})


class IndexEntry(msgspec.Struct, frozen=True):
    """One path and what can be done with it."""

    path: str
    methods: tuple[str, ...]
    summary: str


class Index(msgspec.Struct, frozen=True):
    """What this service serves."""

    documentation: str
    data: tuple[IndexEntry, ...]


def index_of(app: Litestar) -> Index:
    """Return every documented path under `/api/v1`, read off the routes that are really there."""
    routes = [route for route in app.routes if isinstance(route, HTTPRoute) and route.path.startswith(_API)]
    entries = [_entry(route) for route in sorted(routes, key=lambda route: route.path_format)]
    return Index(documentation="/schema", data=tuple(entry for entry in entries if entry.methods))


def _entry(route: HTTPRoute) -> IndexEntry:
    documented = {
        method: handler
        for method, (handler, _) in sorted(route.route_handler_map.items())
        if method not in _UNLISTED and handler.resolve_include_in_schema()
    }
    summaries = [_first_line(handler) for handler in documented.values()]
    return IndexEntry(route.path_format, tuple(documented), next(filter(None, summaries), ""))


def _first_line(handler: HTTPRouteHandler) -> str:
    return (handler.summary or handler.fn.__doc__ or "").strip().partition("\n")[0]


@get(_API, access=PUBLIC, tags=["service"], sync_to_thread=False)
def index(request: Request[Any, Any, Any]) -> Index:
    """List what this service serves."""
    return index_of(request.app)


@get(f"{_API}/health", access=PUBLIC, tags=["service"])
async def service_health(request: Request[Any, Any, Any]) -> Readiness:
    """Say whether the service works, check by check: 503 where a required dependency is away."""
    return await require_readiness(request.app.state[STATE_KEY])


ROUTES: Final[tuple[HTTPRouteHandler, ...]] = (index, service_health)
