"""What every test of faults starts from: a PostgreSQL server of its own, and a folder for a deployment."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.faults.kit.cluster import Cluster, cluster


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
