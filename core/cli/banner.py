"""What `run` prints before it serves: the address, the admin key, the plugins and who serves each port."""

from core.composition import Composition
from core.config import PREFIX
from core.keys import admin_key
from core.serving import Address


def banner(composition: Composition, address: Address) -> str:
    """Return the banner. The key itself is shown in development only."""
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
        lines.append(f"  admin key {admin_key(composition.config)}  (send it as X-API-Key)")
    return "\n".join([*lines, ""])
