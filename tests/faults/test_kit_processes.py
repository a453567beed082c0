"""The kit's own servers: a cluster that keeps what it acknowledged, and processes that end when told to."""

import signal
from pathlib import Path

import asyncpg
import httpx
import pytest

from tests.faults.kit.cluster import Cluster
from tests.faults.kit.processes import at_work, command, environment, server, worker


async def test_a_cluster_keeps_what_it_acknowledged_over_a_crash(postgres: Cluster) -> None:
    dsn = await postgres.create_database("kept")
    connection = await asyncpg.connect(dsn.reveal())
    await connection.execute("CREATE TABLE kept (number int)")
    await connection.execute("INSERT INTO kept VALUES (1)")
    connection.terminate()
    await postgres.stop("immediate")
    with pytest.raises(ConnectionRefusedError):
        await asyncpg.connect(dsn.reveal())
    await postgres.start()
    connection = await asyncpg.connect(dsn.reveal())
    assert await connection.fetchval("SELECT count(*) FROM kept") == 1
    await connection.close()


async def test_servers_and_workers_start_are_looked_at_and_end(postgres: Cluster, folder: Path) -> None:
    dsn = await postgres.create_database("looked_at")
    environ = environment(dsn)
    assert (await command(folder, environ, "database", "upgrade"))[0] == 0
    async with server(folder, environ) as serving, worker(folder, environ) as working:
        await at_work(dsn)
        async with httpx.AsyncClient(base_url=serving.url) as client:
            assert (await client.get("/health/live")).status_code == 200
        assert serving.resident_bytes() > 1_000_000
        assert serving.open_files() > 3
        assert serving.cpu_seconds() > 0
        assert await working.stop(signal.SIGTERM) == 0
        await serving.kill()
        assert serving.process.returncode == -signal.SIGKILL
