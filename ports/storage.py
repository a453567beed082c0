"""The relational store: PostgreSQL, through two doors.

Promise. The compiled door (`fetch_one`, `fetch_all`, `stream`, `execute`, `transaction`) runs statements that were
compiled once and builds Structs straight from the driver's records. The session door (`session`) gives SQLAlchemy's
`AsyncSession` for domain logic that wants objects. The doors have separate pools; a transaction goes through one.
Types. NUMERIC is Decimal, UUID is UUID, TIMESTAMPTZ is an aware datetime in UTC, arrays are lists, JSON and JSONB take
and give Python objects (NaN and other non-JSON values are refused; None is SQL NULL, never JSON null).
Isolation is READ COMMITTED. A statement outside a transaction commits by itself. A transaction that lost a statement
to an error can only roll back; its commit raises.
Limits. One statement at a time runs on a transaction. A pool that stays exhausted for its timeout raises Unavailable,
and so does a statement that takes longer than the store allows.
Errors. `Unavailable` when the database cannot be reached, the connection broke, no connection came free, the server
ran out of resources, or a deadlock or serialization failure undid the transaction: nothing was committed.
`OutcomeUnknown("commit")` when the connection broke while COMMIT was under way: the transaction may or may not have
happened. `OutcomeUnknown("statement")` when it broke under a data-changing statement outside a transaction.
Constraint violations and wrong statements are the driver's own errors (asyncpg's through the compiled door,
SQLAlchemy's through the session), since rules of the domain live in constraints and are told apart by their names.
"""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from ports.queries import Command, Query, T
from ports.secrets import Secret

__all__ = ["Command", "Connection", "PreparedStatement", "Query", "Record", "Storage", "Transaction"]

OPERATION_BUCKETS: Final = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0)
"""Seconds between which the durations of operations are counted: those of OpenTelemetry's conventions."""

Record = Any
"""A row as the driver gives it: `row["name"]`, `row[0]`, iterable."""


class PreparedStatement(Protocol):
    """A statement prepared on one connection; it lives as long as the connection."""

    async def fetch(self, *arguments: Any, timeout: float | None = None) -> list[Record]:  # noqa: ASYNC109
        """Return every row; raise TimeoutError where they take longer than `timeout` seconds."""

    async def fetchrow(self, *arguments: Any) -> Record | None:
        """Return the first row, or None where there is none."""

    async def fetchval(self, *arguments: Any, column: int = 0) -> Any:
        """Return one column of the first row, or None where there is no row."""


class Connection(Protocol):
    """A connection of the driver, with `$1` placeholders. Its errors are asyncpg's own, untranslated.

    One that `Storage.connect` gave belongs to the caller, who closes it. One that a transaction gave belongs to the
    transaction: run statements on it, neither begin, commit nor close.
    """

    async def execute(self, query: str, *arguments: Any) -> str:
        """Run a statement and return its status (`INSERT 0 1`); without arguments, several statements."""

    async def executemany(self, command: str, args: Iterable[Sequence[Any]]) -> None:
        """Run a statement for each of `args` in one round trip; all or nothing."""

    async def fetch(self, query: str, *arguments: Any) -> list[Record]:
        """Return every row."""

    async def fetchrow(self, query: str, *arguments: Any) -> Record | None:
        """Return the first row, or None where there is none."""

    async def fetchval(self, query: str, *arguments: Any, column: int = 0) -> Any:
        """Return one column of the first row, or None where there is no row."""

    async def prepare(self, query: str, *, name: str | None = None) -> PreparedStatement:
        """Prepare a statement."""

    async def copy_records_to_table(
        self,
        table_name: str,
        *,
        records: Iterable[Sequence[Any]],
        columns: Sequence[str] | None = None,
        schema_name: str | None = None,
    ) -> str:
        """Write many rows by COPY."""

    async def add_listener(self, channel: str, callback: Callable[..., Any]) -> None:
        """LISTEN; call `callback(connection, pid, channel, payload)` at each notification."""

    async def remove_listener(self, channel: str, callback: Callable[..., Any]) -> None:
        """Stop calling `callback`; the last one gone ends the LISTEN."""

    def add_termination_listener(self, callback: Callable[..., Any]) -> None:
        """Call `callback(connection)` once when the connection ends, for whatever reason."""

    def is_closed(self) -> bool:
        """Tell whether the connection has ended."""

    async def close(self) -> None:
        """End the connection in an orderly way; bound it with `asyncio.timeout`."""

    def terminate(self) -> None:
        """Drop the connection at once."""


class Transaction(Protocol):
    """One transaction of the compiled door. It begins with its first statement; one never used costs nothing."""

    @property
    def begun(self) -> bool:
        """Tell whether BEGIN was sent and neither COMMIT nor ROLLBACK has ended it."""

    async def fetch_one(self, query: Query[T], /, **parameters: Any) -> T | None:
        """Return the first row, or None where there is none."""

    async def fetch_all(self, query: Query[T], /, **parameters: Any) -> list[T]:
        """Return every row."""

    async def execute(self, command: Query[Any], /, **parameters: Any) -> int:
        """Run a command and return how many rows it affected."""

    async def connection(self) -> Connection:
        """Return the transaction's connection; begins where it has not begun."""

    async def commit(self) -> None:
        """Make it permanent and give the connection back. Does nothing where it never began or has ended.

        Raises:
            Rejected: `transaction_aborted`: a statement had failed before; everything was rolled back.
            OutcomeUnknown: with the reference `commit`: the connection broke under the COMMIT.
        """

    async def rollback(self) -> None:
        """Undo it and give the connection back. Does nothing where it never began or has ended.

        A lost connection is no error here, since losing it rolls back too.
        """


class PoolUsage(msgspec.Struct, frozen=True):
    """How the connections of the compiled door are used, since the store was opened.

    Attributes:
        open: connections to the server, `idle` those of them that nobody uses.
        waits: how often somebody had to wait for one, `waited` how many seconds altogether.
        timeouts: how often the wait was in vain.
    """

    open: int
    idle: int
    waits: int
    waited: float
    timeouts: int


class OperationDurations(msgspec.Struct, frozen=True):
    """How long operations of one kind took, since the store was opened.

    Attributes:
        operation: what the statement did: `SELECT`, `INSERT`, `COMMIT` …; one of a fixed set.
        error: SQLSTATE, or the class of what failed on this side; empty for those that did not fail.
        counts: how many took no longer than each of `OPERATION_BUCKETS` but longer than the one before, and longer
            than all.
        seconds: how long they took altogether.
    """

    operation: str
    error: str
    counts: tuple[int, ...]
    seconds: float


class Storage(Protocol):
    """The relational store."""

    @property
    def dsn(self) -> Secret:
        """The address (`postgresql://…`), for migrations and child processes."""

    async def fetch_one(self, query: Query[T], /, **parameters: Any) -> T | None:
        """Return the first row, or None where there is none.

        Raises:
            TypeError: a parameter of the statement is missing, or one is unknown.
            Unavailable: see the module.
        """

    async def fetch_all(self, query: Query[T], /, **parameters: Any) -> list[T]:
        """Return every row. Raises as `fetch_one`."""

    def stream(self, query: Query[T], /, **parameters: Any) -> AsyncIterator[T]:
        """Yield every row of one snapshot without holding them all; occupies a connection until it ends.

        Close it (`contextlib.aclosing`) where the loop may be left early.
        """

    async def execute(self, command: Query[Any], /, **parameters: Any) -> int:
        """Run one command in a transaction of its own and return how many rows it affected.

        Raises:
            OutcomeUnknown: with the reference `statement`: the connection broke while it ran.
        """

    def transaction(self) -> Transaction:
        """Return a transaction of the compiled door, not yet begun. The caller must commit it or roll it back."""

    def usage(self) -> PoolUsage:
        """Tell how the connections are used, at no cost."""

    def operations(self) -> list[OperationDurations]:
        """Tell how long the server took for statements through either door and on connections given out."""

    def session(self) -> AsyncSession:
        """Return a new session (`expire_on_commit=False`). The caller must close it."""

    async def connect(self, *, application_name: str, server_settings: Mapping[str, str] | None = None) -> Connection:
        """Open a connection outside the pools, for LISTEN, session locks and long-lived prepared statements.

        A statement that takes longer than the store allows raises TimeoutError.

        Raises:
            Unavailable: the server does not answer or has no connection left.
        """

    async def ping(self) -> None:
        """Return when the database answers.

        Raises:
            Unavailable: it does not.
        """
