"""The compiled door's transaction: begun by its first statement, over one pooled connection."""

# ruff: noqa: BLE001 - whatever went wrong is raised again, in the port's words

import asyncio
import logging
from typing import Any, Final

import asyncpg

from adapters.storage.failures import FAILURES, lost_before_commit, reraise, reraise_in_doubt, transaction_aborted
from adapters.storage.pool import Pool
from ports.errors import Rejected
from ports.queries import Query, T

ROLLBACK_TIME: Final = 0.25
"""Seconds that a rollback is waited for; the connection is cleaned or dropped in the background after that."""

logger = logging.getLogger(__name__)


class CompiledTransaction:
    """A transaction on one connection of the pool; the connection goes back with its end."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._connection: asyncpg.Connection | None = None

    def __del__(self) -> None:
        """Give back the connection of a transaction that was begun and forgotten: otherwise the pool runs dry."""
        if self._connection is not None:
            logger.warning("a transaction was begun and never ended: it is rolled back")
            self._pool.reclaim(self._connection)

    @property
    def begun(self) -> bool:
        """Tell whether BEGIN was sent and neither COMMIT nor ROLLBACK has ended it."""
        return self._connection is not None

    async def fetch_one(self, query: Query[T], /, **parameters: Any) -> T | None:
        """Return the first row, or None where there is none."""
        compiled = query.compiled
        arguments = compiled.arguments(parameters)
        connection = self._connection or await self.connection()
        try:
            record = await connection.fetchrow(compiled.sql, *arguments)
        except Exception as error:
            reraise(connection, error)
        return None if record is None else compiled.build(record)

    async def fetch_all(self, query: Query[T], /, **parameters: Any) -> list[T]:
        """Return every row."""
        compiled = query.compiled
        arguments = compiled.arguments(parameters)
        connection = self._connection or await self.connection()
        try:
            records = await connection.fetch(compiled.sql, *arguments)
        except Exception as error:
            reraise(connection, error)
        return [compiled.build(record) for record in records]

    async def execute(self, command: Query[Any], /, **parameters: Any) -> int:
        """Run a command and return how many rows it affected."""
        compiled = command.compiled
        arguments = compiled.arguments(parameters)
        connection = self._connection or await self.connection()
        try:
            status = await connection.execute(compiled.sql, *arguments)
        except Exception as error:
            reraise(connection, error)
        return affected(status)

    async def connection(self) -> asyncpg.Connection:
        """Return the transaction's connection; begins where it has not begun."""
        if self._connection is not None:
            return self._connection
        connection = await self._pool.acquire()
        try:
            await connection.execute("BEGIN")
        except BaseException as error:
            self._pool.recycle(connection)
            reraise(connection, error)
        self._connection = connection
        return connection

    async def commit(self) -> None:
        """Make it permanent and give the connection back."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            await commit(connection)
        except Rejected:
            self._pool.release(connection)
            raise
        except BaseException:
            self._pool.recycle(connection)
            raise
        self._pool.release(connection)

    async def rollback(self) -> None:
        """Undo it and give the connection back."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            # Whoever is refused need not wait for a server that does not answer; locks go with the connection.
            async with asyncio.timeout(ROLLBACK_TIME):
                await connection.execute("ROLLBACK")
        except FAILURES:
            self._pool.recycle(connection)
        except BaseException:
            self._pool.recycle(connection)
            raise
        else:
            self._pool.release(connection)


def affected(status: str) -> int:
    """Return the number of rows in a command's status, such as `UPDATE 3` or `INSERT 0 1`."""
    return int(status.rpartition(" ")[2])


async def commit(connection: asyncpg.Connection) -> None:
    """Commit what is open on a connection.

    Raises:
        Rejected: `transaction_aborted`: a statement had failed before, so that the server rolled back.
        Unavailable: it did not happen.
        OutcomeUnknown: the connection broke under it.
    """
    if connection.is_closed():
        raise lost_before_commit()
    try:
        status = await connection.execute("COMMIT")
    except asyncpg.InternalClientError as error:  # the driver, which has read the server's farewell, has sent nothing
        raise lost_before_commit() from error
    except Exception as error:
        reraise_in_doubt(connection, error, "commit")
    if status != "COMMIT":
        raise transaction_aborted()
