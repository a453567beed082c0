"""The processes that write one journal. Before one of them reads it, the others write what they hold in memory.

Who is about to read asks by NOTIFY, and everybody who writes answers in the same way once what they had is in the
table. There are as many answers to wait for as there are others that listen. One that does not answer is not waited
for beyond a moment: it writes by itself a tenth of a second later.
"""

import asyncio
from contextvars import Context
from typing import Any, Final
from uuid import uuid4

import structlog

from core.jobs.endings import hang_up
from core.jobs.outage import Outage
from plugins.verification.stub.service.journal import Journal
from ports.errors import Unavailable
from ports.storage import Connection, Storage

CHANNEL: Final = "hexastar_stub_journal"
NAME: Final = "hexastar stub journal"
ANSWER_SECONDS: Final = 0.5
"""How long the others may take."""

_OTHERS: Final = """
SELECT pid FROM pg_stat_activity
WHERE application_name = $1 AND datname = current_database() AND pid <> pg_backend_pid()
"""
_ASK: Final = "ask"
_DONE: Final = "done"

logger: Any = structlog.get_logger(__name__)


class JournalCircle:
    """This process's journal, and its place among those that write: one connection, from the first entry on."""

    def __init__(self, storage: Storage, max_rows: int) -> None:
        self._storage = storage
        self.journal: Final = Journal(storage, max_rows=max_rows, on_first=self.join)
        self._connection: Connection | None = None
        self._connected = asyncio.Event()
        self._talking = asyncio.Lock()
        self._unanswered: dict[str, tuple[set[int], asyncio.Event]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Task[None] | None = None

    def join(self) -> None:
        """Listen from now on."""
        if self._listening is None:
            self._listening = asyncio.create_task(self._listen(), name="verification-journal-circle", context=Context())

    async def gather(self) -> None:
        """Return once what every process has recorded before is in the table.

        Raises:
            Unavailable: this one cannot write what it has recorded.
        """
        self.join()
        await self.journal.flush()
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._connected.wait()
                await self._ask_others()
        except Exception as error:  # noqa: BLE001 - the others write by themselves in a moment, whatever went wrong
            logger.info("not every process has written its part of the journal", error=type(error).__name__)

    async def close(self) -> None:
        """Leave, and write what the journal has still to write."""
        tasks = [task for task in (self._listening, *self._answering) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.journal.close()

    async def _ask_others(self) -> None:
        question = uuid4().hex
        async with self._talking:
            if self._connection is None:
                return
            others = {row["pid"] for row in await self._connection.fetch(_OTHERS, NAME)}
            if not others:
                return
            answered = asyncio.Event()
            self._unanswered[question] = (others, answered)
            await self._tell(_ASK, question)
        try:
            await answered.wait()
        finally:
            del self._unanswered[question]

    async def _answer(self, question: str) -> None:
        try:
            await self.journal.flush()
        except Unavailable:
            return
        async with self._talking:
            await self._tell(_DONE, question)

    async def _tell(self, word: str, question: str) -> None:
        if self._connection is not None:
            await self._connection.execute("SELECT pg_notify($1, $2)", CHANNEL, f"{word} {question}")

    def _hear(self, _connection: object, pid: int, _channel: str, payload: str) -> None:
        word, _, question = payload.partition(" ")
        if word == _DONE and question in self._unanswered:
            others, answered = self._unanswered[question]
            others.discard(pid)
            if not others:
                answered.set()
        elif word == _ASK and question not in self._unanswered:
            task = asyncio.create_task(self._answer(question), name="verification-journal-answer", context=Context())
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def _listen(self) -> None:
        outage = Outage("the journal of the stub control plane (listening)")
        while True:
            try:
                await self._hear_until_lost(outage)
            except Exception as error:  # noqa: BLE001 - entries are written all the same, whatever took this away
                await asyncio.sleep(outage.failed(error))

    async def _hear_until_lost(self, outage: Outage) -> None:
        connection = await self._storage.connect(application_name=NAME)
        lost = asyncio.Event()

        def lose(*_: Any) -> None:
            lost.set()

        try:
            connection.add_termination_listener(lose)
            await connection.add_listener(CHANNEL, self._hear)
            outage.over()
            self._connection = connection
            self._connected.set()
            await lost.wait()
        finally:
            self._connected.clear()
            self._connection = None
            await hang_up(connection)
        raise ConnectionError("the server closed the connection")
