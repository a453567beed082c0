"""Hexastar as its users run it: a plugins.toml and the `hexastar` command."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.bench.processes import ROOT, Program, run
from tests.bench.servers import HOST, Launch

ADMIN_KEY: Final = "an admin key that only the bench knows"
CREDENTIAL: Final = {"X-API-Key": ADMIN_KEY}
LIVE: Final = "/health/live"
"""What answers as soon as the application has started."""

CONFIGURATION: Final = """
profile = "production"
server = "{server}"
admin_key = "{admin_key}"
secret_key = "a secret key that only the bench knows"

[plugins]
enabled = [{plugins}]

[plugins.verification]
open_reads = false

[ports]
storage = "postgres"
mail = "smtp"

[adapters.storage.postgres]
dsn = "{dsn}"

[adapters.mail.smtp]
host = "127.0.0.1"
sender = "bench@example.org"
"""


class Deployment:
    """A deployment in production's profile: reads need a credential, every request is logged.

    Args:
        folder: where its plugins.toml is written.
        dsn: its database.
        plugins: the enabled ones.
        server: which HTTP server it uses; None for whichever is the default.
        import_path: a folder whose modules are importable beside the project's.
    """

    def __init__(
        self,
        folder: Path,
        dsn: str,
        plugins: Sequence[str],
        *,
        server: str = "uvicorn",
        import_path: Path | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / "plugins.toml"
        enabled = ", ".join(f'"{plugin}"' for plugin in plugins)
        file.write_text(
            CONFIGURATION.format(server=server, admin_key=ADMIN_KEY, plugins=enabled, dsn=dsn), encoding="utf-8"
        )
        importable = f"{ROOT}:{import_path}" if import_path else str(ROOT)
        self._environment = {"HEXASTAR_CONFIG": str(file), "PYTHONPATH": importable}

    def command(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Program:
        """Return `hexastar` with these arguments."""
        executable = Path(sys.executable).with_name("hexastar")
        return Program([str(executable), *arguments], self._environment | dict(environment or {}))

    def serve(self, environment: Mapping[str, str] | None = None) -> Launch:
        """Return how to serve it, in one process."""
        return lambda port: self.command("run", "--host", HOST, "--port", str(port), environment=environment)

    def migrate(self) -> None:
        """Bring its tables up to date."""
        run("hexastar database upgrade", self.command("database", "upgrade"))
