"""How long the server took for each operation, measured where every statement passes: at the driver's connection.

Both doors, the worker's own statements and whatever plugins run on a driver connection are counted alike. The time
begins when the statement is handed to the driver and ends with its answer; waiting for a connection is not in it.
"""

import re
from bisect import bisect_left
from collections.abc import Awaitable, Iterable
from functools import lru_cache
from time import perf_counter
from typing import Any, ClassVar, Final, TypeVar

import asyncpg

from ports.storage import OPERATION_BUCKETS, OperationDurations

T = TypeVar("T")

OTHER: Final = "_OTHER"
QUERIES: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "COPY", "CALL", "DO", "EXPLAIN"})
CONTROL: Final = frozenset(
    {"BEGIN", "START", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE", "LOCK", "PREPARE", "DEALLOCATE"}
    | {"SET", "RESET", "SHOW", "LISTEN", "UNLISTEN", "NOTIFY"}
)
DEFINITIONS: Final = frozenset({"CREATE", "ALTER", "DROP", "TRUNCATE", "GRANT", "REVOKE", "ANALYZE", "VACUUM"})
KNOWN: Final = QUERIES | CONTROL | DEFINITIONS
"""What operations are called; whatever else a statement begins with is `OTHER`."""

USUAL: Final = ("SELECT", "INSERT", "UPDATE", "DELETE", "COPY", "BEGIN", "COMMIT", "ROLLBACK", "PREPARE")
"""Operations that are told of from the start, with nothing counted, so that a first one is seen as an increase."""

_TOKENS: Final = re.compile(r"""'(?:[^']|'')*'|"[^"]*"|--[^\n]*|/\*.*?\*/|[()]|\w+""", re.DOTALL)


@lru_cache(1024)
def operation_name(sql: str) -> str:
    """Return what a statement does: its first keyword outside of parentheses, so that of `WITH … UPDATE` too."""
    depth = 0
    for token in _TOKENS.finditer(sql):
        match token[0].upper():
            case "(":
                depth += 1
            case ")":
                depth -= 1
            case word if not depth and word in KNOWN:
                return word
    return OTHER


class Operations:
    """The durations of one store's operations, by name and kind of failure.

    Written by the event loop's thread only, so it needs no locks.
    """

    def __init__(self) -> None:
        self._series: dict[tuple[str, str], list[float]] = {(operation, ""): _nothing() for operation in USUAL}

    async def timed(self, operation: str, answer: Awaitable[T]) -> T:
        """Wait for the answer to an operation and record how long that took, and how it failed if it did."""
        began = perf_counter()
        try:
            value = await answer
        except BaseException as error:
            self.record(operation, _kind(error), perf_counter() - began)
            raise
        self.record(operation, "", perf_counter() - began)
        return value

    def record(self, operation: str, error: str, seconds: float) -> None:
        """Count one operation; `error` is empty where it did not fail."""
        series = self._series.get((operation, error))
        if series is None:
            series = self._series[operation, error] = _nothing()
        series[bisect_left(OPERATION_BUCKETS, seconds)] += 1
        series[-1] += seconds

    def durations(self) -> list[OperationDurations]:
        """Return what was recorded so far."""
        return [
            OperationDurations(operation, error, tuple(map(int, series[:-1])), series[-1])
            for (operation, error), series in self._series.items()
        ]


def _nothing() -> list[float]:
    """Return a series without a count: a number for each bucket, one beyond them, and the sum."""
    return [0.0] * (len(OPERATION_BUCKETS) + 2)


def _kind(error: BaseException) -> str:
    """Return the server's SQLSTATE, or the class of what failed on this side."""
    return getattr(error, "sqlstate", None) or type(error).__name__


class MeasuredConnection(asyncpg.Connection):  # type: ignore[misc]  # the driver has no types
    """A connection of the driver that records its operations; see `measured`."""

    __slots__ = ()
    operations: ClassVar[Operations]

    def execute(self, query: str, *args: Any, **options: Any) -> Awaitable[str]:
        """As the driver's."""
        return self.operations.timed(operation_name(query), super().execute(query, *args, **options))

    def executemany(self, command: str, args: Iterable[Any], **options: Any) -> Awaitable[None]:
        """As the driver's; one operation."""
        return self.operations.timed(operation_name(command), super().executemany(command, args, **options))

    def fetch(self, query: str, *args: Any, **options: Any) -> Awaitable[list[Any]]:
        """As the driver's."""
        return self.operations.timed(operation_name(query), super().fetch(query, *args, **options))

    def fetchval(self, query: str, *args: Any, **options: Any) -> Awaitable[Any]:
        """As the driver's."""
        return self.operations.timed(operation_name(query), super().fetchval(query, *args, **options))

    def fetchrow(self, query: str, *args: Any, **options: Any) -> Awaitable[Any]:
        """As the driver's."""
        return self.operations.timed(operation_name(query), super().fetchrow(query, *args, **options))

    def copy_records_to_table(self, table_name: str, **options: Any) -> Awaitable[str]:
        """As the driver's."""
        return self.operations.timed("COPY", super().copy_records_to_table(table_name, **options))

    async def prepare(self, query: str, **options: Any) -> "MeasuredStatement":
        """As the driver's; the statement records each time that it is run."""
        statement = await self.operations.timed("PREPARE", super().prepare(query, **options))
        return MeasuredStatement(statement, self.operations, operation_name(query))


class MeasuredStatement:
    """A prepared statement that records each time that it is run."""

    __slots__ = ("_operation", "_operations", "_statement")

    def __init__(self, statement: Any, operations: Operations, operation: str) -> None:
        self._statement = statement
        self._operations = operations
        self._operation = operation

    def fetch(self, *args: Any, **options: Any) -> Awaitable[list[Any]]:
        """As the driver's."""
        return self._operations.timed(self._operation, self._statement.fetch(*args, **options))

    def fetchrow(self, *args: Any, **options: Any) -> Awaitable[Any]:
        """As the driver's."""
        return self._operations.timed(self._operation, self._statement.fetchrow(*args, **options))

    def fetchval(self, *args: Any, **options: Any) -> Awaitable[Any]:
        """As the driver's."""
        return self._operations.timed(self._operation, self._statement.fetchval(*args, **options))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._statement, name)


def measured(recorded: Operations) -> type[MeasuredConnection]:
    """Return the class of connections that record their operations in `recorded`."""

    class Measured(MeasuredConnection):
        __slots__ = ()
        operations = recorded

    return Measured
