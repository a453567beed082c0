"""Looking at a deployment without serving it: `check`, `plugins`, `ports`."""

import click

from core.cli.deployment import assembled, composed
from core.composition import Composition


@click.command
def check() -> None:
    """Check the configuration: exit 0 where it can be served, else 78 with every fault."""
    composition = assembled().state.composition  # what is wrong with routes shows only when they are put together
    names = ", ".join(composition.config.enabled) or "none"
    click.echo(f"{composition.config.source} is sound: profile {composition.config.profile}, plugins {names}.")
    for skipped in composition.plugins.skipped:
        click.echo(f"  skipped {skipped.name}: {skipped.reason}")


@click.command
def plugins() -> None:
    """List the plugins: enabled ones with version and hooks, the others with where they come from."""
    composition = composed()
    for plugin in composition.plugins.plugins:
        manifest = plugin.manifest
        click.echo(f"on       {manifest.name} {manifest.version}: {manifest.summary}")
        click.echo(f"         hooks: {', '.join(composition.plugins.hooks_of(plugin))}")
    for skipped in composition.plugins.skipped:
        click.echo(f"skipped  {skipped.name}: {skipped.reason}")
    for name, origin in composition.plugins.available().items():
        if name not in composition.config.enabled:
            click.echo(f"off      {name} ({origin})")


@click.command
def ports() -> None:
    """List the ports: which adapter serves each, and which others could."""
    composition = composed()
    for port in composition.registry.ports():
        click.echo(f"{port}: {_binding(composition, port)}")


def _binding(composition: Composition, port: str) -> str:
    others = list(composition.registry.of(port))
    binding = composition.bindings.get(port)
    if binding is None:
        return f"not needed (adapters: {', '.join(others)})"
    others.remove(binding.adapter.name)
    kind = ", embedded" if binding.adapter.embedded else ""
    return f"{binding.adapter.name}{kind}" + (f" (or {', '.join(others)})" if others else "")
