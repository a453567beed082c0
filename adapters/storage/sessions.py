"""The session door: SQLAlchemy's engine over connections that are set up like those of the compiled door."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg
from sqlalchemy import event
from sqlalchemy.dialects import registry
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, PoolProxiedConnection
from sqlalchemy.util import await_

from adapters.storage.failures import RETRY_AFTER, unavailable
from adapters.storage.transaction import ROLLBACK_TIME, commit
from ports.errors import OutcomeUnknown, Unavailable
from ports.queries import PostgresDialect

_DRIVER: Final = "hexastar"


class SessionDialect(PostgresDialect):
    """The port's dialect, for an engine whose connections come with their codecs and begin when told to."""

    supports_statement_cache = True

    async def setup_asyncpg_json_codec(self, conn: Any) -> None:
        """Do nothing: the connection has our codec."""

    async def setup_asyncpg_jsonb_codec(self, conn: Any) -> None:
        """Do nothing: the connection has our codec."""

    def do_terminate(self, dbapi_connection: Any) -> None:
        """Drop a connection in doubt at once; SQLAlchemy's own waits two seconds for the server to take leave."""
        dbapi_connection._connection.terminate()  # noqa: SLF001 - the dialect's own connection class

    def do_begin(self, dbapi_connection: PoolProxiedConnection) -> None:
        """Send BEGIN now, not with SQLAlchemy's first statement.

        The unit of work also runs statements on the driver's connection, and they belong to the transaction even
        where they come first.
        """
        adapted: Any = dbapi_connection.dbapi_connection
        if adapted.isolation_level is None and not adapted.readonly:
            transaction = DriverTransaction(adapted._connection)  # noqa: SLF001 - the dialect's own connection class
            try:
                await_(transaction.start())
            except Exception as error:  # noqa: BLE001 - raised again, as the dialect translates it
                adapted._handle_exception(error)  # noqa: SLF001
            adapted._transaction = transaction  # noqa: SLF001


class DriverTransaction:
    """What the dialect needs of a transaction, told by the server whether its COMMIT was one."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection

    async def start(self) -> None:
        """Begin."""
        await self._connection.execute("BEGIN")

    async def commit(self) -> None:
        """Commit.

        Raises:
            Rejected: `transaction_aborted`: a statement had failed before, so that the server rolled back.
            Unavailable: it did not happen.
            OutcomeUnknown: the connection broke under it.
        """
        await commit(self._connection)

    async def rollback(self) -> None:
        """Roll back, by dropping the connection where the server does not answer."""
        try:
            async with asyncio.timeout(ROLLBACK_TIME):
                await self._connection.execute("ROLLBACK")
        except TimeoutError:
            self._connection.terminate()


class SessionPool(AsyncAdaptedQueuePool):
    """SQLAlchemy's pool, failing in the port's words."""

    def connect(self) -> PoolProxiedConnection:
        """Return a connection.

        Raises:
            Unavailable: none came free within the timeout.
        """
        try:
            return super().connect()
        except PoolTimeoutError as error:
            raise Unavailable("every session connection is in use", retry_after=RETRY_AFTER) from error


def create_engine(
    connect: Callable[..., Awaitable[asyncpg.Connection]], *, size: int, acquire_timeout: float
) -> AsyncEngine:
    """Return an engine over at most `size` connections that `connect` opens; none is opened yet."""
    registry.register(f"postgresql.{_DRIVER}", __name__, SessionDialect.__name__)
    engine = create_async_engine(
        f"postgresql+{_DRIVER}://",
        async_creator=connect,
        poolclass=SessionPool,
        pool_size=size,
        max_overflow=0,
        pool_timeout=acquire_timeout,
    )
    event.listen(engine.sync_engine, "handle_error", _translate, retval=True)
    return engine


def _translate(context: ExceptionContext) -> BaseException | None:
    error = getattr(context.original_exception, "driver_exception", None) or context.original_exception
    if isinstance(error, Unavailable | OutcomeUnknown):  # of the commit; nobody asks its connection again
        context.is_disconnect = True
        return error
    return unavailable(error, gone=context.is_disconnect)
