"""Everything that the plugins declare, collected once at start, checked against one another, and frozen."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from litestar import Router
from litestar.enums import HttpMethod
from litestar.types import ControllerRouterHandler

from core import hookspecs
from core.adapters import AdapterDeclaration
from core.auth import Authenticator
from core.faults import ConfigurationFault
from core.http.health import HealthCheck
from core.http.problems import ProblemType
from core.injection import Services, unknown_names
from core.jobs.declare import Job
from core.jobs.faults import declaration_faults
from core.migrations import History
from core.plugins import NAME, Plugin, PluginSet

AuthenticatorMaker = Callable[[Services], Authenticator]
Lifespan = Callable[[Services], AbstractAsyncContextManager[None]]


class Declarations(msgspec.Struct, frozen=True, kw_only=True):
    """What the enabled plugins declare, the core's own features among them; some of it by plugin."""

    routes: Sequence[tuple[Plugin, Sequence[ControllerRouterHandler]]]
    jobs: Sequence[Job[Any]]
    adapters: Sequence[AdapterDeclaration]
    histories: Sequence[History]
    commands: Sequence[tuple[Plugin, Sequence[click.Command]]]
    health_checks: Sequence[HealthCheck]
    templates: Sequence[tuple[str, Path]]
    authenticators: dict[str, AuthenticatorMaker]
    lifespans: Sequence[tuple[Plugin, Lifespan]]
    problems: Sequence[ProblemType]


PARAMETER: Final = re.compile(r"\{[^{}:]*:")
"""The beginning of a path parameter, up to its type."""


class Collector:
    """Calls each hook once and notes what is declared twice or cannot be."""

    def __init__(self, plugins: PluginSet, source: str, faults: list[ConfigurationFault]) -> None:
        self._plugins = plugins
        self._source = source
        self._faults = faults
        self._declared: dict[str, list[tuple[Plugin, Any]]] = {}

    def collect(self) -> Declarations:
        """Return the declarations of every plugin that is still in the set when all hooks have been called."""
        found = {hook: list(self._plugins.collect(hook, CHECKS.get(hook))) for hook in HOOKS}
        kept = {plugin.name for plugin in self._plugins.plugins}
        self._declared = {
            hook: [(plugin, declared) for plugin, declared in declarations if plugin.name in kept]
            for hook, declarations in found.items()
        }
        schemas = {plugin.name: schema for plugin, schema in self._declared["register_tables"]}
        self._unique("Postgres schema", schemas.items())
        folders = self._declared["register_migrations"]
        return Declarations(
            routes=self._routes(),
            jobs=self._jobs(),
            adapters=self._flat("register_adapters", "adapter", lambda adapter: f"{adapter.port}.{adapter.name}"),
            histories=[History(plugin.name, schemas.get(plugin.name, plugin.name), path) for plugin, path in folders],
            commands=self._declared["register_commands"],
            health_checks=self._flat("register_health_checks", "health check", lambda check: check.name),
            templates=[(plugin.name, path) for plugin, path in self._declared["register_templates"]],
            authenticators=self._authenticators(),
            lifespans=[(plugin, item) for plugin, items in self._declared["register_lifespan"] for item in items],
            problems=self._flat("register_problems", "problem", lambda problem: problem.code),
        )

    def check_job_parameters(self, jobs: Iterable[Job[Any]], ports: set[str]) -> None:
        """Note each parameter of a job that nothing can be handed for."""
        for job in jobs:
            for name in unknown_names(job, ports):
                self._fault(job.name, f"its parameter {name!r} is neither a service nor a bound port")

    def _routes(self) -> list[tuple[Plugin, Sequence[ControllerRouterHandler]]]:
        declared = self._declared["register_routes"]
        self._unique("route", [(plugin.name, route) for plugin, handlers in declared for route in routes_of(handlers)])
        return declared

    def _jobs(self) -> list[Job[Any]]:
        declared = [*self._declared["register_jobs"], *self._declared["register_subscribers"]]
        for plugin, jobs in declared:
            for job in jobs:
                for fault in declaration_faults(job, plugin.name):
                    self._fault(f"plugins.{plugin.name}", fault)
        self._unique("job", [(plugin.name, job.name) for plugin, jobs in declared for job in jobs])
        return [job for _, jobs in declared for job in jobs]

    def _authenticators(self) -> dict[str, AuthenticatorMaker]:
        declared = self._declared["register_authenticators"]
        self._unique("credential kind", [(plugin.name, kind) for plugin, makers in declared for kind in makers])
        return {kind: maker for _, makers in declared for kind, maker in makers.items()}

    def _flat(self, hook: str, what: str, key: Callable[[Any], str]) -> list[Any]:
        declared = self._declared[hook]
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
    """Yield method and path of every HTTP route among `handlers`; what a parameter is called makes no other path."""
    for route in Router(path="/", route_handlers=list(handlers)).routes:
        for method in getattr(route, "methods", ()):
            if method != HttpMethod.OPTIONS:
                yield f"{method} {PARAMETER.sub('{', route.path)}"


def _require_routes(_plugin: Plugin, handlers: Sequence[ControllerRouterHandler]) -> None:
    list(routes_of(handlers))


def _require_history(plugin: Plugin, folder: Path) -> None:
    _require_folder(plugin, folder)
    History(plugin.name, plugin.name, folder).head()


def _require_schema(_plugin: Plugin, schema: str) -> None:
    if not NAME.fullmatch(schema):
        raise ValueError(f"{schema!r} is no name for a schema")


def _require_folder(_plugin: Plugin, folder: Path) -> None:
    if not folder.is_dir():
        raise NotADirectoryError(f"there is no folder {folder}")


def _require_jobs(plugin: Plugin, jobs: Sequence[Job[Any]]) -> None:
    for job in jobs:
        declaration_faults(job, plugin.name)  # raises where an argument has another type altogether


def _require_commands(plugin: Plugin, commands: Sequence[click.Command]) -> None:
    if plugin.name in COMMANDS:
        raise ValueError(f"`hexastar {plugin.name}` is a command of the core")
    names = [command.name for command in commands]
    if len(names) > len(set(names)):
        raise ValueError(f"two commands have the same name: {', '.join(sorted(map(str, names)))}")


COMMANDS: Final = frozenset(
    {
        "check",
        "database",
        "info",
        "jobs",
        "plugins",
        "ports",
        "routes",
        "run",
        "schema",
        "sessions",
        "version",
        "workers",
    }
)
"""The core's commands and Litestar's."""

HOOKS: Final = tuple(name for name in vars(hookspecs) if name.startswith("register_"))
CHECKS: Final[dict[str, Callable[[Plugin, Any], None]]] = {
    "register_routes": _require_routes,
    "register_jobs": _require_jobs,
    "register_subscribers": _require_jobs,
    "register_tables": _require_schema,
    "register_commands": _require_commands,
    "register_templates": _require_folder,
    "register_migrations": _require_history,
}
"""What to ask of a hook's answer beyond its type."""
