from collections.abc import AsyncIterator, Iterator

import asyncpg
import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from adapters.storage.asyncpg_storage import AsyncpgStorage, PoolSizes, open_storage
from core.testing.database import drop_database, embedded_server, with_database
from ports.secrets import Secret
from tests.jobs.workshop import Workshop, schema


@pytest.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secret]:
    async with embedded_server(tmp_path_factory.mktemp("jobs")) as dsn:
        yield dsn


@pytest.fixture(scope="session")
async def dsn(server: Secret) -> AsyncIterator[Secret]:
    """A database with nothing but the core's first revision and a table of effects."""
    name = "jobs_under_test"
    connection = await asyncpg.connect(server.reveal())
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    connection = await asyncpg.connect(with_database(server, name).reveal())
    for statement in schema():
        await connection.execute(statement)
    await connection.close()
    yield with_database(server, name)
    await drop_database(server, name)


@pytest.fixture(scope="session")
async def storage(dsn: Secret) -> AsyncIterator[AsyncpgStorage]:
    async with open_storage(dsn, PoolSizes(8, 4, 5.0)) as storage:
        yield storage


@pytest.fixture
async def shop(storage: AsyncpgStorage, dsn: Secret) -> AsyncIterator[Workshop]:
    connection = await asyncpg.connect(dsn.reveal())
    try:
        yield Workshop(storage, connection)
    finally:
        await connection.execute("TRUNCATE core.jobs, effects")
        await connection.close()


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[EventDict]]:
    """What was logged."""
    with capture_logs() as records:
        yield records
