"""What the console is told of the deployment; fixed once the application has been made."""

from typing import Final

import msgspec

STATE_KEY: Final = "deployment"
"""Where the application's state holds its Deployment."""


class PluginFacts(msgspec.Struct, frozen=True):
    """An enabled plugin."""

    name: str
    version: str
    summary: str
    hooks: tuple[str, ...]


class SkippedFacts(msgspec.Struct, frozen=True):
    """A plugin that was left out, and why."""

    name: str
    reason: str


class PortFacts(msgspec.Struct, frozen=True):
    """A port and who serves it. `check` is the name of the health check that pings it."""

    name: str
    adapter: str
    embedded: bool
    required: bool
    check: str


class Deployment(msgspec.Struct, frozen=True, kw_only=True):
    """What the application is made of."""

    profile: str
    plugins: tuple[PluginFacts, ...]
    skipped: tuple[SkippedFacts, ...]
    ports: tuple[PortFacts, ...]
