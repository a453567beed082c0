"""Migrations: one history and one version table an owner, so that disabling a plugin breaks nobody else's.

Alembic runs them; this module finds the histories, orders them, and tells what is where. The version tables are
`core.alembic_version_<owner>`. Nothing of Alembic is imported until there is something to do.
"""

import asyncio
import io
import logging
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import SystemRandom
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from core.faults import StartupError, one_line
from core.migration_locks import PAUSES, SESSION, is_contention, pauses, prepare, wait_for_turn
from core.tables import metadata
from ports.storage import Storage

ENVIRONMENT: Final = Path(__file__).parent.parent / "migrations"
ASSIGNMENT: Final = re.compile(
    r"^(revision|down_revision)(?:\s*:[^=]+)?\s*=\s*(?:[\"']([^\"']+)[\"']|None)", re.MULTILINE
)

_MAKE_CORE: Final = "CREATE SCHEMA IF NOT EXISTS core"
"""The version tables lie there, so it comes before any revision."""


def comparison_options(schema: str) -> dict[str, Any]:
    """Return Alembic's options for a comparison that sees one schema's tables and none of the version tables."""

    def is_of_schema(name: str | None, kind: str, _parents: Any) -> bool:
        return name == schema if kind == "schema" else True

    def is_model(_item: Any, name: str | None, kind: str, *_details: Any) -> bool:
        return not (kind == "table" and str(name).startswith("alembic_version_"))

    return {
        "include_schemas": True,
        "include_name": is_of_schema,
        "include_object": is_model,
        "compare_type": True,
    }


class History(msgspec.Struct, frozen=True):
    """An owner's migrations: the owner's name, its Postgres schema and the folder of its revisions."""

    owner: str
    schema: str
    folder: Path

    def head(self) -> str | None:
        """Return the newest revision, or None where there is none.

        Raises:
            ValueError: the history has more than one head.
        """
        return self.revisions()[0]

    def revisions(self) -> tuple[str | None, frozenset[str]]:
        """Return the newest revision and all of them.

        Raises:
            ValueError: the history has more than one head.
        """
        revisions, parents = set(), set()
        for file in self.folder.glob("*.py"):
            found = dict(ASSIGNMENT.findall(file.read_text(encoding="utf-8")))
            if "revision" in found:
                revisions.add(found["revision"])
                parents.add(found.get("down_revision", ""))
        heads = revisions - parents
        if len(heads) > 1:
            raise ValueError(f"the history of {self.owner} has several heads: {', '.join(sorted(heads))}")
        return next(iter(heads), None), frozenset(revisions)


class MigrationError(StartupError):
    """A migration failed; what it had done is rolled back."""


class MigrationStatus(msgspec.Struct, frozen=True):
    """Where one owner's history stands in the database.

    It is ahead where a newer version of the application has migrated it. Revisions only add, so this version goes on
    serving during the change from one to the other, and after a change back.
    """

    owner: str
    current: str | None
    head: str | None
    is_ahead: bool = False

    @property
    def is_behind(self) -> bool:
        """Tell whether there is something to do."""
        return self.current != self.head and not self.is_ahead


class Migrator:
    """Runs the histories of the enabled owners, each after those that its tables point to."""

    def __init__(self, storage: Storage, histories: Sequence[History]) -> None:
        self._storage = storage
        self._histories = tuple(histories)
        self._revisions = {history.owner: history.revisions() for history in histories}

    async def status(self) -> list[MigrationStatus]:
        """Return where each history stands; one query where every version table is there."""
        current = await self._current()
        return [
            MigrationStatus(owner, at := current.get(owner), head, is_ahead=at is not None and at not in known)
            for owner, (head, known) in self._revisions.items()
        ]

    async def behind(self) -> list[str]:
        """Return the owners whose tables are older than this version of the application needs."""
        return [status.owner for status in await self.status() if status.is_behind]

    async def upgrade(self, note: Callable[[str], None]) -> None:
        """Bring every history to its head, one migrator at a time; `note` hears of each step.

        Raises:
            MigrationError: a step failed, or somebody held its lock through all attempts. What came before is done.
        """
        async with self._locked(note) as connection:
            for history, status in zip(self._histories, await self.status(), strict=True):
                if status.is_behind:
                    note(f"migrating {history.owner} to {status.head}")
                    await self._run(connection, history, "upgrade", "head", note)
                elif status.is_ahead:
                    note(f"{history.owner} is at {status.current}, which a newer version brought: left as it is")

    async def downgrade(self, owner: str, revision: str, note: Callable[[str], None]) -> None:
        """Take one owner's history down to `revision` (`base` for nothing, `-1` for one step). Raises as `upgrade`."""
        async with self._locked(note) as connection:
            await self._run(connection, self._history(owner), "downgrade", revision, note)

    async def differences(self) -> dict[str, list[str]]:
        """Return, by owner, how the tables in the database differ from the models; empty where they agree."""
        async with self._connection() as connection:
            found = {history.owner: await connection.run_sync(self._compare, history) for history in self._histories}
        return {owner: differences for owner, differences in found.items() if differences}

    async def drop(self, owner: str, note: Callable[[str], None]) -> None:
        """Drop an owner's schema with all its data, and forget its history.

        Raises:
            MigrationError: somebody is using the tables, or they are the core's and other owners still have theirs.
        """
        history = self._history(owner)
        async with self._locked(note) as connection:
            if owner == "core" and (others := await connection.run_sync(_owners_but_core)):
                raise MigrationError(f"'core' holds the histories of others: drop {', '.join(others)} first")
            try:
                await connection.execute(sa.schema.DropSchema(history.schema, cascade=True, if_exists=True))
                version_table = sa.Table(f"alembic_version_{owner}", sa.MetaData(), schema="core")
                await connection.execute(sa.schema.DropTable(version_table, if_exists=True))
                await connection.commit()
            except sa.exc.DBAPIError as error:
                raise MigrationError(f"{owner!r} was not dropped: {_cause(error)}") from error

    def sql(self, owner: str) -> str:
        """Return the SQL of an owner's whole history, for review; run on an empty database, it makes the tables."""
        output = io.StringIO()
        self._command(self._history(owner), None, output=output)("upgrade", "head", sql=True)
        return "".join(f"{statement};\n" for statement in (*SESSION, _MAKE_CORE)) + "\n" + output.getvalue()

    def _history(self, owner: str) -> History:
        for history in self._histories:
            if history.owner == owner:
                return history
        raise LookupError(f"{owner!r} has no history; known: {', '.join(self._revisions)}")

    async def _current(self) -> dict[str, str]:
        transaction = self._storage.transaction()
        try:
            connection = await transaction.connection()
            wanted = [f"alembic_version_{owner}" for owner in self._revisions]
            rows = await connection.fetch(
                "SELECT relname FROM pg_class WHERE relnamespace = to_regnamespace('core') AND relname = ANY($1)",
                wanted,
            )
            owners = [row["relname"].removeprefix("alembic_version_") for row in rows]
            if not owners:
                return {}
            union = " UNION ALL ".join(
                f"SELECT '{owner}' AS owner, version_num FROM core.\"alembic_version_{owner}\""  # noqa: S608 - our names
                for owner in owners
            )
            return {row["owner"]: row["version_num"] for row in await connection.fetch(union)}
        finally:
            await transaction.rollback()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[AsyncConnection]:
        url = sa.make_url(self._storage.dsn.reveal()).set(drivername="postgresql+asyncpg")
        engine = create_async_engine(url, poolclass=NullPool)
        try:
            async with engine.connect() as connection:
                yield connection
        finally:
            await engine.dispose()

    @asynccontextmanager
    async def _locked(self, note: Callable[[str], None]) -> AsyncIterator[AsyncConnection]:
        async with self._connection() as connection:
            await wait_for_turn(connection, note)
            await prepare(connection)
            await connection.execute(sa.text(_MAKE_CORE))
            await connection.commit()
            yield connection

    async def _run(
        self, connection: AsyncConnection, history: History, command: str, revision: str, note: Callable[[str], None]
    ) -> None:
        """Run a command of Alembic's; where somebody holds a lock that it needs, let them and come back."""
        waits = pauses(SystemRandom())
        for attempt in range(1, len(PAUSES) + 2):
            try:
                await connection.run_sync(self._run_once, history, command, revision, note)
            except Exception as error:
                await connection.rollback()
                pause = next(waits, None) if is_contention(error) else None
                if pause is None:
                    raise MigrationError(
                        f"the {command} of {history.owner!r} to {revision!r} failed: {_cause(error)}"
                    ) from error
                note(f"{history.owner}: a table is in use; attempt {attempt + 1} of {len(PAUSES) + 1} in {pause:.1f} s")
                await asyncio.sleep(pause)
            else:
                return

    def _run_once(
        self, connection: sa.Connection, history: History, command: str, revision: str, note: Callable[[str], None]
    ) -> None:
        self._command(history, connection, note=note)(command, revision)
        connection.commit()

    def _command(
        self, history: History, connection: sa.Connection | None, output: Any = None, note: Any = None
    ) -> Callable[..., None]:
        logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)  # they announce themselves, line by line
        from alembic import command

        config = self._alembic(history, connection, output, note)
        return lambda name, *arguments, **options: getattr(command, name)(config, *arguments, **options)

    def _compare(self, connection: sa.Connection, history: History) -> list[str]:
        from alembic.autogenerate import compare_metadata
        from alembic.migration import MigrationContext

        context = MigrationContext.configure(connection, opts=comparison_options(history.schema))
        models = sa.MetaData(naming_convention=metadata.naming_convention)
        for table in metadata.tables.values():
            if table.schema == history.schema:
                table.to_metadata(models)
        return [str(difference) for difference in compare_metadata(context, models)]

    def _alembic(self, history: History, connection: sa.Connection | None, output: Any, note: Any) -> Any:
        from alembic.config import Config as AlembicConfig

        config = AlembicConfig(output_buffer=output) if output else AlembicConfig()
        config.set_main_option("script_location", str(ENVIRONMENT))
        config.set_main_option("version_locations", str(history.folder))
        config.set_main_option("path_separator", "newline")
        config.attributes.update(
            owner=history.owner, schema=history.schema, connection=connection, metadata=metadata, note=note
        )
        return config


def _owners_but_core(connection: sa.Connection) -> list[str]:
    prefix = "alembic_version_"
    tables = sa.inspect(connection).get_table_names(schema="core")
    return sorted(name.removeprefix(prefix) for name in tables if name.startswith(prefix) and name != f"{prefix}core")


def _cause(error: Exception) -> str:
    """Return what went wrong without the statement that SQLAlchemy quotes."""
    return one_line(error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error)
