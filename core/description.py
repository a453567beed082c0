"""A composition, told to those who watch the application: the console and the health checks."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from core.composition import Composition
from core.http.console.deployment import Deployment, PluginFacts, PortFacts, SkippedFacts
from core.http.health import HealthCheck
from core.injection import Services

_STORAGE_CHECK: Final = "database"
"""The core's own check pings the storage under this name."""


def describe(composition: Composition) -> Deployment:
    """Return what the console shows of `composition`."""
    plugins = composition.plugins
    return Deployment(
        profile=composition.config.profile,
        plugins=tuple(
            PluginFacts(plugin.name, plugin.manifest.version, plugin.manifest.summary, tuple(plugins.hooks_of(plugin)))
            for plugin in plugins.plugins
        ),
        skipped=tuple(SkippedFacts(skipped.name, skipped.reason) for skipped in plugins.skipped),
        ports=tuple(
            PortFacts(
                port,
                binding.adapter.name,
                binding.adapter.embedded,
                port not in composition.optional_ports,
                _STORAGE_CHECK if port == "storage" else port,
            )
            for port, binding in composition.bindings.items()
        ),
    )


def health_checks(composition: Composition) -> list[HealthCheck]:
    """Return every check: those that plugins declare, a ping of each bound port, and whether all plugins are here.

    A plugin's own check of a port's name stands in for the ping.
    """
    declared = composition.declarations.health_checks
    names = {check.name for check in declared}
    implied = [*_pings(composition), *_completeness(composition)]
    return [*declared, *(check for check in implied if check.name not in names)]


def _pings(composition: Composition) -> Iterator[HealthCheck]:
    for port in composition.bindings:
        if port != "storage":
            yield HealthCheck(port, partial(_ping, port), required=port not in composition.optional_ports)


async def _ping(port: str, services: Services) -> None:
    await services.ports[port].ping()


def _completeness(composition: Composition) -> Iterator[HealthCheck]:
    skipped = ", ".join(skipped.name for skipped in composition.plugins.skipped)

    async def complain(_services: Services) -> None:
        raise RuntimeError(f"these plugins were skipped at start: {skipped}")

    if skipped:
        yield HealthCheck("plugins", complain, required=False)
