"""Databases for tests: one embedded server a run, one migrated template on it, a clone for each worker.

Tests commit for real; the rows are deleted after each test in one round trip.
"""

import importlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
from sqlalchemy import make_url

from ports.secrets import Secret
from ports.storage import Connection

_TEMPLATE_LOCK: Final = 0x7465_6D70_6C61_7465
"""Key of the advisory lock under which one of several test processes makes the template."""

_TABLES: Final = """
SELECT format('%I.%I', n.nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname NOT LIKE 'pg\\_%' AND n.nspname <> 'information_schema'
  AND c.relname NOT LIKE 'alembic\\_version%'
ORDER BY 1
"""


@asynccontextmanager
async def embedded_server(state_dir: Path) -> AsyncIterator[Secret]:
    """Keep an embedded server under `state_dir` running, shared with other processes; yield its DSN."""
    # By name, as the configuration finds adapters: the core imports none.
    adapter = importlib.import_module("adapters.storage.embedded_postgres")
    async with adapter.serving(state_dir / "postgres") as dsn:
        yield Secret(dsn)


def with_database(dsn: Secret, database: str) -> Secret:
    """Return the DSN of another database on the same server."""
    return Secret(make_url(dsn.reveal()).set(database=database).render_as_string(hide_password=False))


async def create_template(server: Secret, name: str, migrate: Callable[[Secret], Awaitable[None]]) -> None:
    """Make the database `name` with `migrate`, unless another test process has; it appears migrated or not at all."""
    draft = f"{name}_draft"
    async with _administering(server) as connection:
        await connection.execute("SELECT pg_advisory_lock($1)", _TEMPLATE_LOCK)
        if await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name):
            return
        await connection.execute(f'DROP DATABASE IF EXISTS "{draft}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{draft}"')
        await migrate(with_database(server, draft))
        await connection.execute(f'ALTER DATABASE "{draft}" RENAME TO "{name}"')


async def create_clone(server: Secret, template: str, name: str) -> Secret:
    """Make the database `name` as a copy of `template`, in the place of an older one; return its DSN.

    Nobody may be connected to the template meanwhile.
    """
    async with _administering(server) as connection:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY file_copy')
    return with_database(server, name)


async def drop_database(server: Secret, name: str) -> None:
    """Drop the database `name`, ending its sessions."""
    async with _administering(server) as connection:
        await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


async def deletion(connection: Connection) -> str:
    """Return the statements that delete every row of every table but the migrations' own."""
    names = [row[0] for row in await connection.fetch(_TABLES)]
    deletes = [f"DELETE FROM {name}" for name in names]  # noqa: S608 - quoted by the server
    return "; ".join(["SET LOCAL session_replication_role = replica", *deletes])


async def delete_rows(connection: Connection, statements: str) -> None:
    """Run what `deletion` returned: one message, one transaction, foreign keys and triggers asleep."""
    await connection.execute(statements)


@asynccontextmanager
async def _administering(server: Secret) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(server.reveal())
    try:
        yield connection
    finally:
        await connection.close()
