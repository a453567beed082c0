"""The orchard's history, revision by revision, and the environment of a deployment that grows it."""

from pathlib import Path

import asyncpg
from sqlalchemy import make_url

from ports.secrets import Secret
from tests.faults.kit.processes import environment

HEAD = '''"""{summary}"""

from alembic import op

from core.migration_steps import create_index_concurrently, drop_index_concurrently

revision = "orchard_{number:04}"
down_revision = {parent}


def upgrade() -> None:
    """Do it."""
    {upgrade}


def downgrade() -> None:
    """Undo it."""
    {downgrade}
'''

MAKE_TREES = """op.execute(
        "CREATE TABLE orchard.trees (id uuid CONSTRAINT pk_trees PRIMARY KEY, number integer NOT NULL,"
        " kind text NOT NULL, created_at timestamptz DEFAULT now() NOT NULL)"
    )"""
TREES = (
    "The trees.",
    f"""op.execute("CREATE SCHEMA orchard")
    {MAKE_TREES}
    op.execute("CREATE INDEX ix_trees_number ON orchard.trees (number)")""",
    'op.execute("DROP SCHEMA orchard CASCADE")',
)
HEIGHT = (
    "Trees have a height.",
    'op.execute("ALTER TABLE orchard.trees ADD COLUMN height integer DEFAULT 0 NOT NULL")',
    'op.execute("ALTER TABLE orchard.trees DROP COLUMN height")',
)
KIND_INDEX = (
    "Trees are found by kind.",
    'create_index_concurrently("ix_trees_kind", on="orchard.trees", columns="(kind, number)")',
    'drop_index_concurrently("ix_trees_kind", schema="orchard")',
)
SLOW = (
    "Work that somebody kills.",
    'op.execute("CREATE TABLE orchard.half (id int)"); op.execute("SELECT pg_sleep(25)")',
    'op.execute("DROP TABLE orchard.half")',
)
BROKEN = (
    "Half of it works.",
    'op.execute("CREATE TABLE orchard.half (id int)"); op.execute("SELECT 1 / 0")',
    'op.execute("DROP TABLE orchard.half")',
)
QUICK = (SLOW[0], 'op.execute("CREATE TABLE orchard.half (id int)")', SLOW[2])


class Orchard:
    """A folder of revisions, and the database at `dsn` that they migrate."""

    def __init__(self, folder: Path, dsn: Secret) -> None:
        self.dsn = dsn
        self._folder = folder / "revisions"
        self._folder.mkdir()
        self.write(1, TREES)

    async def copy(self, folder: Path, name: str) -> "Orchard":
        """Return an orchard in another folder, on a copy of this one's database, to which nobody may be connected."""
        address = make_url(self.dsn.reveal())
        connection = await asyncpg.connect(address.set(database="postgres").render_as_string(hide_password=False))
        try:
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{address.database}"')
        finally:
            await connection.close()
        return Orchard(folder, Secret(address.set(database=name).render_as_string(hide_password=False)))

    def environ(self, **keys: str) -> dict[str, str]:
        """Return the environment of a deployment with this history."""
        return environment(self.dsn, "orchard.plugin", PLUGINS__ORCHARD__REVISIONS=str(self._folder), **keys)

    def write(self, number: int, step: tuple[str, str, str]) -> None:
        """Write revision `number`, or another text in its place."""
        summary, upgrade, downgrade = step
        parent = repr(f"orchard_{number - 1:04}") if number > 1 else None
        text = HEAD.format(summary=summary, number=number, parent=parent, upgrade=upgrade, downgrade=downgrade)
        (self._folder / f"{number:04}.py").write_text(text, encoding="utf-8")

    async def fetch(self, query: str) -> object:
        """Return the value that a query tells."""
        connection = await asyncpg.connect(self.dsn.reveal())
        try:
            return await connection.fetchval(query)
        finally:
            await connection.close()

    async def execute(self, script: str) -> None:
        """Run statements."""
        connection = await asyncpg.connect(self.dsn.reveal())
        try:
            await connection.execute(script)
        finally:
            await connection.close()
