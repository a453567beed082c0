"""The bell: wakes workers after a commit that wrote job rows.

A bell carries no data and may be lost: workers also look at the table once a second. It is rung outside any
transaction, because NOTIFY inside one takes a lock that serialises every commit of the database.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext, suppress
from contextvars import Context
from typing import Any, Final, Protocol

from core.jobs.endings import hang_up
from core.jobs.outage import Outage
from ports.storage import Connection, Storage

RING_INTERVAL: Final = 0.005
"""Seconds between two rings of one process; those in between are one."""

CHANNEL: Final = "hexastar_jobs"
ANSWER_TIME: Final = 2.0
"""Seconds within which the far side must take a ring."""

CANCEL_AGAIN: Final = 0.1
"""Seconds after which a task that was cancelled and goes on is cancelled again."""

Heard = Callable[[], None]


class Bell(Protocol):
    """Wakes every worker that listens."""

    def ring(self) -> None:
        """Wake the workers soon. Returns at once, never raises; rings of one process are coalesced."""

    def listen(self, heard: Heard) -> AbstractAsyncContextManager[None]:
        """Call `heard` at each ring while the context is open; reconnects by itself."""

    async def close(self) -> None:
        """Send what is still to be sent and release the connections."""


class SilentBell:
    """A bell that is never heard: workers find rows by looking. For tests and commands."""

    def ring(self) -> None:
        """Do nothing."""

    def listen(self, heard: Heard) -> AbstractAsyncContextManager[None]:  # noqa: ARG002 - nothing to hear
        """Return an empty context."""
        return nullcontext()

    async def close(self) -> None:
        """Do nothing."""


class CoalescingBell(ABC):
    """One task a process sends the rings; while the far side is away it tries less and less often."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._wanted = asyncio.Event()
        self._ringing: asyncio.Task[None] | None = None

    def ring(self) -> None:
        """Wake the workers soon."""
        self._wanted.set()
        if self._ringing is None:
            # In an empty context: the task outlives the request that rang first, and must not log or trace as it.
            self._ringing = asyncio.create_task(self._keep_ringing(), name="hexastar-bell", context=Context())

    async def close(self) -> None:
        """Send what is still to be sent and release the connections."""
        if self._ringing is not None:
            await _ended(self._ringing)
            self._ringing = None
        if self._wanted.is_set():
            with suppress(Exception):
                await self._send_in_time()
        await self._disconnect()

    async def _keep_ringing(self) -> None:
        outage = Outage(f"{self._what} (ringing)")
        while True:
            await self._wanted.wait()
            try:
                await self._send_in_time()
            except Exception as error:  # noqa: BLE001 - a lost ring costs a poll, whatever lost it
                await asyncio.sleep(outage.failed(error))
            else:
                outage.over()
                await asyncio.sleep(RING_INTERVAL)

    async def _send_in_time(self) -> None:
        self._wanted.clear()
        async with asyncio.timeout(ANSWER_TIME):
            await self._send()

    @asynccontextmanager
    async def listen(self, heard: Heard) -> AsyncIterator[None]:
        """Call `heard` at each ring while the context is open."""
        listening = asyncio.create_task(self._keep_listening(heard), name="hexastar-bell-listener", context=Context())
        try:
            yield
        finally:
            await _ended(listening)

    async def _keep_listening(self, heard: Heard) -> None:
        outage = Outage(f"{self._what} (listening)")
        while True:
            try:
                await self._hear(heard, outage.over)
            except Exception as error:  # noqa: BLE001 - the poll goes on, whatever took the bell away
                await asyncio.sleep(outage.failed(error))

    @abstractmethod
    async def _send(self) -> None:
        """Ring once."""

    @abstractmethod
    async def _hear(self, heard: Heard, connected: Callable[[], None]) -> None:
        """Listen until the connection is lost; call `connected` once it stands."""

    @abstractmethod
    async def _disconnect(self) -> None:
        """Close what rings."""


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel a task until it has ended: clients have lost a cancellation that came in mid-answer (redis-py 8)."""
    while not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=CANCEL_AGAIN)
    if not task.cancelled():
        task.exception()  # seen, so that nobody reports it as lost


class StorageBell(CoalescingBell):
    """NOTIFY and LISTEN of PostgreSQL, each on a connection of its own."""

    def __init__(self, storage: Storage) -> None:
        super().__init__("the bell in the database")
        self._storage = storage
        self._connection: Connection | None = None

    async def _send(self) -> None:
        if self._connection is None or self._connection.is_closed():
            self._connection = await self._storage.connect(application_name="hexastar bell")
        await self._connection.execute(f"NOTIFY {CHANNEL}")

    async def _hear(self, heard: Heard, connected: Callable[[], None]) -> None:
        connection = await self._storage.connect(application_name="hexastar bell listener")
        lost = asyncio.Event()

        def hear(*_: Any) -> None:
            heard()

        def lose(*_: Any) -> None:
            lost.set()

        try:
            connection.add_termination_listener(lose)
            await connection.add_listener(CHANNEL, hear)
            connected()
            heard()  # what was rung while nobody listened
            await lost.wait()
        finally:
            await hang_up(connection)
        raise ConnectionError("the server closed the connection")

    async def _disconnect(self) -> None:
        if self._connection is not None:
            await hang_up(self._connection)
            self._connection = None
