"""A guest book: one route to sign and read it, one table, one job that tells the owner, and a mail adapter."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from litestar.types import ControllerRouterHandler

from core.adapters import AdapterDeclaration
from core.hookspecs import hookimpl
from core.jobs.declare import Job
from core.manifest import PluginManifest
from hexastar_guestbook.jobs import tell_owner
from hexastar_guestbook.routes import read_entries, sign


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The `[plugins.guestbook]` section."""

    owner: str = "owner@example.org"


manifest = PluginManifest(
    name="guestbook",
    version="1.0.0",
    summary="Visitors sign, the owner is told",
    ports=("storage", "mail"),
    settings=Settings,
)


@hookimpl
def register_routes() -> Sequence[ControllerRouterHandler]:
    """Sign and read."""
    return [sign, read_entries]


@hookimpl
def register_jobs() -> Sequence[Job]:
    """Tell the owner."""
    return [tell_owner]


@hookimpl
def register_tables() -> str:
    """One table in a schema of our own."""
    return "guestbook"


@hookimpl
def register_migrations() -> Path:
    """The history travels with the package."""
    return Path(__file__).parent / "migrations"


@hookimpl
def register_adapters() -> Sequence[AdapterDeclaration]:
    """Mail by pigeon, for whoever binds it."""
    return [AdapterDeclaration(port="mail", name="pigeon", module="hexastar_guestbook.pigeon")]
