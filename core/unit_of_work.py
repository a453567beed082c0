"""The unit of work: one transaction through one door, with the jobs and events that belong to it.

    async with units() as uow:
        await uow.execute(ADD_ORDER, id=order_id, buyer=buyer_id)
        await uow.publish("orders.placed", OrderPlaced(order_id))

It begins with its first statement and commits on a clean exit, or rolls back. What is enqueued and published are rows
of the same transaction: they exist exactly if it commits. Handlers receive a unit as `uow` and never commit it.
"""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from datetime import datetime
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from uuid import UUID

import msgspec
from advanced_alchemy.repository import SQLAlchemyAsyncRepository
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.engine import Connection as SessionConnection
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session
from sqlalchemy.util import await_

from core.failpoints import Failpoint
from core.jobs.declare import Job, P
from core.jobs.outbox import JobOutbox, JobRow
from core.lost_connections import lost_under
from ports.errors import Unavailable
from ports.storage import Connection, Query, Storage, Transaction

T = TypeVar("T")
RepositoryT = TypeVar("RepositoryT", bound=SQLAlchemyAsyncRepository[Any])


_UNIT: Final = "hexastar_unit"
"""Key in a session's `info` under which its unit of work is found."""

_BEFORE_COMMIT: Final = Failpoint("unit_of_work.before_commit")
_COMMITTED: Final = Failpoint("unit_of_work.committed")


class TwoDoorsError(RuntimeError):
    """A unit of work was used through both doors; a transaction goes through the one that it began with."""


class EndedUnitError(RuntimeError):
    """A unit of work was used after its commit or rollback."""


class UnitOfWork:
    """One transaction. `on_begin`, where set, runs once right after it began, through either door.

    Statements raise what the storage port says; use it from one task at a time.
    """

    __slots__ = ("_driver", "_ended", "_outbox", "_rows", "_sent", "_session", "_storage", "_transaction", "on_begin")

    def __init__(
        self,
        storage: Storage,
        outbox: JobOutbox,
        on_begin: "Callable[[UnitOfWork], Awaitable[None]] | None" = None,
    ) -> None:
        self.on_begin = on_begin
        self._storage = storage
        self._outbox = outbox
        self._transaction: Transaction | None = None
        self._session: AsyncSession | None = None
        self._driver: Connection | None = None
        self._rows: list[JobRow] = []
        self._sent: list[str] = []
        self._ended = False

    @property
    def begun(self) -> bool:
        """Tell whether its transaction is open."""
        return self._driver is not None and not self._ended

    @property
    def used(self) -> bool:
        """Tell whether a door was chosen, so that a commit may have something to write."""
        return self._transaction is not None or self._session is not None

    async def fetch_one(self, query: Query[T], /, **parameters: Any) -> T | None:
        """Return the first row, or None where there is none. Chooses the compiled door."""
        transaction = self._transaction or await self._begin()
        return await transaction.fetch_one(query, **parameters)

    async def fetch_all(self, query: Query[T], /, **parameters: Any) -> list[T]:
        """Return every row. Chooses the compiled door."""
        transaction = self._transaction or await self._begin()
        return await transaction.fetch_all(query, **parameters)

    async def execute(self, command: Query[Any], /, **parameters: Any) -> int:
        """Run a command and return how many rows it affected. Chooses the compiled door."""
        transaction = self._transaction or await self._begin()
        return await transaction.execute(command, **parameters)

    @property
    def session(self) -> AsyncSession:
        """The unit's session; neither commit nor close it. Chooses the session door.

        Raises:
            TwoDoorsError: the unit has begun through the compiled door.
        """
        if self._session is None:
            self._refuse_ended()
            if self._transaction is not None:
                raise TwoDoorsError("this unit of work goes through the compiled door, so it has no session")
            self._session = self._storage.session()
            self._session.sync_session.info[_UNIT] = self
        return self._session

    def repository(self, kind: type[RepositoryT]) -> RepositoryT:
        """Return a repository of `kind` over the unit's session."""
        return kind(session=self.session)

    async def connection(self) -> Connection:
        """Return the driver's connection of whichever door is open; begins, by default through the compiled one."""
        if self._driver is None:
            if self._session is not None:
                await self._session.connection()
            else:
                await self._begin()
        self._refuse_ended()
        assert self._driver is not None  # noqa: S101 - both ways of beginning set it
        return self._driver

    async def enqueue(
        self,
        job: Job[P],
        payload: P,
        *,
        key: str | None = None,
        at: datetime | None = None,
        priority: int | None = None,
    ) -> UUID | None:
        """Have `job` run after the commit, not before `at`; return its id.

        Returns None where the job is unique and its key already holds one, which then stays as it is. Raises as
        `JobOutbox.row`.
        """
        row = self._outbox.row(job, payload, key, at, priority)
        if self._session is not None and job.unique is None:
            self._refuse_ended()
            self._rows.append(row)
            return row[0]
        written: UUID | None = await self._write(lambda connection: connection.fetchval(self._outbox.insert_sql, *row))
        if written is not None:
            self._sent.append(job.name)
        return written

    async def publish(self, event: str, payload: msgspec.Struct) -> None:
        """Have every subscriber of `event` run after the commit. Without subscribers nothing is written."""
        jobs = self._outbox.subscribers(event)
        rows = [self._outbox.row(job, payload, None, None, None) for job in jobs]
        if not rows:
            return
        if self._session is not None:
            self._refuse_ended()
            self._rows += rows
            return
        await self._write(lambda connection: connection.executemany(self._outbox.insert_sql, rows))
        self._sent += [job.name for job in jobs]

    async def commit(self) -> None:
        """Make it permanent, then ring the bell if it wrote jobs. For the factory and the request's dependency.

        Raises:
            Unavailable: it did not happen.
            OutcomeUnknown: with the reference `commit`: the connection broke under the COMMIT.
        """
        try:
            self._refuse_ended()
            _BEFORE_COMMIT()
            if self._transaction is not None:
                await self._transaction.commit()
            elif self._session is not None:
                await self._session.run_sync(self._finish)
        finally:
            await self._end()
        _COMMITTED()
        if self._sent:
            self._outbox.ring(self._sent)

    async def rollback(self) -> None:
        """Undo it. For the factory and the request's dependency."""
        await self._end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            await self.commit()
            return
        lost = lost_under(self._driver, error)
        await self.rollback()
        if lost:
            raise Unavailable(f"the database: {error}") from error

    async def _begin(self) -> Transaction:
        self._refuse_ended()
        if self._session is not None:
            raise TwoDoorsError("this unit of work goes through its session; run the statement on that")
        transaction = self._storage.transaction()
        self._driver = await transaction.connection()
        self._transaction = transaction
        await self._has_begun()
        return transaction

    def session_began(self, connection: SessionConnection) -> None:
        """Take note that the session's transaction has begun; for the session's own event."""
        if self._driver is not None:
            return  # a savepoint
        driver: Any = connection.connection.driver_connection
        self._driver = driver
        await_(self._has_begun())

    async def _has_begun(self) -> None:
        _unit.set(self)
        on_begin, self.on_begin = self.on_begin, None
        if on_begin is None:
            return
        try:
            await on_begin(self)
        except BaseException:
            self._ended = True  # whoever catches this cannot go on without the guard
            raise

    async def _write(self, statement: Callable[[Connection], Awaitable[Any]]) -> Any:
        """Run a statement of ours on the driver's connection, failing in the port's words."""
        connection = await self.connection()
        try:
            return await statement(connection)
        except Exception as error:
            if lost_under(self._driver, error):
                raise Unavailable(f"the database: {error}") from error
            raise

    def _finish(self, session: Session) -> None:
        """Flush, write the jobs, commit: one entry into SQLAlchemy's greenlet instead of three."""
        session.flush()
        if self._rows:
            session.connection()
            await_(self._write(lambda connection: connection.executemany(self._outbox.insert_sql, self._rows)))
            self._sent += [row[1] for row in self._rows]
        if self._driver is not None:
            session.commit()

    async def _end(self) -> None:
        self._ended = True
        if _unit.get() is self:
            _unit.set(None)
        transaction, self._transaction = self._transaction, None
        session, self._session = self._session, None
        if transaction is not None:
            await transaction.rollback()
        if session is not None:
            await session.close()

    def _refuse_ended(self) -> None:
        if self._ended:
            raise EndedUnitError("this unit of work has ended; begin another")


@sqlalchemy_event.listens_for(Session, "after_begin")
def _tell_unit(session: Session, _transaction: object, connection: SessionConnection) -> None:
    """Tell a session's unit; one listener for all, since adding one to each session costs more than beginning it."""
    unit: UnitOfWork | None = session.info.get(_UNIT)
    if unit is not None:
        unit.session_began(connection)


class UnitOfWorkFactory:
    """Makes units of work: `async with units() as uow:` commits on a clean exit and rolls back on an exception."""

    def __init__(self, storage: Storage, outbox: JobOutbox) -> None:
        self._storage = storage
        self._outbox = outbox

    def __call__(self, *, on_begin: Callable[[UnitOfWork], Awaitable[None]] | None = None) -> UnitOfWork:
        """Return a new unit, not yet begun."""
        return UnitOfWork(self._storage, self._outbox, on_begin)


_unit: Final[ContextVar[UnitOfWork | None]] = ContextVar("unit_of_work", default=None)


def open_unit() -> UnitOfWork | None:
    """Return the unit whose transaction is open in this task. No port may be called while there is one."""
    unit = _unit.get()
    # A task that was started within a unit keeps its context, and the unit may have ended since.
    return unit if unit is not None and unit.begun else None
