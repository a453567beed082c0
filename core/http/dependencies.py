"""How the services of the application reach handlers and their dependencies.

Litestar awaits a provider for each dependency, and resolves those that do not need one another in tasks of their own.
Ours are mostly attributes of objects that are there already, so that each cost more than reading it thousandfold: 6 µs
for each in turn, 40 µs in a group of tasks. So services are put among a request's values before anything is awaited,
and the dependencies that remain are awaited one after the other.
"""

from collections.abc import Callable
from typing import Any, Final

from litestar import Litestar
from litestar.connection import ASGIConnection
from litestar.di import Provide
from litestar.routes import HTTPRoute

Connection = ASGIConnection[Any, Any, Any, Any]


class Service(Provide):
    """Provides what a function of the connection returns at once."""

    def __init__(self, find: Callable[[Connection], Any]) -> None:
        self.find: Final = find
        super().__init__(lambda: None, sync_to_thread=False)


def hand_out_services(app: Litestar) -> None:
    """Let each handler of `app` find its services among its values, and await other dependencies in turn."""
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            for _, kwargs in route.route_handler_map.values():
                ordered = [each for batch in kwargs.dependency_batches for each in sorted(batch, key=_by_key)]
                services = {each.key: each.provide.find for each in ordered if isinstance(each.provide, Service)}
                kwargs.dependency_batches = [{each} for each in ordered if each.key not in services]
                if services:
                    kwargs.extractors.append(_handing_out(services))


def _handing_out(services: dict[str, Callable[[Connection], Any]]) -> Any:
    async def hand_out(values: dict[str, Any], connection: Connection) -> None:
        for name, find in services.items():
            values[name] = find(connection)

    return hand_out


def _by_key(dependency: object) -> str:
    return str(getattr(dependency, "key", ""))
