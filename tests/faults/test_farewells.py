"""The server takes leave of a connection while nobody asks, and the end of that has not come yet: nothing happened."""

# ruff: noqa: PT012 - it is the unit's end that may raise, and a unit is more than one statement

from collections.abc import AsyncIterator, Awaitable, Callable

import asyncpg
import msgspec
import pytest
from sqlalchemy import Column, MetaData, Table, Text, func, insert, select
from sqlalchemy.schema import CreateSchema, CreateTable

from adapters.storage import postgres as adapter
from core.jobs.bell import SilentBell
from core.jobs.declare import job
from core.jobs.outbox import JobOutbox
from core.jobs.tables import jobs
from core.testing.contracts.storage.backends import terminate
from core.unit_of_work import UnitOfWork, UnitOfWorkFactory
from ports.errors import Unavailable
from ports.queries import DIALECT
from ports.storage import Command, Connection, Query, Storage
from tests.faults.kit.cluster import Cluster
from tests.faults.kit.proxy import Proxy, proxied
from tests.faults.kit.toxics import SlowClose

LATE = SlowClose(60.0)
notes = Table("notes", MetaData(), Column("note", Text))
NOTE = Command(insert(notes).values(note="once"))
NOTES = Query(select(func.count()).select_from(notes), into=int)

Act = Callable[[UnitOfWork], Awaitable[object]]


class Payload(msgspec.Struct):
    number: int


@job("farewells.once", unique="until_done")
async def once(payload: Payload) -> None: ...


@job("farewells.plain")
async def plain(payload: Payload) -> None: ...


@pytest.fixture
async def admin(postgres: Cluster) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect((await postgres.create_database("farewells")).reveal())
    for creation in (CreateSchema("core"), CreateTable(jobs), CreateTable(notes)):
        await connection.execute(str(creation.compile(dialect=DIALECT)))
    yield connection
    await connection.close()
    server = await asyncpg.connect(postgres.dsn().reveal())
    await server.execute("DROP DATABASE farewells WITH (FORCE)")
    await server.close()


@pytest.fixture
async def proxy(postgres: Cluster) -> AsyncIterator[Proxy]:
    async with proxied("127.0.0.1", postgres.port) as proxy:
        yield proxy


@pytest.fixture
async def store(postgres: Cluster, admin: Connection, proxy: Proxy) -> AsyncIterator[Storage]:
    """A storage whose connections end long after the server has said its last word."""
    dsn = postgres.dsn("farewells", port=proxy.port)
    async with adapter.open(adapter.Settings(dsn=dsn, pool_size=2, session_pool_size=1)) as store:
        await proxy.add(LATE)
        yield store
        proxy.reset()


async def by_statement(uow: UnitOfWork) -> None:
    await uow.execute(NOTE)


async def by_session(uow: UnitOfWork) -> None:
    await uow.session.execute(insert(notes).values(note="once"))


async def commit(uow: UnitOfWork) -> None:
    """Do nothing more, so that the commit is next."""


async def enqueue(uow: UnitOfWork) -> None:
    await uow.enqueue(plain, Payload(1))


async def enqueue_once(uow: UnitOfWork) -> None:
    await uow.enqueue(once, Payload(1), key="one")


THEN: dict[str, Act] = {"commit": commit, "enqueue": enqueue, "enqueue once": enqueue_once}


@pytest.mark.parametrize("then", [*THEN, "write"])
@pytest.mark.parametrize("write", [by_statement, by_session], ids=["compiled", "session"])
async def test_what_follows_a_farewell_did_not_happen_and_may_be_tried_again(
    store: Storage, admin: Connection, write: Act, then: str
) -> None:
    units = UnitOfWorkFactory(store, JobOutbox([plain, once], SilentBell()))
    after = THEN.get(then, write)
    with pytest.raises(Unavailable):
        async with units() as uow:
            await write(uow)
            driver = await uow.connection()
            await terminate(admin, await driver.fetchval("SELECT pg_backend_pid()"))
            await store.fetch_one(NOTES)  # on the same way, so that the farewell has come before this answer
            assert not driver.is_closed()
            await after(uow)
    assert await admin.fetchval("SELECT count(*) FROM notes") == 0
    async with units() as uow:
        await write(uow)
        await after(uow)
    assert await store.fetch_one(NOTES) == (2 if then == "write" else 1)


async def test_a_server_that_takes_its_time_to_close_a_connection_keeps_nobody_from_starting(
    postgres: Cluster, admin: Connection, proxy: Proxy
) -> None:
    dsn = postgres.dsn("farewells", port=proxy.port)
    settings = adapter.Settings(dsn=dsn, acquire_timeout=0.5)
    async with proxy.poisoned(LATE, "downstream"), adapter.open(settings) as store:
        assert await store.fetch_one(NOTES) == 0
        proxy.reset()
