"""A pool of driver connections that hands out the one used last, without a word to the server.

asyncpg's own pool resets each connection, wraps it in a proxy and makes a task and a timer for each use, which
halves the rate of short statements. Here nobody but our own doors uses the connections, so a clean one goes back as
it is; one that may not be clean is rolled back in the background or dropped.
"""

# ruff: noqa: BLE001 - whatever went wrong is raised again, in the port's words

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

import asyncpg

from adapters.storage.failures import FAILURES, RETRY_AFTER, reraise
from ports.errors import Unavailable
from ports.storage import PoolUsage

Connect = Callable[[], Awaitable[asyncpg.Connection]]

RECYCLE_TIMEOUT = 5.0
"""Seconds that a connection in doubt is given to become clean before it is dropped."""


class Pool:
    """At most `size` connections, opened when needed, kept until they break or the pool closes."""

    def __init__(self, connect: Connect, *, size: int, acquire_timeout: float) -> None:
        self._connect = connect
        self._size = size
        self._acquire_timeout = acquire_timeout
        self._idle: list[asyncpg.Connection] = []
        self._open = 0
        self._waiting: deque[asyncio.Future[asyncpg.Connection | None]] = deque()
        self._recycling: set[asyncio.Task[None]] = set()
        self._closing = False
        self._empty = asyncio.Event()
        self._waits = 0
        self._waited = 0.0
        self._timeouts = 0

    def usage(self) -> PoolUsage:
        """Tell how the connections are used."""
        return PoolUsage(self._open, len(self._idle), self._waits, self._waited, self._timeouts)

    async def acquire(self) -> asyncpg.Connection:
        """Return a connection that was alive when last heard of. Hand it to `release` or `recycle`.

        Raises:
            Unavailable: none came free within the timeout, a new one cannot be opened, or the pool is closed.
        """
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._drop(connection)
        if self._closing:
            raise Unavailable("the connection pool is closed", retry_after=RETRY_AFTER)
        if self._open < self._size:
            return await self._open_one()
        return await self._wait()

    def release(self, connection: asyncpg.Connection) -> None:
        """Take back a connection that is outside any transaction."""
        if self._closing:
            self.recycle(connection)
            return
        if connection.is_closed():
            self._drop(connection)
            return
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        self._idle.append(connection)

    def recycle(self, connection: asyncpg.Connection) -> None:
        """Take back a connection that may be within a transaction or a cancelled statement."""
        if connection.is_closed():
            self._drop(connection)
            return
        task = asyncio.get_running_loop().create_task(self._clean(connection))
        self._recycling.add(task)
        task.add_done_callback(self._recycling.discard)

    def reclaim(self, connection: asyncpg.Connection) -> None:
        """Take back a connection that nobody holds any more; where no loop runs that could clean it, it is dropped."""
        try:
            self.recycle(connection)
        except RuntimeError:
            self._drop(connection)

    async def close(self, grace: float) -> None:
        """Wait up to `grace` seconds for the connections in use, then close all; further use raises."""
        self._closing = True
        while self._waiting:
            self._wake(self._waiting.popleft())
        for connection in self._idle:
            self.recycle(connection)
        self._idle.clear()
        self._empty.clear()
        if self._open:
            # Whoever still holds one after the grace drops it on release.
            with suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._empty.wait()
        await asyncio.gather(*self._recycling)

    async def _open_one(self) -> asyncpg.Connection:
        self._open += 1
        try:
            async with asyncio.timeout(self._acquire_timeout):
                return await self._connect()
        except BaseException as error:
            self._forget()
            reraise(None, error)

    async def _wait(self) -> asyncpg.Connection:
        waiter: asyncio.Future[asyncpg.Connection | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        self._waits += 1
        began = monotonic()
        try:
            async with asyncio.timeout(self._acquire_timeout):
                connection = await waiter
        except BaseException as error:
            self._give_up(waiter)
            if not isinstance(error, TimeoutError):
                raise
            self._timeouts += 1
            raise Unavailable("every connection of the pool is in use", retry_after=RETRY_AFTER) from error
        finally:
            self._waited += monotonic() - began
        # None is the leave to open one in the place of a connection that was lost.
        return connection if connection is not None else await self.acquire()

    def _give_up(self, waiter: asyncio.Future[asyncpg.Connection | None]) -> None:
        """Pass on what a waiter that is leaving was handed in the same moment."""
        if waiter.done() and not waiter.cancelled():
            connection = waiter.result()
            if connection is not None:
                self.release(connection)
            else:
                self._wake_one()
        else:
            waiter.cancel()
            if waiter in self._waiting:
                self._waiting.remove(waiter)

    async def _clean(self, connection: asyncpg.Connection) -> None:
        try:
            async with asyncio.timeout(RECYCLE_TIMEOUT):
                if not self._closing:
                    await connection.execute("ROLLBACK")
                else:
                    await connection.close()
        except FAILURES:
            self._drop(connection)
        except asyncio.CancelledError:
            self._drop(connection)
            raise
        else:
            self._settle(connection)

    def _settle(self, connection: asyncpg.Connection) -> None:
        if connection.is_closed():
            self._drop(connection)
        else:
            self.release(connection)

    def _drop(self, connection: asyncpg.Connection) -> None:
        connection.terminate()
        self._forget()

    def _forget(self) -> None:
        self._open -= 1
        if not self._open:
            self._empty.set()
        self._wake_one()

    def _wake_one(self) -> None:
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                self._wake(waiter)
                return

    @staticmethod
    def _wake(waiter: asyncio.Future[asyncpg.Connection | None]) -> None:
        if not waiter.done():
            waiter.set_result(None)
