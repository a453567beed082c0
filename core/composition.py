"""Composing a deployment: the configuration, its plugins, what they declare, and who serves each port.

Nothing is opened here, so that commands can look at a deployment without starting it. All faults are told at once.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from core import failpoints, features
from core.adapters import AdapterRegistry, Binder, Binding
from core.config import Config, read_config
from core.config.loading import misspelt_variables
from core.config.production import Section, refused_in_production
from core.declarations import Collector, Declarations
from core.faults import ConfigurationError, ConfigurationFault
from core.jobs.declare import Job
from core.plugins import PluginSet

CORE_PORTS: Final = ("storage",)


class Composition(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment that could be started."""

    config: Config
    plugins: PluginSet
    declarations: Declarations
    registry: AdapterRegistry
    bindings: Mapping[str, Binding]
    optional_ports: frozenset[str]

    @property
    def plugin_settings(self) -> Mapping[str, msgspec.Struct]:
        """The decoded settings of every plugin, by its name."""
        return {plugin.name: plugin.settings for plugin in self.plugins.plugins}

    @property
    def jobs(self) -> Sequence[Job[Any]]:
        """Every registered job, subscribers included."""
        return self.declarations.jobs


def compose(path: str | Path | None, environ: Mapping[str, str]) -> Composition:
    """Read the configuration and compose what it says.

    Raises:
        ConfigurationError: with every fault of the file, the plugins, their settings and the adapters.
    """
    faults: list[ConfigurationFault] = []
    config = read_config(path, environ, faults)
    plugins = PluginSet(config, environ, faults)
    plugins.add(features.manifest, features, config)
    plugins.load()
    collector = Collector(plugins, config.source, faults)
    declarations = collector.collect()
    registry = AdapterRegistry(declarations.adapters)
    needed, optional = _ports(plugins, config, registry)
    bindings = Binder(config, registry, environ, faults).bind(needed)
    collector.check_job_parameters(declarations.jobs, {*needed, *optional})
    faults += misspelt_variables(config, environ)
    if config.is_production:
        faults += refused_in_production(config, _sections(plugins, bindings), environ)
    faults += failpoints.arm(environ, production=config.is_production)
    if faults:
        raise ConfigurationError(faults)
    return Composition(
        config=config,
        plugins=plugins,
        declarations=declarations,
        registry=registry,
        bindings=bindings,
        optional_ports=frozenset(optional),
    )


def _ports(plugins: PluginSet, config: Config, registry: AdapterRegistry) -> tuple[list[str], list[str]]:
    """Return the ports to bind, and which of them readiness may do without."""
    manifests = [plugin.manifest for plugin in plugins.plugins]
    required = dict.fromkeys([*CORE_PORTS, *(port for manifest in manifests for port in manifest.ports)])
    wanted = dict.fromkeys(port for manifest in manifests for port in manifest.optional_ports)
    optional = [port for port in wanted if port not in required and (port in config.ports or registry.embedded(port))]
    return [*required, *optional], optional


def _sections(plugins: PluginSet, bindings: Mapping[str, Binding]) -> list[Section]:
    sections: list[Section] = [(f"plugins.{plugin.name}", plugin.settings) for plugin in plugins.plugins]
    return sections + [(f"adapters.{port}.{b.adapter.name}", b.settings) for port, b in bindings.items()]
