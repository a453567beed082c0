"""Both adapters of the storage port keep its contract, and each its own promises besides."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from adapters.storage import embedded_postgres, postgres
from core.testing.contracts.storage import OpenStorage, StorageContract
from core.testing.database import create_clone, drop_database, embedded_server
from ports.errors import Rejected, Unavailable
from ports.secrets import Secret
from ports.storage import Storage


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("storage")


@pytest.fixture(scope="module")
async def server(state_dir: Path) -> AsyncIterator[Secret]:
    async with embedded_server(state_dir) as dsn:
        yield dsn


@pytest.fixture(scope="module")
async def database(server: Secret) -> AsyncIterator[Secret]:
    yield await create_clone(server, "template1", "contract")
    await drop_database(server, "contract")


class TestPostgres(StorageContract):
    @pytest.fixture
    def open_storage(self, database: Secret) -> OpenStorage:
        def opened(**options: float) -> AbstractAsyncContextManager[Storage]:
            return postgres.open(postgres.Settings(dsn=database, **options))  # type: ignore[arg-type]

        return opened


class TestEmbeddedPostgres(StorageContract):
    @pytest.fixture
    def open_storage(self, server: Secret, state_dir: Path) -> OpenStorage:
        def opened(**options: float) -> AbstractAsyncContextManager[Storage]:
            return embedded_postgres.open(embedded_postgres.Settings(state_dir=str(state_dir), **options))  # type: ignore[arg-type]

        return opened


async def test_a_server_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    settings = postgres.Settings(dsn=Secret(f"postgresql://nobody@/nothing?host={tmp_path}"))
    with pytest.raises(Unavailable):
        async with postgres.open(settings):
            pass


async def test_a_budget_above_the_servers_limit_is_refused_with_what_to_change(server: Secret) -> None:
    settings = postgres.Settings(dsn=server, pool_size=900, session_pool_size=90)
    with pytest.raises(Rejected, match=r"991 connections .*max_connections") as refusal:
        async with postgres.open(settings):
            pass
    assert refusal.value.code == "connection_budget"


async def test_data_of_another_major_version_is_refused_with_the_way_out(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    data.mkdir()
    (data / "PG_VERSION").write_text("16\n")
    with pytest.raises(Rejected, match="dump it with pg_dumpall under PostgreSQL 16") as refusal:
        async with embedded_postgres.open(embedded_postgres.Settings(state_dir=str(tmp_path))):
            pass
    assert refusal.value.code == "data_directory_version"


async def test_a_folder_with_something_else_in_it_is_refused_and_left_alone(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    data.mkdir()
    (data / "thesis.txt").write_text("years of work")
    with pytest.raises(Rejected) as refusal:
        async with embedded_postgres.open(embedded_postgres.Settings(state_dir=str(tmp_path))):
            pass
    assert refusal.value.code == "data_directory_foreign"
    assert [file.name for file in data.iterdir()] == ["thesis.txt"]
