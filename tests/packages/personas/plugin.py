"""A plugin whose bearer tokens read `<id>:<scope>,<scope>`; for tests only."""

from collections.abc import Callable
from typing import Final

from core.auth import Authenticator, Principal
from core.hookspecs import hookimpl
from core.injection import Services
from core.manifest import PluginManifest

manifest: Final = PluginManifest(name="personas", version="1.0.0", summary="Anybody by a word", ports=())


@hookimpl
def register_authenticators() -> dict[str, Callable[[Services], Authenticator]]:
    """Believe every bearer."""
    return {"bearer": lambda _: believe}


async def believe(credential: str) -> Principal | None:
    """Return the principal that the token describes."""
    name, _, scopes = credential.partition(":")
    return Principal(id=name, kind="user", scopes=frozenset(scopes.split(",") if scopes else ()))
