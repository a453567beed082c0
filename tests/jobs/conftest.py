from collections.abc import AsyncIterator, Iterator

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from adapters.storage.asyncpg_storage import AsyncpgStorage, PoolSizes, open_storage
from core.testing.database import embedded_server
from ports.secrets import Secret
from tests.jobs.workshop import Workshop, jobs_database, open_shop


@pytest.fixture(scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Secret]:
    async with embedded_server(tmp_path_factory.mktemp("jobs")) as dsn:
        yield dsn


@pytest.fixture(scope="session")
async def dsn(server: Secret) -> AsyncIterator[Secret]:
    async with jobs_database(server, "jobs_under_test") as dsn:
        yield dsn


@pytest.fixture(scope="session")
async def storage(dsn: Secret) -> AsyncIterator[AsyncpgStorage]:
    async with open_storage(dsn, PoolSizes(8, 4, 5.0)) as storage:
        yield storage


@pytest.fixture
async def shop(storage: AsyncpgStorage, dsn: Secret) -> AsyncIterator[Workshop]:
    async with open_shop(storage, dsn) as shop:
        yield shop


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[EventDict]]:
    """What was logged."""
    with capture_logs() as records:
        yield records
