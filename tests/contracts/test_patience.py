"""The store gives up a statement that takes too long, says so in the port's words, and goes on."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Text, cast, func, select, text

from adapters.storage.asyncpg_storage import AsyncpgStorage, PoolSizes, open_storage
from adapters.storage.patience import Patience
from core.testing.database import embedded_server
from ports.errors import Unavailable
from ports.storage import Query

SLEEP = Query(select(cast(func.pg_sleep(60), Text)), into=str)
ONE = Query(select(func.abs(1).label("one")), into=int)


@pytest.fixture(scope="module")
async def hasty(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[AsyncpgStorage]:
    async with (
        embedded_server(tmp_path_factory.mktemp("hasty")) as dsn,
        open_storage(dsn, PoolSizes(1, 1, 5.0), Patience(statement=0.2)) as storage,
    ):
        yield storage


async def test_through_the_compiled_door(hasty: AsyncpgStorage) -> None:
    with pytest.raises(Unavailable):
        await hasty.fetch_one(SLEEP)
    assert await hasty.fetch_one(ONE) == 1


async def test_in_a_transaction(hasty: AsyncpgStorage) -> None:
    transaction = hasty.transaction()
    with pytest.raises(Unavailable):
        await transaction.fetch_one(SLEEP)
    await transaction.rollback()
    assert await hasty.fetch_one(ONE) == 1


async def test_through_the_session_door(hasty: AsyncpgStorage) -> None:
    async with hasty.session() as session:
        with pytest.raises(Unavailable):
            await session.execute(text("SELECT pg_sleep(60)"))
    async with hasty.session() as session:
        assert await session.scalar(text("SELECT 1")) == 1


async def test_on_a_connection_of_ones_own(hasty: AsyncpgStorage) -> None:
    connection = await hasty.connect(application_name="own")
    try:
        with pytest.raises(TimeoutError):
            await connection.execute("SELECT pg_sleep(60)")
        assert await connection.fetchval("SELECT 1") == 1
    finally:
        await connection.close()


async def test_a_rollback_is_not_waited_for_where_the_server_does_not_answer(hasty: AsyncpgStorage) -> None:
    """The pool has one connection: it must come back though its statement was cut off by its task."""

    async def work() -> None:
        transaction = hasty.transaction()
        try:
            await transaction.fetch_one(SLEEP)
        finally:
            await transaction.rollback()

    working = asyncio.ensure_future(work())
    await asyncio.sleep(0.05)
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert await hasty.fetch_one(ONE) == 1


def test_times_reach_the_server_in_its_units() -> None:
    patience = Patience(statement=1.5, network=15)
    assert patience.statement_settings() == {"statement_timeout": "1500"}
    assert patience.network_settings() == {
        "tcp_keepalives_idle": "5",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
        "tcp_user_timeout": "15000",
    }
