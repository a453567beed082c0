"""What every test of faults starts from: a PostgreSQL server of its own, and a folder for a deployment."""

import itertools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from ports.secrets import Secret
from tests.faults.kit.bells import MARK, parametrize_bells
from tests.faults.kit.cluster import Cluster, cluster
from tests.faults.kit.jobsite import PLUGINS
from tests.faults.kit.nursery import Nursery, nursery
from tests.faults.kit.processes import command, environment


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", MARK)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Choose the bells."""
    parametrize_bells(metafunc)


@pytest.fixture(scope="package")
async def postgres() -> AsyncIterator[Cluster]:
    """A server that tests may stop and start; whoever does leaves it running."""
    async with cluster() as server:
        yield server


@pytest.fixture
def folder() -> Iterator[Path]:
    """A fresh folder for a deployment, whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="hexastar-") as folder:
        yield Path(folder)


@pytest.fixture(scope="package", name="nursery")
async def open_nursery() -> AsyncIterator[Nursery]:
    """Where workers come from that are killed by the dozen."""
    async with nursery() as opened:
        yield opened


@pytest.fixture(scope="package")
async def labour_database(
    postgres: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], Awaitable[Secret]]:
    """Make a migrated database for jobs; return its address."""
    template = await postgres.create_database("labour")
    code, output = await command(
        tmp_path_factory.mktemp("labour"), environment(template, *PLUGINS), "database", "upgrade"
    )
    assert code == 0, output
    numbers = itertools.count(1)

    async def create() -> Secret:
        name = f"labour_{next(numbers)}"
        connection = await asyncpg.connect(postgres.dsn().reveal())
        try:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE labour")
        finally:
            await connection.close()
        return postgres.dsn(name)

    return create
