"""The journal's writer: what was asked of this process goes to the table soon after, without anybody waiting for it.

Entries wait in memory for a tenth of a second and are written by COPY. While the database is away the oldest of them
are dropped and counted, so that memory stays bounded. A process that is killed loses what it has not written yet, at
most the entries of that tenth of a second.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from contextvars import Context
from typing import Any, Final

import structlog
from msgspec.structs import astuple

from plugins.verification.stub.journal_tables import StubJournalRow
from plugins.verification.stub.queries.journal import BATCH, COLUMNS, TRIM
from plugins.verification.stub.rules.entry import JournalEntry, kept, size
from ports.errors import OutcomeUnknown, PortError, Unavailable
from ports.storage import Storage

INTERVAL: Final = 0.1
"""Seconds that an entry waits for others."""

COPIED: Final = 256
"""Entries of one COPY: so few that preparing them holds up no other request for more than a millisecond or two."""

MAX_BYTES: Final = 32 * 1024 * 1024
"""Memory that waiting entries may take."""

WRITE_SECONDS: Final = 10.0
RETRY_SECONDS: Final = 1.0
CLOSE_SECONDS: Final = 2.0

_BAD_DATA: Final = ("22", "23", "54")
"""Classes of SQLSTATE that blame an entry and not the database: its data, a constraint, a limit."""

_DUPLICATE: Final = "23505"
"""An entry that is there already: the connection broke under the commit that wrote it."""

Waiting = tuple[JournalEntry, int]
"""An entry and its weight in bytes."""

logger: Any = structlog.get_logger(__name__)


class Journal:
    """Takes entries at once and writes them soon; keeps the newest `max_rows` in the table as it writes.

    Between two prunings the table may hold a tenth more for each process that writes. `on_first` is called once with
    the first entry.
    """

    def __init__(self, storage: Storage, *, max_rows: int, on_first: Callable[[], None] | None = None) -> None:
        self._storage = storage
        self._on_first = on_first
        self._max_rows = max_rows
        self._waiting: deque[Waiting] = deque()
        self._on_the_way = 0
        self._bytes = 0
        self._untrimmed = 0
        self._wanted = asyncio.Event()
        self._writing = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self.dropped = 0
        self.failing = False

    @property
    def waiting(self) -> int:
        """How many entries are still to be written."""
        return len(self._waiting) + self._on_the_way

    def record(self, entry: JournalEntry) -> None:
        """Take `entry`; costs the same however many wait. Never waits, never raises for the database's sake."""
        self._take(entry, size(entry))
        if self._task is None:
            if self._on_first is not None:
                self._on_first()
            # In an empty context: the task outlives the request that came first, and must not log or trace as it.
            self._task = asyncio.create_task(self._keep_writing(), name="verification-journal", context=Context())
        self._wanted.set()

    async def flush(self) -> None:
        """Return once everything recorded before this call is in the table.

        Raises:
            Unavailable: the database is away; the entries wait on.
        """
        async with self._writing:
            await self._write_waiting()

    async def close(self) -> None:
        """Write what waits, for a moment; then give up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.flush()
        if self._waiting:
            logger.warning("entries of the journal are lost", entries=len(self._waiting))

    def _take(self, entry: JournalEntry, weight: int) -> None:
        self._waiting.append((entry, weight))
        self._bytes += weight
        self._bound()

    def _bound(self) -> None:
        while self._waiting and (self._bytes > MAX_BYTES or len(self._waiting) > self._max_rows):
            self._bytes -= self._waiting.popleft()[1]
            self.dropped += 1

    async def _keep_writing(self) -> None:
        while True:
            await self._wanted.wait()
            await asyncio.sleep(INTERVAL)
            self._wanted.clear()
            try:
                await self.flush()
            except Unavailable:
                self._wanted.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def _write_waiting(self) -> None:
        left = len(self._waiting)
        try:
            while left > 0 and self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(left, COPIED, len(self._waiting)))]
                left -= len(batch)
                self._on_the_way = len(batch)
                try:
                    await self._write(batch)
                finally:
                    self._on_the_way = 0
            await self._trim()
        except (Unavailable, OutcomeUnknown) as error:
            self._note_failure(error)
            raise Unavailable(error.detail) from error
        self._note_success()

    async def _write(self, batch: list[Waiting]) -> None:
        """Write a batch or put it back; cut it in halves where one of its entries is at fault, and drop that one."""
        parts = [batch]
        while parts:
            part = parts.pop()
            try:
                refused = await self._copy([astuple(kept(entry)) for entry, _ in part])
            except BaseException:
                self._put_back([waiting for unwritten in (part, *reversed(parts)) for waiting in unwritten])
                raise
            if refused and len(part) > 1:
                middle = len(part) // 2
                parts += (part[middle:], part[:middle])
                continue
            self._bytes -= sum(weight for _, weight in part)
            self._untrimmed += len(part)
            self.dropped += refused not in ("", _DUPLICATE)

    def _put_back(self, batch: list[Waiting]) -> None:
        self._waiting.extendleft(reversed(batch))
        self._bound()

    async def _copy(self, rows: Sequence[tuple[Any, ...]]) -> str:
        """Write rows in a transaction of their own; return the kind of error where they themselves are refused.

        Raises:
            Unavailable, OutcomeUnknown: the database is away.
        """
        transaction = self._storage.transaction()
        try:
            async with asyncio.timeout(WRITE_SECONDS):
                connection = await transaction.connection()
                await connection.copy_records_to_table(
                    StubJournalRow.__tablename__, schema_name=StubJournalRow.__schema__, columns=COLUMNS, records=rows
                )
                await transaction.commit()
        except PortError:
            raise
        except Exception as error:
            if kind := _blamed(error):
                logger.warning("the journal cannot hold what was recorded", rows=len(rows), error=kind)
                return kind
            raise Unavailable(f"the journal cannot be written: {type(error).__name__}") from error
        finally:
            await transaction.rollback()
        return ""

    async def _trim(self) -> None:
        """Delete what is older than the newest `max_rows`, once a tenth as many have been written."""
        if self._untrimmed <= self._max_rows // 10:
            return
        try:
            while await self._storage.execute(TRIM, max_rows=self._max_rows) == BATCH:
                pass
        except PortError:
            raise
        except Exception as error:
            raise Unavailable(f"the journal cannot be trimmed: {type(error).__name__}") from error
        self._untrimmed = 0

    def _note_failure(self, error: Unavailable | OutcomeUnknown) -> None:
        if not self.failing:
            self.failing = True
            logger.warning("the journal waits for the database", error=error.detail)

    def _note_success(self) -> None:
        if self.failing:
            self.failing = False
            logger.info("the journal is written again", dropped=self.dropped)


def _blamed(error: Exception) -> str:
    """Return the kind of an error that blames what was to be written; empty where it blames the database."""
    if isinstance(error, ValueError | TypeError | OverflowError):
        return type(error).__name__
    state = str(getattr(error, "sqlstate", None) or "")
    return state if state.startswith(_BAD_DATA) else ""
