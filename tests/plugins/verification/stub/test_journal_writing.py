"""The journal's writer: bounded in memory and in the table, through outages, and kept small by its job."""

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg
import pytest

from core.jobs.declare import Tick
from core.testing.waiting import until
from plugins.verification.settings import Settings
from plugins.verification.stub.jobs import prune_journal
from plugins.verification.stub.queries.journal import BATCH, COUNT, FORGET_ALL, TRIM, JournalFilters, page, total
from plugins.verification.stub.service.control import control_of
from plugins.verification.stub.service.journal import MAX_BYTES, Journal
from plugins.verification.stub.settings import StubSettings
from ports.errors import Unavailable
from tests.plugins.verification.stub.journals import AT, entry

ORDER = "SELECT request_id FROM verification.stub_request_journal ORDER BY seq"


class FailingStorage:
    """The store, away while it is told to be."""

    def __init__(self, storage):
        self._storage = storage
        self.away = False
        self.refusal = None
        self.asked = 0

    async def connect(self, **parameters):
        return await self._storage.connect(**parameters)

    def transaction(self):
        self.asked += 1
        if self.away:
            raise Unavailable("the database is away")
        return self._storage.transaction()

    async def execute(self, command, /, **parameters):
        if self.away:
            raise Unavailable("the database is away")
        if self.refusal is not None:
            raise self.refusal
        return await self._storage.execute(command, **parameters)


@pytest.fixture
async def empty(application, storage):
    """The store with an empty journal."""
    await control_of(application.services).journal.flush()
    await storage.execute(FORGET_ALL)
    return storage


@pytest.fixture
def failing(empty):
    return FailingStorage(empty)


@asynccontextmanager
async def connected(storage):
    connection = await storage.connect(application_name="test")
    try:
        yield connection
    finally:
        await connection.close()


async def kept(storage):
    """The entries' numbers in the order of the table."""
    async with connected(storage) as connection:
        return [int(row["request_id"]) for row in await connection.fetch(ORDER)]


async def test_the_newest_stay_and_the_table_holds_a_tenth_more_at_most(empty, full, figure):
    bound, written, most = 10_000 if full else 500, 1_000_000 if full else 4_000, 0
    journal = Journal(empty, max_rows=bound)
    for number in range(written):
        journal.record(entry(request_id=str(number)))
        if number % (bound // 10) == 0:
            await journal.flush()
            most = max(most, await empty.fetch_one(COUNT))
    await journal.close()
    assert journal.dropped == 0
    assert most <= bound * 1.2
    numbers = await kept(empty)
    assert numbers == list(range(written - len(numbers), written))
    figure("stub", f"most rows over {written} entries, bound {bound}", most, at_most=bound * 1.2)


async def test_memory_is_bounded_by_count_while_the_database_is_away(failing, empty):
    failing.away = True
    journal = Journal(failing, max_rows=1_000)
    for number in range(5_000):
        journal.record(entry(request_id=str(number)))
    assert (journal.waiting, journal.dropped) == (1_000, 4_000)
    with pytest.raises(Unavailable):
        await journal.flush()
    assert journal.failing
    assert (journal.waiting, journal.dropped) == (1_000, 4_000)
    failing.away = False
    await journal.flush()
    assert not journal.failing
    assert await kept(empty) == list(range(4_000, 5_000))
    await journal.close()


async def test_memory_is_bounded_by_size_while_the_database_is_away(failing):
    failing.away = True
    journal = Journal(failing, max_rows=100_000)
    for _ in range(1_000):
        journal.record(entry(body=b"x" * 65_536))
    assert journal.waiting == MAX_BYTES // (65_536 + 2_048 + 2 * len(entry().path))
    assert journal.dropped == 1_000 - journal.waiting
    failing.away = False
    await journal.flush()
    journal.record(entry(body=b"x" * 65_536))
    assert journal.waiting == 1  # what was written is not counted for ever
    await journal.close()


async def test_what_waited_through_an_outage_is_written_by_itself_in_order_and_once(failing, empty):
    failing.away = True
    journal = Journal(failing, max_rows=10_000)
    for number in range(700):
        journal.record(entry(request_id=str(number)))

    async def is_tried():
        return failing.asked > 1 and journal.failing

    async def is_written():
        return journal.waiting == 0

    await until(is_tried)
    failing.away = False
    await until(is_written)
    assert await kept(empty) == list(range(700))
    assert journal.dropped == 0
    await journal.close()


async def test_a_connection_that_breaks_while_rows_are_written_loses_and_doubles_none(empty):
    journal = Journal(empty, max_rows=100_000)
    ended = 0
    for number in range(6_000):
        journal.record(entry(request_id=str(number)))
        if number % 1_500 == 1_499:
            flushing = asyncio.create_task(journal.flush())
            await asyncio.sleep(0)
            async with connected(empty) as connection:
                ended += len(
                    await connection.fetch(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                        " WHERE application_name = 'hexastar compiled' AND datname = current_database()"
                    )
                )
            await asyncio.gather(flushing, return_exceptions=True)
    assert ended

    async def is_written():
        return journal.waiting == 0 and len(await kept(empty)) == 6_000

    await until(is_written)
    await journal.close()
    assert sorted(await kept(empty)) == list(range(6_000))
    assert journal.dropped == 0


async def test_recording_neither_waits_nor_fails_whatever_the_database_does(failing):
    failing.away = True
    journal = Journal(failing, max_rows=1_000)
    for _ in range(2_000):
        assert journal.record(entry()) is None
    await journal.close()


async def test_a_trim_that_the_database_refuses_is_told_and_ends_no_writing(failing):
    failing.refusal = asyncpg.LockNotAvailableError("somebody holds the table")
    journal = Journal(failing, max_rows=10)
    for number in range(5):
        journal.record(entry(request_id=str(number)))
    await until(lambda: _is(lambda: journal.failing))
    failing.refusal = None
    journal.record(entry(request_id="5"))
    await until(lambda: _is(lambda: not journal.failing and not journal.waiting))
    await journal.close()
    assert await kept(failing) == list(range(6))


async def _is(condition):
    return condition()


async def test_what_waits_is_written_when_the_application_stops(empty):
    journal = Journal(empty, max_rows=10)
    journal.record(entry(request_id="1"))
    await journal.close()
    assert await kept(empty) == [1]


async def test_the_job_deletes_what_is_too_old_and_what_is_too_much(application, empty, clock, units):
    settings = Settings(stub=StubSettings(journal_max_rows=800))
    journal = Journal(empty, max_rows=1_000_000)
    for number in range(BATCH + 500):
        journal.record(entry(request_id=str(number), created_at=clock.now() - timedelta(days=8)))
    for number in range(settings.stub.journal_max_rows + 700):
        journal.record(entry(request_id=str(BATCH + 500 + number), created_at=clock.now()))
    await journal.close()
    assert await empty.fetch_one(COUNT) == BATCH + 500 + settings.stub.journal_max_rows + 700
    await prune_journal(Tick(clock.now()), units=units, clock=clock, settings=settings)
    numbers = await kept(empty)
    assert len(numbers) == settings.stub.journal_max_rows
    assert numbers[0] == BATCH + 500 + 700


async def test_an_entry_that_is_young_enough_stays(application, empty, clock, units):
    journal = control_of(application.services).journal
    journal.record(entry(request_id="1", created_at=clock.now() - timedelta(days=8)))
    journal.record(entry(request_id="2", created_at=clock.now() - timedelta(days=6)))
    await journal.flush()
    await prune_journal(Tick(clock.now()), units=units, clock=clock, settings=Settings())
    assert await kept(empty) == [2]


PLANS = (
    (page, {"count": 21}, "uq_stub_request_journal_seq"),
    (page, {"count": 21, "before": 9_000}, "uq_stub_request_journal_seq"),
    (page, {"count": 21, "path": "/7", "method": "GET"}, "ix_stub_request_journal_path_method"),
    (page, {"count": 21, "session": "7"}, "ix_stub_request_journal_session"),
    (total, {"path": "/7", "method": "GET"}, "ix_stub_request_journal_path_method"),
)
"""What is asked most, and the index that serves it."""


async def test_an_index_serves_what_is_asked_most(empty):
    """Where one can, that is: for tables as small as this one, reading all of it is sometimes estimated to be cheaper.

    A statement that no index serves still reads the table from end to end, whatever the planner is told to avoid.
    """
    journal = Journal(empty, max_rows=1_000_000)
    for number in range(10_000):
        journal.record(entry(path=f"/{number % 500}", session=str(number % 500) if number % 2 else None, created_at=AT))
    await journal.close()
    async with connected(empty) as connection:
        await connection.execute("ANALYZE verification.stub_request_journal")
        await connection.execute("SET enable_seqscan = off")
        for query, parameters, index in PLANS:
            filters = JournalFilters(**{name: value for name, value in parameters.items() if name != "count"})
            statement = query(frozenset(filters.given())).compiled
            lines = await connection.fetch(f"EXPLAIN {statement.sql}", *statement.arguments(parameters))
            plan = "\n".join(line[0] for line in lines)
            assert index in plan, plan
            assert "Seq Scan" not in plan, plan
        deletion = await connection.fetch(f"EXPLAIN {TRIM.compiled.sql}", *TRIM.compiled.arguments({"max_rows": 9_000}))
        assert "Seq Scan" not in "\n".join(line[0] for line in deletion)
