"""Plugins: found, imported, ordered, and asked once for what they declare.

A plugin's name is looked up in three places: the package `plugins` of this project, the entry points of the group
`hexastar.plugins`, and, where the name holds a dot, as the path of a module. Only enabled plugins are imported.
"""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from types import ModuleType
from typing import Any, Final

import msgspec
import pluggy

from core import hookspecs
from core.config import Config
from core.config.sections import SectionReader
from core.declared_types import require_type
from core.faults import ConfigurationFault, did_you_mean, one_line
from core.manifest import PluginManifest

ENTRY_POINT_GROUP: Final = "hexastar.plugins"
HOME: Final = "plugins"
NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""What a plugin may be called: its name is a schema in Postgres and a part of the names of jobs and tables."""


class Plugin(msgspec.Struct, frozen=True, kw_only=True):
    """An enabled plugin: its manifest, its module and its decoded settings."""

    manifest: PluginManifest
    module: Any
    settings: msgspec.Struct

    @property
    def name(self) -> str:
        """The plugin's name."""
        return self.manifest.name


class Skipped(msgspec.Struct, frozen=True):
    """A plugin that was left out under `on_failure = "skip"`, and why."""

    name: str
    reason: str


class PluginSet:
    """The enabled plugins in the order of their requirements, and their hooks. Belongs to one application."""

    def __init__(self, config: Config, environ: Mapping[str, str], faults: list[ConfigurationFault]) -> None:
        self._config = config
        self._faults = faults
        self._reader = SectionReader(config.source, environ, faults)
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        self._plugins: list[Plugin] = []
        self.skipped: list[Skipped] = []

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """The plugins, each after those that it requires."""
        return tuple(self._plugins)

    def add(self, manifest: PluginManifest, module: ModuleType, settings: msgspec.Struct) -> None:
        """Add a plugin that the configuration does not list: the core's own features."""
        self._register(Plugin(manifest=manifest, module=module, settings=settings))

    def load(self) -> None:
        """Find, import, check and order what the configuration enables; note every fault."""
        found = {}
        for name in self._config.enabled:
            module = self._import(name)
            manifest = self._manifest(name, module) if module is not None else None
            if manifest is not None and manifest.name in found:
                message = f"{name!r} is called {manifest.name!r}, as is another enabled plugin"
                self._fault("plugins.enabled", message, "enable one of them")
            elif manifest is not None:
                found[manifest.name] = (manifest, module)
        self._check_sections(found)
        for name in self._ordered({name: manifest for name, (manifest, _) in found.items()}):
            manifest, module = found[name]
            section = self._config.plugin_sections.get(name, {})
            settings = self._reader.read(manifest.settings, section, f"plugins.{name}")
            if settings is not None:
                settled = _settled(settings, self._config.profile)
                self._register(Plugin(manifest=manifest, module=module, settings=settled))

    def collect(self, hook: str, check: Callable[[Plugin, Any], object] | None = None) -> Iterator[tuple[Plugin, Any]]:
        """Call `hook` on each plugin that implements it and yield what it declares.

        A plugin whose hook raises, returns something else than its specification says, or returns what `check` raises
        on, is a fault, or is dropped together with its dependents under `on_failure = "skip"`.
        """
        expected = inspect.signature(getattr(hookspecs, hook)).return_annotation
        implementations = {
            implementation.plugin_name: implementation
            for implementation in getattr(self._manager.hook, hook).get_hookimpls()
        }
        for plugin in self.plugins:
            implementation = implementations.get(plugin.name)
            if implementation is None or plugin not in self._plugins:
                continue
            arguments = {"settings": plugin.settings}
            try:
                declared = implementation.function(**{name: arguments[name] for name in implementation.argnames})
                require_type(declared, expected)
                if check is not None:
                    check(plugin, declared)
            except Exception as error:  # noqa: BLE001 - whatever a plugin raises is that plugin's fault
                self._failed(plugin.name, f"its hook {hook} failed: {one_line(error)}")
            else:
                yield plugin, declared

    def available(self) -> dict[str, str]:
        """Return every plugin that could be enabled by name, with where it comes from."""
        home = {name: f"{HOME}.{name}" for name in sorted(self._at_home)}
        return home | {point.name: point.value for point in self._entry_points}

    def hooks_of(self, plugin: Plugin) -> list[str]:
        """Return the names of the hooks that `plugin` implements."""
        return [caller.name for caller in self._manager.get_hookcallers(plugin.module) or ()]

    def _register(self, plugin: Plugin) -> None:
        try:
            self._manager.register(plugin.module, plugin.name)
        except (pluggy.PluginValidationError, ValueError) as error:
            self._failed(plugin.name, f"its hooks cannot be registered: {one_line(error)}")
            return
        self._plugins.append(plugin)
        for caller in self._manager.get_hookcallers(plugin.module) or ():
            if not caller.has_spec():
                specified = [name for name in vars(hookspecs) if name.startswith("register_")]
                message = f"the plugin {plugin.name!r} implements an unknown hook {caller.name!r}"
                self._fault(f"plugins.{plugin.name}", message, did_you_mean(caller.name, specified))

    def _import(self, name: str) -> ModuleType | None:
        try:
            return self._find(name)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever importing a plugin raises is that plugin's fault
            self._failed(name, f"it cannot be imported: {one_line(error)}")
            return None

    def _find(self, name: str) -> ModuleType | None:
        points = [point for point in self._entry_points if point.name == name]
        at_home = name in self._at_home
        if at_home + len(points) > 1:
            self._fault("plugins.enabled", f"{name!r} is provided more than once", "uninstall one, or use its path")
        if at_home:
            return importlib.import_module(f"{HOME}.{name}")
        if points:
            loaded = points[0].load()
            return loaded if isinstance(loaded, ModuleType) else importlib.import_module(points[0].module)
        if "." in name:
            return importlib.import_module(name)
        self._fault("plugins.enabled", f"there is no plugin {name!r}", did_you_mean(name, self.available()))
        return None

    def _manifest(self, name: str, module: ModuleType) -> PluginManifest | None:
        manifest = getattr(module, "manifest", None)
        if not isinstance(manifest, PluginManifest):
            self._failed(name, "its package holds no `manifest`, a core.manifest.PluginManifest")
            return None
        if "." not in name and manifest.name != name:
            self._failed(name, f"its manifest names it {manifest.name!r}")
            return None
        if fault := manifest.fault():
            self._failed(name, f"its manifest is faulty: {fault}")
            return None
        if not NAME.fullmatch(manifest.name) or manifest.name == "core":
            self._failed(name, f"its manifest names it {manifest.name!r}, which is not a lower-case word of its own")
            return None
        return manifest

    def _check_sections(self, found: Mapping[str, Any]) -> None:
        known = {*found, *self._config.enabled}
        for name in self._config.plugin_sections:
            if name not in known and name not in self.available():
                message = "configures a plugin that does not exist"
                self._fault(f"plugins.{name}", message, did_you_mean(name, [*known, *self.available()]))

    def _ordered(self, manifests: Mapping[str, PluginManifest]) -> list[str]:
        """Sort by requirements, otherwise by the order of the file; leave out what cannot be satisfied."""
        ordered: list[str] = []
        waiting = [name for name, manifest in manifests.items() if self._satisfiable(manifest, manifests)]
        while waiting:
            ready = next((n for n in waiting if all(r in ordered for r in manifests[n].requires)), None)
            if ready is None:
                self._unresolved(waiting, manifests)
                break
            ordered.append(ready)
            waiting.remove(ready)
        return ordered

    def _satisfiable(self, manifest: PluginManifest, manifests: Mapping[str, PluginManifest]) -> bool:
        skipped = {plugin.name for plugin in self.skipped}
        missing = [name for name in manifest.requires if name not in manifests]
        for name in missing:
            if name in skipped:
                self._failed(manifest.name, f"it requires {name!r}, which was skipped")
            else:
                hint = f"add {name!r} to plugins.enabled"
                self._fault(f"plugins.{manifest.name}", f"requires the plugin {name!r}, which is not enabled", hint)
        return not missing

    def _unresolved(self, waiting: list[str], manifests: Mapping[str, PluginManifest]) -> None:
        cycle = _cycle(waiting, manifests)
        if cycle:
            self._fault(
                "plugins.enabled", f"these plugins require one another: {' -> '.join(cycle)}", "break the circle"
            )
            return
        for name in waiting:
            absent = next(required for required in manifests[name].requires if required not in waiting)
            self._failed(name, f"it requires {absent!r}, which could not be loaded")

    def _failed(self, name: str, reason: str) -> None:
        if self._config.on_failure == "skip":
            self._drop(name, reason)
        else:
            self._fault(f"plugins.{name}", reason, 'fix it, disable it, or set plugins.on_failure = "skip"')

    def _drop(self, name: str, reason: str) -> None:
        self.skipped.append(Skipped(name, reason))
        for plugin in [plugin for plugin in self._plugins if plugin.name == name]:
            self._manager.unregister(plugin.module)
            self._plugins.remove(plugin)
        for dependent in [plugin for plugin in self._plugins if name in plugin.manifest.requires]:
            self._drop(dependent.name, f"it requires {name!r}, which was skipped")

    def _fault(self, key: str, message: str, hint: str = "") -> None:
        self._faults.append(ConfigurationFault(self._config.source, key, message, hint))

    @cached_property
    def _at_home(self) -> frozenset[str]:
        home = importlib.import_module(HOME)
        return frozenset(module.name for module in pkgutil.iter_modules(home.__path__))

    @cached_property
    def _entry_points(self) -> tuple[EntryPoint, ...]:
        return tuple(entry_points(group=ENTRY_POINT_GROUP))


def _settled(settings: msgspec.Struct, profile: str) -> msgspec.Struct:
    """Let settings whose defaults depend on the profile fill them in."""
    settle = getattr(settings, "in_profile", None)
    return settings if settle is None else settle(profile)


def _cycle(names: list[str], manifests: Mapping[str, PluginManifest]) -> list[str]:
    """Return one circle of requirements among `names`, its first name repeated at the end, or nothing."""
    for start in names:
        path = [start]
        while True:
            following = next((required for required in manifests[path[-1]].requires if required in names), None)
            if following is None:
                break
            if following in path:
                return [*path[path.index(following) :], following]
            path.append(following)
    return []
