"""The storage port on asyncpg: what both adapters yield once they know where the database is."""

# ruff: noqa: BLE001 - whatever went wrong is raised again, in the port's words

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NoReturn

import asyncpg
import msgspec
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker

from adapters.storage.failures import FAILURES, reraise, reraise_in_doubt
from adapters.storage.operations import Operations, measured, operation_name
from adapters.storage.patience import Patience
from adapters.storage.pool import Pool
from adapters.storage.sessions import create_engine
from adapters.storage.transaction import CompiledTransaction, affected
from ports.errors import Rejected
from ports.queries import Command, Query, T
from ports.secrets import Secret
from ports.storage import OperationDurations, PoolUsage

OLDEST_SERVER: Final = 15
CLOSE_GRACE: Final = 5.0
"""Seconds that closing waits for connections in use."""

STREAM_BATCH: Final = 500
"""Rows that a stream fetches at a time."""

_CONNECTION_LIMIT: Final = """
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
"""
_SERVER_SETTINGS: Final = {"jit": "off", "timezone": "UTC"}


class PoolSizes(msgspec.Struct, frozen=True):
    """How many connections one process holds at most: each door's, and seconds to wait for a free one."""

    compiled: int
    session: int
    acquire_timeout: float

    @property
    def budget(self) -> int:
        """Connections of one process, the one for LISTEN included."""
        return self.compiled + self.session + 1


class AsyncpgStorage:
    """Both doors to one database."""

    def __init__(self, dsn: Secret, sizes: PoolSizes, patience: Patience) -> None:
        self.dsn = dsn
        self._sizes = sizes
        self._patience = patience
        self._operations = Operations()
        self._connection_class = measured(self._operations)
        self._pool = Pool(self._open_pooled, size=sizes.compiled, acquire_timeout=sizes.acquire_timeout)
        self._engine: AsyncEngine | None = None
        self._sessions: async_sessionmaker[AsyncSession] | None = None

    async def fetch_one(self, query: Query[T], /, **parameters: Any) -> T | None:
        """Return the first row, or None where there is none."""
        compiled = query.compiled
        arguments = compiled.arguments(parameters)
        connection = await self._pool.acquire()
        try:
            record = await connection.fetchrow(compiled.sql, *arguments)
        except BaseException as error:
            self._fail(connection, query, error)
        self._pool.release(connection)
        return None if record is None else compiled.build(record)

    async def fetch_all(self, query: Query[T], /, **parameters: Any) -> list[T]:
        """Return every row."""
        compiled = query.compiled
        arguments = compiled.arguments(parameters)
        connection = await self._pool.acquire()
        try:
            records = await connection.fetch(compiled.sql, *arguments)
        except BaseException as error:
            self._fail(connection, query, error)
        self._pool.release(connection)
        return [compiled.build(record) for record in records]

    async def execute(self, command: Query[Any], /, **parameters: Any) -> int:
        """Run one command in a transaction of its own and return how many rows it affected."""
        compiled = command.compiled
        arguments = compiled.arguments(parameters)
        connection = await self._pool.acquire()
        try:
            status = await connection.execute(compiled.sql, *arguments)
        except BaseException as error:
            self._fail(connection, command, error)
        self._pool.release(connection)
        return affected(status)

    async def stream(self, query: Query[T], /, **parameters: Any) -> AsyncIterator[T]:
        """Yield every row of one snapshot without holding them all."""
        compiled = query.compiled
        arguments = compiled.arguments(parameters)
        connection = await self._pool.acquire()
        try:
            await connection.execute("BEGIN READ ONLY")
            cursor = await connection.cursor(compiled.sql, *arguments)
            operation = operation_name(compiled.sql)
            while records := await self._operations.timed(operation, cursor.fetch(STREAM_BATCH)):
                for record in records:
                    yield compiled.build(record)
        except Exception as error:
            reraise(connection, error)
        finally:
            self._pool.recycle(connection)

    def transaction(self) -> CompiledTransaction:
        """Return a transaction of the compiled door, not yet begun."""
        return CompiledTransaction(self._pool)

    def usage(self) -> PoolUsage:
        """Tell how the connections are used."""
        return self._pool.usage()

    def operations(self) -> list[OperationDurations]:
        """Tell how long the server took for statements."""
        return self._operations.durations()

    def session(self) -> AsyncSession:
        """Return a new session."""
        if self._sessions is None:
            self._engine = create_engine(
                self._open_session, size=self._sizes.session, acquire_timeout=self._sizes.acquire_timeout
            )
            self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        return self._sessions()

    async def connect(
        self, *, application_name: str, server_settings: Mapping[str, str] | None = None
    ) -> asyncpg.Connection:
        """Open a connection outside the pools."""
        settings = {
            **_SERVER_SETTINGS,
            **self._patience.network_settings(),
            **(server_settings or {}),
            "application_name": application_name,
        }
        connection: asyncpg.Connection | None = None
        try:
            async with asyncio.timeout(self._sizes.acquire_timeout):
                connection = await asyncpg.connect(
                    self.dsn.reveal(),
                    server_settings=settings,
                    command_timeout=self._patience.command_timeout,
                    connection_class=self._connection_class,
                )
                self._patience.watch(connection)
                for json_type, header in (("json", b""), ("jsonb", b"\x01")):
                    await _set_json_codec(connection, json_type, header)
        except BaseException as error:
            if connection is not None:
                connection.terminate()
            reraise(None, error)
        return connection

    async def ping(self) -> None:
        """Return when the database answers."""
        connection = await self._pool.acquire()
        try:
            await connection.execute("SELECT 1")
        except BaseException as error:
            self._pool.recycle(connection)
            reraise(connection, error)
        self._pool.release(connection)

    async def close(self) -> None:
        """Close both pools."""
        await self._pool.close(CLOSE_GRACE)
        if self._engine is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(CLOSE_GRACE):
                    await self._engine.dispose()

    def _fail(self, connection: asyncpg.Connection, query: Query[Any], error: BaseException) -> NoReturn:
        self._pool.recycle(connection)
        if isinstance(query, Command):
            reraise_in_doubt(connection, error, "statement")
        reraise(connection, error)

    async def _open_pooled(self) -> asyncpg.Connection:
        return await self._open("hexastar compiled")

    async def _open_session(self) -> asyncpg.Connection:
        return await self._open("hexastar session")

    async def _open(self, application_name: str) -> asyncpg.Connection:
        settings = self._patience.statement_settings()
        return await self.connect(application_name=application_name, server_settings=settings)


async def _set_json_codec(connection: asyncpg.Connection, json_type: str, header: bytes) -> None:
    size = len(header)
    await connection.set_type_codec(
        json_type,
        schema="pg_catalog",
        encoder=lambda value: header + msgspec.json.encode(value),
        decoder=lambda data: msgspec.json.decode(data[size:]),
        format="binary",
    )


@asynccontextmanager
async def open_storage(
    dsn: Secret, sizes: PoolSizes, patience: Patience | None = None
) -> AsyncIterator[AsyncpgStorage]:
    """Yield the storage at `dsn` once the server is found fit for it; close both pools at the end.

    Raises:
        Unavailable: the server does not answer.
        Rejected: it is too old (`server_version`), or does not allow the connections that one process may hold
            (`connection_budget`).
    """
    storage = AsyncpgStorage(dsn, sizes, patience or Patience())
    try:
        await _check_server(storage, sizes)
        yield storage
    finally:
        await storage.close()


async def _check_server(storage: AsyncpgStorage, sizes: PoolSizes) -> None:
    # On a connection that does not stay: a supervisor that only checks is about to fork.
    connection = await storage.connect(application_name="hexastar check")
    try:
        version = connection.get_server_version()
        limit = await connection.fetchval(_CONNECTION_LIMIT)
    except BaseException as error:
        connection.terminate()
        reraise(None, error)
    with suppress(*FAILURES):  # it was dropped where the server takes its time
        await connection.close(timeout=sizes.acquire_timeout)
    if version.major < OLDEST_SERVER:
        raise Rejected("server_version", f"PostgreSQL {OLDEST_SERVER} or later is needed, this is {version.major}")
    if sizes.budget > limit:
        raise Rejected(
            "connection_budget",
            f"one process may hold {sizes.budget} connections ({sizes.compiled} compiled, {sizes.session} session, "
            f"1 for LISTEN) but the server allows {limit}: lower pool_size and session_pool_size, or raise "
            "max_connections",
        )
