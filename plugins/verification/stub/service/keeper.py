"""Keeps the rules and settings of this process those of the database: told by NOTIFY, and by a look each second.

Nothing is read and no connection is held before the first request needs it. While the database is away the rules stay
as they are.
"""

import asyncio
from contextvars import Context
from typing import Any, Final
from uuid import UUID

import structlog

from core.jobs.endings import hang_up
from core.jobs.outage import Outage
from plugins.verification.stub.queries import stub_rules as queries
from plugins.verification.stub.queries.stub_rules import RuleRow
from plugins.verification.stub.rules.chaos import Chaos, ChaosSettings
from plugins.verification.stub.rules.compiled import CompiledRule
from plugins.verification.stub.rules.rulebook import Rulebook
from plugins.verification.stub.rules.stored import UnreadableError, read_rule, read_settings
from ports.errors import PortError
from ports.storage import Storage

CHANNEL: Final = "hexastar_stub"
POLL: Final = 1.0
"""Seconds after which a change is seen that no notification told of."""

logger: Any = structlog.get_logger(__name__)


class RuleKeeper:
    """The rules and settings in force in this process.

    Attributes:
        book: the rules.
        chaos: what happens at random, and the delay of every answer.
        exhausted: rules, in one version each, whose uses are up.
    """

    def __init__(self, storage: Storage, poll: float = POLL) -> None:
        self.book = Rulebook()
        self.chaos = Chaos(ChaosSettings())
        self.exhausted: set[tuple[UUID, int]] = set()
        self._unreadable: set[tuple[UUID, int]] = set()
        self._storage = storage
        self._poll = poll
        self._revision = 0
        self._settings_revision = 0
        self._refreshing = asyncio.Lock()
        self._starting = asyncio.Lock()
        self._is_started = False
        self._wanted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_idle(self) -> bool:
        """Tell whether every request goes its usual way."""
        return not self.book.rules and self.chaos.is_idle

    async def start(self) -> None:
        """Read the rules and follow them from now on. Returns once they have been read, whoever began."""
        async with self._starting:
            if self._is_started:
                return
            if not self._tasks:
                for follow in (self._listen, self._follow):
                    name = f"verification-stub-rules{follow.__name__}"
                    self._tasks.append(asyncio.create_task(follow(), name=name, context=Context()))
            await self.refresh()
            self._is_started = True

    async def close(self) -> None:
        """Stop following."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        self._is_started = False

    async def refresh(self) -> None:
        """Have the rules that are in the database now; those of before where it does not answer."""
        try:
            await self._refresh()
        except PortError:
            self._wanted.set()

    async def _refresh(self) -> None:
        async with self._refreshing:
            found = await self._storage.fetch_one(queries.SETTINGS)
            revision, settings_revision = (found.revision, found.settings_revision) if found else (0, 0)
            if settings_revision != self._settings_revision:
                self.chaos = Chaos(_settings(found.settings if found else {}))
                self._settings_revision = settings_revision
            if revision != self._revision:
                await self._read_rules()
                self._revision = revision

    async def _read_rules(self) -> None:
        """Compile what has changed; rules that have not are kept as they are."""
        known = {(rule.id, rule.revision): rule for rule in self.book.rules}
        marks = {(mark.id, mark.revision) for mark in await self._storage.fetch_all(queries.MARKS)}
        kept = [rule for mark, rule in known.items() if mark in marks]
        self.exhausted &= marks
        self._unreadable &= marks
        changed = [rule_id for rule_id, _ in marks - known.keys() - self._unreadable]
        rows = await self._storage.fetch_all(queries.THESE, ids=changed) if changed else []
        self.book = Rulebook([*kept, *(rule for rule in map(self._compiled, rows) if rule is not None)])

    def _compiled(self, row: RuleRow) -> CompiledRule | None:
        """Return the rule; None, and one warning, where this version cannot read what another one wrote."""
        try:
            return read_rule(row.id, row.position, row.revision, row.definition)
        except UnreadableError as error:
            self._unreadable.add((row.id, row.revision))
            logger.warning("a rule of the stub cannot be read and answers nothing", rule=str(row.id), error=str(error))
            return None

    async def _follow(self) -> None:
        outage = Outage("the rules of the stub control plane")
        while True:
            try:
                async with asyncio.timeout(self._poll):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            try:
                await self._refresh()
            except Exception as error:  # noqa: BLE001 - the rules stay, whatever took the database away
                await asyncio.sleep(outage.failed(error))
            else:
                outage.over()

    async def _listen(self) -> None:
        outage = Outage("the rules of the stub control plane (listening)")
        while True:
            try:
                await self._hear(outage)
            except Exception as error:  # noqa: BLE001 - the look each second goes on, whatever took this away
                await asyncio.sleep(outage.failed(error))

    async def _hear(self, outage: Outage) -> None:
        connection = await self._storage.connect(application_name="hexastar stub rules")
        lost = asyncio.Event()

        def hear(*_: Any) -> None:
            self._wanted.set()

        def lose(*_: Any) -> None:
            lost.set()

        try:
            connection.add_termination_listener(lose)
            await connection.add_listener(CHANNEL, hear)
            outage.over()
            self._wanted.set()  # what changed while nobody listened
            await lost.wait()
        finally:
            await hang_up(connection)
        raise ConnectionError("the server closed the connection")


def _settings(stored: dict[str, Any]) -> ChaosSettings:
    """Return the settings; the defaults, and a warning, where this version cannot read what another one wrote."""
    try:
        return read_settings(stored)
    except UnreadableError as error:
        logger.warning("the stored settings of the stub cannot be read: the defaults hold", error=str(error))
        return ChaosSettings()
