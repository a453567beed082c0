"""Which operations are counted, and how."""

import asyncio
from collections import Counter
from contextlib import aclosing

import asyncpg
import pytest
from sqlalchemy import bindparam, func, literal, select, text

from core.testing.waiting import until
from ports.errors import Unavailable
from ports.storage import OPERATION_BUCKETS, Connection, OperationDurations, Query, Storage

NUMBERS = Query(select(func.generate_series(1, bindparam("last"), 1).label("number")), into=int)
NAP = Query(select(func.pg_sleep(bindparam("seconds")).is_not(None)), into=bool)
HALVED = Query(select(literal(1) / bindparam("divisor", type_=literal(1).type)), into=int)
PID = Query(select(func.pg_backend_pid()), into=int)

ASLEEP = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
DIVISION_BY_ZERO = "22012"
UNDEFINED_TABLE = "42P01"


def counted(storage: Storage) -> Counter[tuple[str, str]]:
    """Return how many operations were recorded, by name and failure."""
    return Counter({(one.operation, one.error): sum(one.counts) for one in storage.operations()})


class CountedOperations:
    """Every statement is counted once, whichever way it goes, by what it does and how it failed."""

    async def test_each_statement_of_the_compiled_door_is_counted_once(self, small: Storage) -> None:
        await small.ping()
        before = counted(small)
        await small.fetch_one(NUMBERS, last=1)
        await small.fetch_all(NUMBERS, last=3)
        transaction = small.transaction()
        await transaction.fetch_one(NUMBERS, last=1)
        await transaction.commit()
        assert counted(small) - before == {("SELECT", ""): 3, ("BEGIN", ""): 1, ("COMMIT", ""): 1}

    async def test_statements_of_a_session_are_counted_too(self, small: Storage) -> None:
        async with small.session() as session:
            await session.execute(text("SELECT 1"))
            before = counted(small)
            await session.execute(text("CREATE TEMPORARY TABLE kept (id int) ON COMMIT DROP"))
            await session.execute(text("WITH one AS (SELECT 1 AS id) INSERT INTO kept SELECT id FROM one"))
            await session.commit()
        found = counted(small) - before
        assert {name: found[name, ""] for name in ("CREATE", "INSERT", "SELECT", "COMMIT")} == {
            "CREATE": 1,
            "INSERT": 1,
            "SELECT": 0,
            "COMMIT": 1,
        }

    async def test_so_are_those_of_a_connection_that_was_given_out(self, small: Storage) -> None:
        connection = await small.connect(application_name="counted")
        try:
            before = counted(small)
            await connection.execute("CREATE TEMPORARY TABLE kept (id int)")
            await connection.executemany("INSERT INTO kept VALUES ($1)", [(1,), (2,)])
            await connection.copy_records_to_table("kept", records=[(3,)])
            assert await connection.fetchval("SELECT count(*) FROM kept") == 3
            prepared = await connection.prepare("DELETE FROM kept WHERE id = $1 RETURNING id")
            for number in (1, 2):
                assert await prepared.fetchval(number) == number
            assert [row["id"] for row in await connection.fetch("SELECT id FROM kept")] == [3]
        finally:
            await connection.close()
        found = {operation: count for (operation, _), count in (counted(small) - before).items()}
        assert found == {"CREATE": 1, "INSERT": 1, "COPY": 1, "SELECT": 2, "PREPARE": 1, "DELETE": 2}

    async def test_a_stream_is_counted_by_its_batches(self, small: Storage) -> None:
        before = counted(small)
        async with aclosing(small.stream(NUMBERS, last=1200)) as rows:  # type: ignore[type-var]
            assert [row async for row in rows] == list(range(1, 1201))
        found = counted(small) - before
        assert 1 <= found["SELECT", ""] <= 12

    async def test_a_refusal_is_counted_by_its_sqlstate_through_either_door(self, small: Storage) -> None:
        with pytest.raises(asyncpg.DivisionByZeroError):
            await small.fetch_one(HALVED, divisor=0)
        assert counted(small)["SELECT", DIVISION_BY_ZERO] == 1
        async with small.session() as session:
            with pytest.raises(Exception, match="nothing_there"):
                await session.execute(text("SELECT 1 FROM nothing_there"))
        assert sum(count for (_, error), count in counted(small).items() if error == UNDEFINED_TABLE) == 1

    async def test_a_lost_connection_and_a_cancelled_statement_are_counted_as_failures(
        self, small: Storage, admin: Connection
    ) -> None:
        pid = await small.fetch_one(PID)
        napping = asyncio.create_task(small.fetch_one(NAP, seconds=60))
        await asleep(admin)
        await admin.fetchval("SELECT pg_terminate_backend($1)", pid)
        with pytest.raises(Unavailable):
            await napping
        cancelled = asyncio.create_task(small.fetch_one(NAP, seconds=60))
        await asleep(admin)
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled
        failed = {error for (operation, error), count in counted(small).items() if operation == "SELECT" and error}
        assert "CancelledError" in failed
        assert len(failed) == 2

    async def test_a_duration_falls_into_its_bucket_and_into_the_sum(self, small: Storage) -> None:
        before = _selects(small)
        await small.fetch_one(NAP, seconds=0.06)
        after = _selects(small)
        assert len(after.counts) == len(OPERATION_BUCKETS) + 1
        slow = OPERATION_BUCKETS.index(0.05) + 1
        assert after.counts[:slow] == before.counts[:slow]
        assert sum(after.counts[slow:]) == sum(before.counts[slow:]) + 1
        assert after.seconds > before.seconds + 0.06


async def asleep(admin: Connection) -> None:
    """Return once a statement sleeps on the server."""
    await until(lambda: admin.fetchval(ASLEEP))


def _selects(storage: Storage) -> OperationDurations:
    """Return what was recorded of the reads that went well."""
    (selects,) = [one for one in storage.operations() if (one.operation, one.error) == ("SELECT", "")]
    return selects
