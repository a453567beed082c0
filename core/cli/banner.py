"""What `run` says before it serves: the address, the plugins and who serves each port; to people the admin key too."""

from typing import Any, Final

import click
import structlog

from core.clock import SystemClock
from core.composition import Composition
from core.config.sources import PREFIX
from core.http.console.one_time_login import login_token
from core.keys import admin_key, key_ring
from core.serving import Address
from core.telemetry.logging import writes_json

logger: Final[Any] = structlog.get_logger(__name__)


def announce(composition: Composition, address: Address) -> None:
    """Print the banner where people read, and log one line where the log is for programs."""
    if writes_json():
        logger.info(
            "serving",
            url=address.url,
            profile=composition.config.profile,
            plugins=[plugin.name for plugin in composition.plugins.plugins if plugin.name != "core"],
            skipped={skipped.name: skipped.reason for skipped in composition.plugins.skipped},
            ports={port: binding.adapter.name for port, binding in composition.bindings.items()},
        )
    else:
        click.echo(banner(composition, address))


def banner(composition: Composition, address: Address) -> str:
    """Return the banner. The admin key and the console's one-time login are shown outside of production only."""
    plugins = ", ".join(plugin.name for plugin in composition.plugins.plugins if plugin.name != "core")
    lines = [
        "",
        f"  Hexastar serves at {address.url}  (API reference {address.url}/schema)",
        f"  profile   {composition.config.profile} ({composition.config.source})",
        f"  plugins   {plugins or 'none'}",
        *(f"  skipped   {skipped.name}: {skipped.reason}" for skipped in composition.plugins.skipped),
    ]
    for port, binding in composition.bindings.items():
        kind = " (embedded: for development)" if binding.adapter.embedded else ""
        lines.append(f"  {port:<9} {binding.adapter.name}{kind}")
    if composition.config.is_production:
        lines.append(f"  admin key from {PREFIX}ADMIN_KEY")
    else:
        token = login_token(key_ring(composition.config), SystemClock().now())
        lines.append(f"  admin key {admin_key(composition.config)}  (send it as X-API-Key)")
        lines.append(f"  console   {address.url}/login?token={token}  (works once)")
    return "\n".join([*lines, ""])
