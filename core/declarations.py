"""Everything that the plugins declare, collected once at start, checked against one another, and frozen."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import click
import msgspec
from litestar import Router
from litestar.enums import HttpMethod
from litestar.types import ControllerRouterHandler

from core.adapters import AdapterDeclaration
from core.auth import Authenticator
from core.faults import ConfigurationFault
from core.http.health import HealthCheck
from core.http.problems import ProblemType
from core.injection import Services, unknown_names
from core.jobs.declare import Job
from core.jobs.faults import declaration_faults
from core.migrations import History
from core.plugins import Plugin, PluginSet

AuthenticatorMaker = Callable[[Services], Authenticator]
Lifespan = Callable[[Services], AbstractAsyncContextManager[None]]


class Declarations(msgspec.Struct, frozen=True, kw_only=True):
    """What the enabled plugins declare, the core's own features among them; `routes` and `commands` by plugin."""

    routes: Sequence[tuple[Plugin, Sequence[ControllerRouterHandler]]]
    jobs: Sequence[Job[Any]]
    adapters: Sequence[AdapterDeclaration]
    histories: Sequence[History]
    commands: Sequence[tuple[Plugin, Sequence[click.Command]]]
    health_checks: Sequence[HealthCheck]
    templates: Sequence[tuple[str, Path]]
    authenticators: dict[str, AuthenticatorMaker]
    lifespans: Sequence[Lifespan]
    problems: Sequence[ProblemType]


class Collector:
    """Calls each hook once and notes what is declared twice or cannot be."""

    def __init__(self, plugins: PluginSet, source: str, faults: list[ConfigurationFault]) -> None:
        self._plugins = plugins
        self._source = source
        self._faults = faults

    def collect(self) -> Declarations:
        """Return the declarations of every plugin that is still in the set afterwards."""
        schemas = {plugin.name: schema for plugin, schema in self._plugins.collect("register_tables")}
        self._unique("Postgres schema", schemas.items())
        folders = list(self._plugins.collect("register_migrations"))
        return Declarations(
            routes=self._routes(),
            jobs=self._jobs(),
            adapters=self._flat("register_adapters", "adapter", lambda adapter: f"{adapter.port}.{adapter.name}"),
            histories=[History(plugin.name, schemas.get(plugin.name, plugin.name), path) for plugin, path in folders],
            commands=list(self._plugins.collect("register_commands")),
            health_checks=self._flat("register_health_checks", "health check", lambda check: check.name),
            templates=[(plugin.name, path) for plugin, path in self._plugins.collect("register_templates")],
            authenticators=self._authenticators(),
            lifespans=self._flat("register_lifespan"),
            problems=self._flat("register_problems", "problem", lambda problem: problem.code),
        )

    def check_job_parameters(self, jobs: Iterable[Job[Any]], ports: set[str]) -> None:
        """Note each parameter of a job that nothing can be handed for."""
        for job in jobs:
            for name in unknown_names(job, ports):
                self._fault(job.name, f"its parameter {name!r} is neither a service nor a bound port")

    def _routes(self) -> list[tuple[Plugin, Sequence[ControllerRouterHandler]]]:
        declared = list(self._plugins.collect("register_routes"))
        self._unique("route", [(plugin.name, route) for plugin, handlers in declared for route in routes_of(handlers)])
        return declared

    def _jobs(self) -> list[Job[Any]]:
        declared = [*self._plugins.collect("register_jobs"), *self._plugins.collect("register_subscribers")]
        for plugin, jobs in declared:
            for job in jobs:
                for fault in declaration_faults(job, plugin.name):
                    self._fault(f"plugins.{plugin.name}", fault)
        self._unique("job", [(plugin.name, job.name) for plugin, jobs in declared for job in jobs])
        return [job for _, jobs in declared for job in jobs]

    def _authenticators(self) -> dict[str, AuthenticatorMaker]:
        declared = list(self._plugins.collect("register_authenticators"))
        self._unique("credential kind", [(plugin.name, kind) for plugin, makers in declared for kind in makers])
        return {kind: maker for _, makers in declared for kind, maker in makers.items()}

    def _flat(self, hook: str, what: str = "", key: Callable[[Any], str] = str) -> list[Any]:
        declared = list(self._plugins.collect(hook))
        if what:
            self._unique(what, [(plugin.name, key(item)) for plugin, items in declared for item in items])
        return [item for _, items in declared for item in items]

    def _unique(self, what: str, named: Iterable[tuple[str, str]]) -> None:
        owners: dict[str, list[str]] = {}
        for plugin, name in named:
            owners.setdefault(name, []).append(plugin)
        for name, plugins in owners.items():
            if len(plugins) > 1:
                self._fault(name, f"the {what} {name!r} is declared more than once: by {', '.join(plugins)}")

    def _fault(self, key: str, message: str) -> None:
        self._faults.append(ConfigurationFault(self._source, key, message))


def routes_of(handlers: Sequence[ControllerRouterHandler]) -> Iterator[str]:
    """Yield method and path of every HTTP route among `handlers`."""
    for route in Router(path="/", route_handlers=list(handlers)).routes:
        for method in getattr(route, "methods", ()):
            if method != HttpMethod.OPTIONS:
                yield f"{method} {route.path}"
