"""Generated plugins, for what a deployment of many costs: each has one route, one job and one table."""

from pathlib import Path
from textwrap import dedent
from typing import Final

PLUGIN: Final = '''
    """A generated plugin."""

    from collections.abc import Sequence
    from pathlib import Path

    import msgspec
    from litestar import get
    from litestar.types import ControllerRouterHandler
    from sqlalchemy.orm import DeclarativeBase, Mapped

    from core.auth import AUTHENTICATED
    from core.hookspecs import hookimpl
    from core.jobs.declare import Job, job
    from core.manifest import PluginManifest
    from core.tables import Identified, PluginBase

    manifest = PluginManifest(name="{name}", version="1.0.0", summary="Generated")


    class Base(PluginBase, DeclarativeBase, schema="{name}"):
        """The tables of this plugin."""


    class Item(Base, Identified):
        """An item."""

        __tablename__ = "items"

        label: Mapped[str]


    class Greeting(msgspec.Struct, frozen=True):
        """What the route answers."""

        name: str


    class Nothing(msgspec.Struct, frozen=True):
        """The job's payload."""


    @get("/api/v1/{name}/greeting", access=AUTHENTICATED)
    async def greeting() -> Greeting:
        """Greet."""
        return Greeting("{name}")


    @job("{name}.rest")
    async def rest(payload: Nothing) -> None:
        """Do nothing."""


    @hookimpl
    def register_routes() -> Sequence[ControllerRouterHandler]:
        """One route."""
        return [greeting]


    @hookimpl
    def register_jobs() -> Sequence[Job[Nothing]]:
        """One job."""
        return [rest]


    @hookimpl
    def register_tables() -> str:
        """One table."""
        return "{name}"


    @hookimpl
    def register_migrations() -> Path:
        """Its history."""
        return Path(__file__).parent / "migrations"
'''

MIGRATION: Final = '''
    """The table."""

    from alembic import op

    revision = "{name}_0001"
    down_revision = None
    branch_labels = None
    depends_on = None


    def upgrade() -> None:
        """Create it."""
        op.execute("CREATE SCHEMA {name}")
        op.execute("CREATE TABLE {name}.items (id uuid PRIMARY KEY, label text NOT NULL)")


    def downgrade() -> None:
        """Drop it."""
        op.execute("DROP SCHEMA {name} CASCADE")
'''


def plugin_name(number: int) -> str:
    """Return the name of one generated plugin."""
    return f"generated_{number:03d}"


def generate(folder: Path, count: int) -> list[str]:
    """Write packages into `folder` and return the paths by which plugins.toml names them."""
    package = folder / "generated"
    for number in range(count):
        name = plugin_name(number)
        migrations = package / name / "migrations"
        migrations.mkdir(parents=True)
        _write(package / name / "__init__.py", PLUGIN, name)
        _write(migrations / "0001_items.py", MIGRATION, name)
    return [f"generated.{plugin_name(number)}" for number in range(count)]


def _write(file: Path, template: str, name: str) -> None:
    file.write_text(dedent(template).replace("{name}", name).lstrip(), encoding="utf-8")
