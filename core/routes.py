"""The plugins' routes: how they are taken in, and which cannot be."""

from collections.abc import Sequence

from litestar import Litestar, Router
from litestar.di import Provide
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.types import ControllerRouterHandler

from core.auth import Access
from core.composition import Composition
from core.faults import ConfigurationError, ConfigurationFault, one_line
from core.http.admission import admit
from core.http.body import StrictRequest
from core.http.dependencies import Service
from core.http.recording import RecordedResponse
from core.plugins import Plugin


def plugin_routers(composition: Composition) -> list[Router]:
    """Return a router for each plugin that has routes."""
    return [_router(plugin, handlers) for plugin, handlers in composition.declarations.routes]


def _router(plugin: Plugin, handlers: Sequence[ControllerRouterHandler]) -> Router:
    """Wrap a plugin's routes: its settings are what its handlers mean by `settings`, and its name labels them."""
    return Router(
        path="/",
        route_handlers=list(handlers),
        dependencies={"settings": Service(lambda _connection: plugin.settings)},
        opt={"plugin": plugin.name},
    )


def blame_plugins(composition: Composition, dependencies: dict[str, Provide]) -> None:
    """Find out whose routes Litestar could not serve; nothing happens where each plugin's can be by themselves.

    Raises:
        ConfigurationError: in the name of each plugin whose routes cannot be served.
    """
    faults = []
    for plugin, handlers in composition.declarations.routes:
        if plugin.name != "core":
            try:
                Litestar(route_handlers=[_router(plugin, handlers)], dependencies=dependencies, openapi_config=None)
            except Exception as error:  # noqa: BLE001 - whatever is wrong with a plugin's routes is its fault
                message = f"its routes cannot be served: {one_line(error)}"
                faults.append(ConfigurationFault(composition.config.source, f"plugins.{plugin.name}", message))
    if faults:
        raise ConfigurationError(faults)


def check_routes(app: Litestar, source: str) -> None:
    """Refuse routes that declare no access, and layers that replace what every request has to pass.

    Raises:
        ConfigurationError: with every such route; `source` is where the configuration comes from.
    """
    faults = []
    for route in app.routes:
        for method, (handler, _) in getattr(route, "route_handler_map", {}).items():
            name = f"{method} {route.path}"
            if method != HttpMethod.OPTIONS and not isinstance(handler.opt.get("access"), Access):
                hint = "add access=… to the handler"
                faults.append(ConfigurationFault(source, name, "declares no access", hint))
            is_litestars_own = method == HttpMethod.OPTIONS and not handler.include_in_schema
            if not is_litestars_own and (replaced := _replaced(handler)):
                hint = "use a guard, a dependency or a middleware instead"
                faults.append(ConfigurationFault(source, name, f"replaces the application's {replaced}", hint))
    if faults:
        raise ConfigurationError(faults)


def _replaced(handler: HTTPRouteHandler) -> str:
    layers = {
        "before_request": handler.resolve_before_request() is admit,
        "request_class": handler.resolve_request_class() is StrictRequest,
        "response_class": handler.resolve_response_class() is RecordedResponse,
    }
    return ", ".join(name for name, kept in layers.items() if not kept)
