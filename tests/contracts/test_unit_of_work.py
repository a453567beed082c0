"""A unit of work is one transaction through one door, and its jobs are part of it."""

# ruff: noqa: PT012 - it is a unit's end that raises, and a unit is more than one statement

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from advanced_alchemy.exceptions import RepositoryError
from asyncpg import ForeignKeyViolationError, UniqueViolationError
from sqlalchemy import func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateIndex, CreateSchema, CreateTable

from adapters.storage import embedded_postgres
from core.constraints import violated_constraint
from core.jobs.bell import SilentBell
from core.jobs.declare import job, subscriber
from core.jobs.outbox import JobOutbox
from core.jobs.tables import jobs
from core.testing.contracts.storage.accounts import (
    BACKEND,
    COUNT,
    OPEN,
    OPEN_CHILD,
    SCHEMA,
    Account,
    Accounts,
    Slow,
)
from core.testing.contracts.storage.backends import running, terminate
from core.testing.waiting import until
from core.unit_of_work import EndedUnitError, TwoDoorsError, UnitOfWork, UnitOfWorkFactory, open_unit
from ports.errors import OutcomeUnknown, Rejected, Unavailable
from ports.queries import DIALECT
from ports.storage import Connection, Query, Storage

NAMES = Query(select(jobs.c.name).order_by(jobs.c.name), into=str)


class Payload(msgspec.Struct):
    number: int


@job("contract.plain")
async def plain(payload: Payload) -> None: ...


@job("contract.once", unique="until_done")
async def once(payload: Payload) -> None: ...


@subscriber("contract.happened", name="contract.first")
async def first(payload: Payload) -> None: ...


@subscriber("contract.happened", name="contract.second")
async def second(payload: Payload) -> None: ...


class CountingBell(SilentBell):
    def __init__(self) -> None:
        self.rings = 0

    def ring(self) -> None:
        self.rings += 1


@pytest.fixture(scope="module")
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Storage]:
    folder: Path = tmp_path_factory.mktemp("units")
    settings = embedded_postgres.Settings(state_dir=str(folder), pool_size=2, session_pool_size=2, acquire_timeout=30.0)
    async with embedded_postgres.open(settings) as store:
        yield store


@pytest.fixture
async def admin(store: Storage) -> AsyncIterator[Connection]:
    connection = await store.connect(application_name="administrator")
    await connection.execute(SCHEMA)
    await connection.execute("DROP SCHEMA IF EXISTS core CASCADE")
    for creation in (CreateSchema("core"), CreateTable(jobs)):
        await connection.execute(str(creation.compile(dialect=DIALECT)))
    for index in jobs.indexes:
        if index.unique:
            await connection.execute(str(CreateIndex(index).compile(dialect=DIALECT)))
    yield connection
    await connection.close()


@pytest.fixture
def bell() -> CountingBell:
    return CountingBell()


@pytest.fixture
def units(store: Storage, admin: Connection, bell: CountingBell) -> UnitOfWorkFactory:
    return UnitOfWorkFactory(store, JobOutbox([plain, once, first, second], bell))


Write = Callable[[UnitOfWork, str], Awaitable[None]]


async def write_compiled(uow: UnitOfWork, email: str) -> None:
    await uow.execute(OPEN, email=email)


async def write_session(uow: UnitOfWork, email: str) -> None:
    uow.session.add(Account(email=email))
    await uow.session.flush()


@pytest.fixture(params=[write_compiled, write_session], ids=["compiled", "session"])
def write(request: pytest.FixtureRequest) -> Write:
    """Write an account through one of the doors."""
    return request.param  # type: ignore[no-any-return]


async def test_a_clean_exit_commits(units: UnitOfWorkFactory, store: Storage, write: Write) -> None:
    async with units() as uow:
        await write(uow, "a")
        assert uow.begun
    assert not uow.begun
    assert await store.fetch_one(COUNT) == 1


@pytest.mark.parametrize("error", [ValueError, asyncio.CancelledError])
async def test_an_exception_rolls_back(
    units: UnitOfWorkFactory, store: Storage, write: Write, error: type[BaseException]
) -> None:
    with pytest.raises(error):
        async with units() as uow:
            await write(uow, "a")
            raise error
    assert await store.fetch_one(COUNT) == 0


async def test_a_unit_that_is_never_used_begins_nothing(units: UnitOfWorkFactory, bell: CountingBell) -> None:
    async with units() as uow:
        await uow.publish("contract.nobody_listens", Payload(1))
        assert not uow.begun
    assert bell.rings == 0


async def test_the_other_door_is_closed(units: UnitOfWorkFactory) -> None:
    async with units() as uow:
        await uow.execute(OPEN, email="a")
        with pytest.raises(TwoDoorsError):
            _ = uow.session
    async with units() as uow:
        assert await uow.session.scalar(select(func.count()).select_from(Account)) == 1
        with pytest.raises(TwoDoorsError):
            await uow.fetch_one(COUNT)


async def test_an_ended_unit_refuses_everything(units: UnitOfWorkFactory, write: Write) -> None:
    async with units() as uow:
        await write(uow, "a")
    with pytest.raises(EndedUnitError):
        await uow.fetch_one(COUNT)
    with pytest.raises(EndedUnitError):
        await uow.connection()
    with pytest.raises(EndedUnitError):
        _ = uow.session
    with pytest.raises(EndedUnitError):
        await uow.enqueue(plain, Payload(1))
    with pytest.raises(EndedUnitError):
        await uow.publish("contract.happened", Payload(1))
    with pytest.raises(EndedUnitError):
        await uow.commit()
    await uow.rollback()


async def test_jobs_exist_exactly_if_the_transaction_commits(
    units: UnitOfWorkFactory, store: Storage, write: Write, bell: CountingBell
) -> None:
    with pytest.raises(ValueError, match="changed my mind"):
        async with units() as uow:
            await write(uow, "a")
            assert isinstance(await uow.enqueue(plain, Payload(1)), UUID)
            await uow.publish("contract.happened", Payload(2))
            raise ValueError("changed my mind")
    assert (await store.fetch_all(NAMES), bell.rings) == ([], 0)
    async with units() as uow:
        await write(uow, "a")
        enqueued = await uow.enqueue(plain, Payload(1))
        await uow.publish("contract.happened", Payload(2))
        assert bell.rings == 0
    assert await store.fetch_all(NAMES) == ["contract.first", "contract.plain", "contract.second"]
    assert bell.rings == 1
    assert await store.fetch_one(Query(select(jobs.c.id).where(jobs.c.name == "contract.plain"), into=UUID)) == enqueued


async def test_jobs_alone_are_a_unit(units: UnitOfWorkFactory, store: Storage, bell: CountingBell) -> None:
    async with units() as uow:
        await uow.enqueue(plain, Payload(1))
    async with units() as uow:
        _ = uow.session
        await uow.enqueue(plain, Payload(1))
    assert await store.fetch_all(NAMES) == ["contract.plain"] * 2
    assert bell.rings == 2


async def test_a_key_that_holds_a_job_gives_none(
    units: UnitOfWorkFactory, store: Storage, write: Write, bell: CountingBell
) -> None:
    async with units() as uow:
        await write(uow, "a")
        assert await uow.enqueue(once, Payload(1), key="k") is not None
        assert await uow.enqueue(once, Payload(2), key="k") is None
    async with units() as uow:
        await write(uow, "b")
        assert await uow.enqueue(once, Payload(1), key="k") is None
    assert await store.fetch_all(NAMES) == ["contract.once"]
    assert bell.rings == 1


async def test_the_guard_runs_once_within_the_transaction_before_anything_else(
    units: UnitOfWorkFactory, store: Storage, write: Write
) -> None:
    seen: list[int] = []

    async def guard(uow: UnitOfWork) -> None:
        connection = await uow.connection()
        seen.append(await connection.fetchval("SELECT count(*) FROM contract.accounts"))
        await connection.execute("INSERT INTO contract.accounts (id, email) VALUES (gen_random_uuid(), 'guard')")

    with pytest.raises(ValueError, match="no"):
        async with units(on_begin=guard) as uow:
            await write(uow, "a")
            raise ValueError("no")
    assert await store.fetch_one(COUNT) == 0
    async with units(on_begin=guard) as uow:
        await write(uow, "a")
        await write(uow, "b")
    assert seen == [0, 0]
    assert await store.fetch_one(COUNT) == 3


async def test_nobody_gets_past_a_guard_that_refuses(units: UnitOfWorkFactory, store: Storage, write: Write) -> None:
    async def guard(_uow: UnitOfWork) -> None:
        raise LookupError("in progress")

    with pytest.raises(EndedUnitError):
        async with units(on_begin=guard) as uow:
            with pytest.raises(LookupError):
                await write(uow, "a")
    with pytest.raises(LookupError):
        async with units(on_begin=guard) as uow:
            await write(uow, "a")
    assert await store.fetch_one(COUNT) == 0


async def test_the_open_unit_is_known_while_its_transaction_is_open(units: UnitOfWorkFactory, write: Write) -> None:
    async with units() as uow:
        assert open_unit() is None
        await write(uow, "a")
        assert open_unit() is uow
        later = asyncio.Event()
        child = asyncio.ensure_future(open_after(later))
    assert open_unit() is None
    later.set()
    assert await child is None
    with pytest.raises(ValueError, match="no"):
        async with units() as uow:
            await write(uow, "b")
            raise ValueError("no")
    assert open_unit() is None


async def open_after(event: asyncio.Event) -> UnitOfWork | None:
    await event.wait()
    return open_unit()


async def test_the_drivers_connection_is_that_of_the_door(units: UnitOfWorkFactory) -> None:
    mine = "SELECT pg_backend_pid()"
    async with units() as uow:
        assert await (await uow.connection()).fetchval(mine) == await uow.fetch_one(BACKEND)
    async with units() as uow:
        session = uow.session
        assert await (await uow.connection()).fetchval(mine) == await session.scalar(select(func.pg_backend_pid()))


async def test_a_repository_works_in_the_unit(units: UnitOfWorkFactory, store: Storage) -> None:
    async with units() as uow:
        await uow.repository(Accounts).add(Account(email="a"))
    assert await store.fetch_one(COUNT) == 1


async def test_a_savepoint_is_not_another_beginning(units: UnitOfWorkFactory, store: Storage) -> None:
    begun: list[UnitOfWork] = []

    async def count(uow: UnitOfWork) -> None:
        begun.append(uow)

    async with units(on_begin=count) as uow:
        uow.session.add(Account(email="a"))
        with pytest.raises(IntegrityError):
            async with uow.session.begin_nested():
                await uow.session.execute(insert(Account).values(email="a"))
        await uow.session.execute(insert(Account).values(email="b"))
    assert len(begun) == 1
    assert await store.fetch_one(COUNT) == 2


async def test_a_failed_commit_is_told_and_rings_nothing(
    units: UnitOfWorkFactory, store: Storage, bell: CountingBell
) -> None:
    stranger = UUID(int=1)
    with pytest.raises(ForeignKeyViolationError) as compiled:
        async with units() as uow:
            await uow.execute(OPEN_CHILD, email="a", parent=stranger)
            await uow.enqueue(plain, Payload(1))
    with pytest.raises(IntegrityError) as session:
        async with units() as uow:
            uow.session.add(Account(email="a", parent=stranger))
            await uow.enqueue(plain, Payload(1))
    assert violated_constraint(compiled.value) == violated_constraint(session.value) == "fk_accounts_parent"
    assert (await store.fetch_one(COUNT), await store.fetch_all(NAMES), bell.rings) == (0, [], 0)


async def test_a_violated_constraint_is_known_by_its_name_through_every_door(units: UnitOfWorkFactory) -> None:
    async with units() as uow:
        await uow.execute(OPEN, email="a")
    with pytest.raises(UniqueViolationError) as compiled:
        async with units() as uow:
            await uow.execute(OPEN, email="a")
    with pytest.raises(IntegrityError) as session:
        async with units() as uow:
            uow.session.add(Account(email="a"))
    with pytest.raises(RepositoryError) as repository:
        async with units() as uow:
            await uow.repository(Accounts).add(Account(email="a"))
    for violation in (compiled, session, repository):
        assert violated_constraint(violation.value) == "uq_accounts_email"
    assert violated_constraint(ValueError("something else")) is None


async def test_a_swallowed_failure_does_not_pass_for_a_commit(units: UnitOfWorkFactory, write: Write) -> None:
    async with units() as uow:
        await write(uow, "a")
    with pytest.raises(Rejected, match="transaction_aborted"):
        async with units() as uow:
            connection = await uow.connection()
            with pytest.raises(UniqueViolationError):
                await connection.execute("INSERT INTO contract.accounts (id, email) VALUES (gen_random_uuid(), 'a')")


async def test_a_connection_lost_before_the_commit_is_unavailable(
    units: UnitOfWorkFactory, store: Storage, admin: Connection, write: Write
) -> None:
    with pytest.raises(Unavailable):
        async with units() as uow:
            await write(uow, "a")
            await terminate(admin, await (await uow.connection()).fetchval("SELECT pg_backend_pid()"))
    assert await store.fetch_one(COUNT) == 0


@pytest.mark.parametrize("door", ["compiled", "session"])
async def test_a_connection_lost_under_a_statement_of_the_drivers_is_unavailable(
    units: UnitOfWorkFactory, admin: Connection, door: str
) -> None:
    async def work() -> None:
        async with units() as uow:
            if door == "session":
                _ = uow.session
            await (await uow.connection()).execute("SELECT pg_sleep(60)")

    working = asyncio.ensure_future(work())
    await terminate(admin, await running(admin, "SELECT pg_sleep(60)"))
    with pytest.raises(Unavailable):
        await working


@pytest.mark.parametrize("door", ["compiled", "session"])
async def test_a_connection_lost_under_the_commit_leaves_the_outcome_unknown(
    units: UnitOfWorkFactory, store: Storage, admin: Connection, door: str
) -> None:
    async def work() -> None:
        async with units() as uow:
            if door == "session":
                _ = uow.session
            await (await uow.connection()).execute("INSERT INTO contract.slow VALUES (1)")

    working = asyncio.ensure_future(work())
    await terminate(admin, await running(admin, "COMMIT"))
    with pytest.raises(OutcomeUnknown) as doubt:
        await working
    assert doubt.value.reference == "commit"
    async with units() as uow:
        await uow.session.scalar(select(func.count()).select_from(Slow))
    assert await store.fetch_one(COUNT) == 0


async def test_many_units_at_once_share_few_connections(units: UnitOfWorkFactory, store: Storage, write: Write) -> None:
    async def work(number: int) -> None:
        async with units() as uow:
            await write(uow, f"{number}")
            await uow.enqueue(plain, Payload(number))

    await asyncio.gather(*(work(number) for number in range(50)))
    assert await store.fetch_one(COUNT) == 50
    assert len(await store.fetch_all(NAMES)) == 50


async def test_a_cancelled_unit_leaves_nothing_and_frees_its_connection(
    units: UnitOfWorkFactory, store: Storage, admin: Connection, write: Write
) -> None:
    async def work() -> None:
        async with units() as uow:
            await write(uow, "a")
            await (await uow.connection()).execute("SELECT pg_sleep(60)")

    for _ in range(3):  # more than there are connections
        working = asyncio.ensure_future(work())
        await running(admin, "SELECT pg_sleep")
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working

    async def is_free() -> Any:
        return not await store.fetch_one(COUNT)

    await until(is_free)
